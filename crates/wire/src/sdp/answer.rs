//! Surgery on an answer, section by section.

use super::text::{Document, Section, value};
use super::{Direction, SdpError, msid};

/// What to change in one m-section of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionPlan {
    /// Which section.
    pub mid: String,
    /// Force this direction; `Inactive` also takes out stream ids and SSRCs, or browsers would
    /// show a track that is not there.
    pub direction: Option<Direction>,
    /// Stream id and track id to announce; characters SDP does not allow become `_`.
    pub msid: Option<(String, String)>,
    /// Codec to list first by name, all its payload types, each followed by its retransmissions.
    /// Ignored if the section does not have it.
    pub first_codec: Option<String>,
    /// `key=value` parameters for Opus; a key that is there gets the new value.
    pub opus_params: Vec<String>,
}

impl SectionPlan {
    /// Changes nothing.
    #[must_use]
    pub fn keep(mid: &str) -> Self {
        Self { mid: mid.to_owned(), direction: None, msid: None, first_codec: None, opus_params: Vec::new() }
    }

    /// Nothing flows on the section.
    #[must_use]
    pub fn inactive(mid: &str) -> Self {
        Self { direction: Some(Direction::Inactive), ..Self::keep(mid) }
    }

    /// We send this track on the section and receive nothing.
    #[must_use]
    pub fn sends(mid: &str, stream: &str, track: &str) -> Self {
        let msid = Some((stream.to_owned(), track.to_owned()));
        Self { direction: Some(Direction::SendOnly), msid, ..Self::keep(mid) }
    }
}

/// Applies plans to an answer; sections without a plan, and plans without a section, stay as they
/// are. Lines end in CRLF.
///
/// # Errors
/// When the text is no SDP or is too large.
pub fn rewrite_answer(answer: &str, plans: &[SectionPlan]) -> Result<String, SdpError> {
    let document = Document::parse(answer)?;
    let mut out = String::with_capacity(answer.len() + 256);
    let mut push = |line: &str| {
        out.push_str(line);
        out.push_str("\r\n");
    };
    document.session.iter().copied().for_each(&mut push);
    for section in &document.sections {
        let mid = section.mid();
        let mut lines: Vec<String> = section.lines.iter().map(|line| (*line).to_owned()).collect();
        let mut formats: Vec<&str> = section.media.formats().collect();
        for plan in plans.iter().filter(|plan| Some(plan.mid.as_str()) == mid) {
            lines = apply(plan, section, lines, &mut formats);
        }
        push(&format!("{} {}", section.media.head, formats.join(" ")));
        lines.iter().map(String::as_str).for_each(&mut push);
    }
    Ok(out)
}

/// Takes one header extension out of the sections that `of` picks by id.
///
/// # Errors
/// When the text is no SDP or is too large.
pub fn strip_extension(sdp: &str, uri: &str, of: impl Fn(&str) -> bool) -> Result<String, SdpError> {
    let document = Document::parse(sdp)?;
    let mut out = String::with_capacity(sdp.len());
    let mut push = |line: &str| {
        out.push_str(line);
        out.push_str("\r\n");
    };
    document.session.iter().copied().for_each(&mut push);
    for section in &document.sections {
        let picked = section.mid().is_some_and(&of);
        let formats: Vec<&str> = section.media.formats().collect();
        push(&format!("{} {}", section.media.head, formats.join(" ")));
        let stripped = |line: &&str| picked && value(line, "extmap").is_some_and(|v| v.split(' ').nth(1) == Some(uri));
        section.lines.iter().filter(|line| !stripped(line)).copied().for_each(&mut push);
    }
    Ok(out)
}

