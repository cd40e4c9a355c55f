//! Media stream and track ids (RFC 8830), on the section and on its SSRCs (RFC 5576).

use super::text::{Section, is_token, value};

/// RFC 8830 allows an identifier 64 characters.
const MAX_ID: usize = 64;

/// Stream and track id a section announces; `-` stands for "no stream" and is kept.
pub(super) fn find<'a>(section: &Section<'a>) -> Option<(&'a str, &'a str)> {
    let own = section.attributes("msid").next();
    let of_ssrc = || section.attributes("ssrc").find_map(|v| v.split_once(' ')?.1.strip_prefix("msid:"));
    let ids = own.or_else(of_ssrc)?.trim();
    let (stream, track) = ids.split_once(' ').unwrap_or((ids, ""));
    (!stream.is_empty()).then_some((stream, track.trim()))
}

/// An id that may stand in SDP: token characters, at most one `|` (clients split there), at most
/// 64 characters. Publishers name their streams freely.
pub(super) fn clean(id: &str) -> String {
    let mut bars = 0;
    let mut clean: String = id
        .chars()
        .take(MAX_ID)
        .map(|c| {
            bars += usize::from(c == '|');
            let fits = u8::try_from(c).is_ok_and(is_token) && (c != '|' || bars == 1);
            if fits { c } else { '_' }
        })
        .collect();
    if clean.is_empty() {
        clean.push('-');
    }
    clean
}

/// Whether a line says which stream or SSRC a section sends.
pub(super) fn identifies_sender(line: &str) -> bool {
    ["msid", "ssrc", "ssrc-group"].iter().any(|name| value(line, name).is_some())
}

/// A line of a section that now sends `track` of `stream`; `None` to leave the line out.
pub(super) fn rewrite(line: &str, stream: &str, track: &str) -> Option<String> {
    if value(line, "msid").is_some() {
        return None;
    }
    let Some((ssrc, attribute)) = value(line, "ssrc").and_then(|v| v.split_once(' ')) else {
        return Some(line.to_owned());
    };
    Some(match attribute.split(':').next() {
        Some("msid") => format!("a=ssrc:{ssrc} msid:{stream} {track}"),
        Some("mslabel") => format!("a=ssrc:{ssrc} mslabel:{stream}"),
        Some("label") => format!("a=ssrc:{ssrc} label:{track}"),
        // The name of the sending endpoint (RFC 3550 §6.5.1) stays: it is one for all sections.
        _ => line.to_owned(),
    })
}
