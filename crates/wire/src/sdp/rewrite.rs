//! Changing an answer.

use super::{SdpTextError, SectionPlan, attribute, codec_of, split_sections};

/// The answer with every plan carried out; sections without a plan stay as they are. Lines end in
/// CRLF. Doing it twice changes nothing more.
///
/// # Errors
/// The text is not SDP.
pub fn rewrite_answer(answer: &str, plans: &[SectionPlan]) -> Result<String, SdpTextError> {
    if !answer.starts_with("v=0") {
        return Err(SdpTextError::NotSdp);
    }
    let mut out = String::with_capacity(answer.len() + 256);
    for lines in split_sections(answer) {
        let plan = attribute(&lines, "mid").and_then(|mid| plans.iter().find(|p| p.mid == mid));
        match plan {
            Some(plan) => rewrite_section(&lines, plan, &mut out),
            None => lines.iter().for_each(|l| push(&mut out, l)),
        }
    }
    Ok(out)
}

fn push(out: &mut String, line: &str) {
    out.push_str(line);
    out.push_str("\r\n");
}

fn rewrite_section(lines: &[&str], plan: &SectionPlan, out: &mut String) {
    let opus = lines.iter().find_map(|l| {
        let (pt, codec) = l.strip_prefix("a=rtpmap:")?.split_once(' ')?;
        codec.to_ascii_lowercase().starts_with("opus/").then_some(pt)
    });
    for line in lines {
        if line.starts_with("m=") {
            push(out, &with_first_codec(lines, line, plan));
        } else if let Some(direction) = direction_of(line) {
            push(out, if plan.inactive { "a=inactive" } else { direction });
            if let (Some((stream, track)), false) = (&plan.msid, plan.inactive) {
                push(out, &format!("a=msid:{stream} {track}"));
            }
        } else if line.starts_with("a=msid:") {
            if plan.msid.is_none() && !plan.inactive {
                push(out, line);
            }
        } else if line.starts_with("a=ssrc") {
            rewrite_ssrc(line, plan, out);
        } else if let Some(rest) = opus.and_then(|pt| line.strip_prefix("a=fmtp:")?.strip_prefix(pt)?.strip_prefix(' ')) {
            push(out, &format!("a=fmtp:{} {}", opus.unwrap_or_default(), with_params(rest, &plan.opus_params)));
        } else {
            push(out, line);
        }
    }
}

fn direction_of(line: &str) -> Option<&str> {
    matches!(line, "a=sendrecv" | "a=sendonly" | "a=recvonly" | "a=inactive").then_some(line)
}

/// Streams of a silent section are not announced; those of a sending one carry the track's ids.
fn rewrite_ssrc(line: &str, plan: &SectionPlan, out: &mut String) {
    if plan.inactive {
        return;
    }
    match (&plan.msid, line.split_once(" msid:")) {
        (Some((stream, track)), Some((head, _))) => push(out, &format!("{head} msid:{stream} {track}")),
        _ => push(out, line),
    }
}

/// The m-line with the planned codec's payload types (and their retransmissions) in front.
fn with_first_codec(lines: &[&str], m_line: &str, plan: &SectionPlan) -> String {
    let Some(first) = &plan.first_codec else { return m_line.to_owned() };
    let mut words: Vec<&str> = m_line.split(' ').collect();
    if words.len() < 4 {
        return m_line.to_owned();
    }
    let payloads = words.split_off(3);
    let is_first = |pt: &str| codec_of(lines, pt).is_some_and(|c| c.eq_ignore_ascii_case(first));
    let repairs_first = |pt: &str| {
        let apt = lines.iter().find_map(|l| {
            let (number, params) = l.strip_prefix("a=fmtp:")?.split_once(' ')?;
            (number == pt).then(|| params.strip_prefix("apt=")).flatten()
        });
        apt.is_some_and(is_first)
    };
    let (front, back): (Vec<&str>, Vec<&str>) = payloads.iter().partition(|pt| is_first(pt) || repairs_first(pt));
    words.extend(front);
    words.extend(back);
    words.join(" ")
}

/// Parameters added unless one of the same name stands there.
fn with_params(existing: &str, added: &[String]) -> String {
    let mut all = existing.to_owned();
    for param in added {
        let name = param.split('=').next().unwrap_or(param);
        let known = existing.split(';').any(|p| p.trim().split('=').next() == Some(name));
        if !known {
            all.push(';');
            all.push_str(param);
        }
    }
    all
}