fn apply<'a>(plan: &SectionPlan, section: &Section<'a>, lines: Vec<String>, formats: &mut Vec<&'a str>) -> Vec<String> {
    let mut lines = lines;
    if let Some(codec) = &plan.first_codec {
        *formats = first(codec, section, formats);
    }
    if let Some(direction) = plan.direction {
        set_direction(direction, &mut lines);
    }
    if let Some((stream, track)) = &plan.msid {
        lines = set_msid(&msid::clean(stream), &msid::clean(track), &lines);
    }
    if plan.direction == Some(Direction::Inactive) {
        lines.retain(|line| !msid::identifies_sender(line));
    }
    if !plan.opus_params.is_empty() {
        for format in section.media.formats().filter(|f| section.codec(f).is_some_and(is_opus)) {
            set_params(format, &plan.opus_params, &mut lines);
        }
    }
    lines
}

fn is_opus(codec: &str) -> bool {
    codec.eq_ignore_ascii_case("opus")
}

fn first<'a>(codec: &str, section: &Section<'a>, formats: &[&'a str]) -> Vec<&'a str> {
    let wanted = |f: &&str| section.codec(f).is_some_and(|c| c.eq_ignore_ascii_case(codec));
    let mut front = Vec::with_capacity(formats.len());
    for format in formats.iter().copied().filter(wanted) {
        front.push(format);
        front.extend(formats.iter().copied().filter(|f| section.retransmits(f) == Some(format)));
    }
    let rest: Vec<&str> = formats.iter().copied().filter(|f| !front.contains(f)).collect();
    front.extend(rest);
    front
}

/// Where to put a new line: after the section's `a=mid`.
fn after_mid(lines: &[String]) -> usize {
    lines.iter().position(|line| value(line, "mid").is_some()).map_or(lines.len(), |at| at + 1)
}

fn set_direction(direction: Direction, lines: &mut Vec<String>) {
    let is_direction = |line: &String| line.strip_prefix("a=").and_then(Direction::of).is_some();
    let at = lines.iter().position(is_direction).unwrap_or_else(|| after_mid(lines));
    lines.retain(|line| !is_direction(line));
    lines.insert(at.min(lines.len()), format!("a={}", direction.as_str()));
}

fn set_msid(stream: &str, track: &str, lines: &[String]) -> Vec<String> {
    let at = lines.iter().position(|line| value(line, "msid").is_some()).unwrap_or_else(|| after_mid(lines));
    let mut out: Vec<String> = lines.iter().filter_map(|line| msid::rewrite(line, stream, track)).collect();
    out.insert(at.min(out.len()), format!("a=msid:{stream} {track}"));
    out
}

/// Sets `key=value` parameters on a payload type's `a=fmtp`, which is made if there is none.
fn set_params(format: &str, params: &[String], lines: &mut Vec<String>) {
    let of = |line: &str, name: &str| value(line, name).is_some_and(|v| v.split(' ').next() == Some(format));
    let at = lines.iter().position(|line| of(line, "fmtp"));
    let old = at.and_then(|at| lines.get(at)).and_then(|line| line.split_once(' ')).map_or("", |(_, v)| v);
    let line = format!("a=fmtp:{format} {}", merge(old, params));
    match at.and_then(|at| lines.get_mut(at)) {
        Some(existing) => *existing = line,
        None => {
            let rtpmap = lines.iter().position(|line| of(line, "rtpmap"));
            lines.insert(rtpmap.map_or(lines.len(), |at| at + 1), line);
        }
    }
}

fn merge(old: &str, new: &[String]) -> String {
    let key = |param: &str| param.split('=').next().unwrap_or(param).trim().to_owned();
    let safe = |param: &&String| !param.is_empty() && !param.contains([';', '\r', '\n']);
    let mut merged: Vec<&str> = old.split(';').map(str::trim).filter(|p| !p.is_empty()).collect();
    for param in new.iter().filter(safe) {
        match merged.iter_mut().find(|p| key(p) == key(param)) {
            Some(slot) => *slot = param,
            None => merged.push(param),
        }
    }
    merged.join(";")
}

#[cfg(test)]
mod tests;
