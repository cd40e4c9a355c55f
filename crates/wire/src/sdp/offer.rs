//! What an offer asks for.

use super::text::{Document, Section};
use super::{Direction, SdpError, SectionKind, msid};
use std::collections::BTreeSet;

/// RTP has 128 payload types; more formats are not looked at.
const MAX_FORMATS: usize = 128;
/// More SSRCs than any client announces on a section.
const MAX_SSRCS: usize = 64;

/// One m-section of an offer, in the order of the offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedSection {
    /// `a=mid`, unique in the offer.
    pub mid: String,
    /// What it carries.
    pub kind: SectionKind,
    /// Seen from the offerer.
    pub direction: Direction,
    /// Port zero without `a=bundle-only`: the section is stopped (RFC 9143 §6).
    pub stopped: bool,
    /// Media stream id and track id; the track id is empty where the offer has none.
    pub msid: Option<(String, String)>,
    /// RTP stream ids the offerer sends, in order (RFC 8851).
    pub rids: Vec<String>,
    /// `a=simulcast` with sent streams (RFC 8853).
    pub has_simulcast: bool,
    /// Codec names in order of preference as written, each once.
    pub codecs: Vec<String>,
    /// SSRCs the offerer announces, each once, at most 64.
    pub ssrcs: Vec<u32>,
}

impl OfferedSection {
    /// The offerer sends media on it.
    #[must_use]
    pub fn client_sends(&self) -> bool {
        !self.stopped && matches!(self.direction, Direction::SendRecv | Direction::SendOnly)
    }

    /// The offerer is willing to receive media on it.
    #[must_use]
    pub fn client_receives(&self) -> bool {
        !self.stopped && matches!(self.direction, Direction::SendRecv | Direction::RecvOnly)
    }

    /// Audio or video.
    #[must_use]
    pub fn is_media(&self) -> bool {
        matches!(self.kind, SectionKind::Audio | SectionKind::Video)
    }

    /// Audio.
    #[must_use]
    pub fn is_audio(&self) -> bool {
        self.kind == SectionKind::Audio
    }
}

/// Reads the m-sections of an offer.
///
/// # Errors
/// When the text is no SDP, is too large, or a section has no `mid` of its own.
pub fn offered_sections(sdp: &str) -> Result<Vec<OfferedSection>, SdpError> {
    let document = Document::parse(sdp)?;
    let attribute = |line: &&str| line.strip_prefix("a=").and_then(Direction::of);
    let default = document.session.iter().find_map(attribute).unwrap_or(Direction::SendRecv);
    let mut mids = BTreeSet::new();
    let mut sections = Vec::with_capacity(document.sections.len());
    for (index, section) in document.sections.iter().enumerate() {
        let mid = section.mid().filter(|mid| mids.insert(*mid)).ok_or(SdpError::Mid(index))?;
        let direction = section.lines.iter().find_map(attribute).unwrap_or(default);
        sections.push(read(section, mid, direction));
    }
    Ok(sections)
}

fn read(section: &Section<'_>, mid: &str, direction: Direction) -> OfferedSection {
    OfferedSection {
        mid: mid.to_owned(),
        kind: section.media.kind,
        direction,
        stopped: section.media.port == 0 && !section.has("bundle-only"),
        msid: msid::find(section).map(|(stream, track)| (stream.to_owned(), track.to_owned())),
        rids: section.attributes("rid").filter_map(sent_rid).map(str::to_owned).collect(),
        has_simulcast: section.attributes("simulcast").any(|v| v.split(' ').any(|word| word == "send")),
        codecs: codecs(section),
        ssrcs: ssrcs(section),
    }
}

fn sent_rid(value: &str) -> Option<&str> {
    let mut words = value.split(' ');
    let (id, direction) = (words.next()?, words.next()?);
    (direction == "send" && !id.is_empty()).then_some(id)
}

fn codecs(section: &Section<'_>) -> Vec<String> {
    let mut seen = Vec::<String>::new();
    for codec in section.media.formats().take(MAX_FORMATS).filter_map(|format| section.codec(format)) {
        if !seen.iter().any(|s| s.eq_ignore_ascii_case(codec)) {
            seen.push(codec.to_owned());
        }
    }
    seen
}

fn ssrcs(section: &Section<'_>) -> Vec<u32> {
    let mut seen = Vec::new();
    let values = section.attributes("ssrc").filter_map(|v| v.split(' ').next()?.parse().ok());
    for ssrc in values {
        if seen.len() < MAX_SSRCS && !seen.contains(&ssrc) {
            seen.push(ssrc);
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";

    fn sections(body: &str) -> Result<Vec<OfferedSection>, SdpError> {
        offered_sections(&format!("{HEAD}{}", body.replace('\n', "\r\n")))
    }

    #[test]
    fn a_simulcast_camera() {
        let body = "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98\na=mid:7\na=sendonly\na=msid:uuid cid-1\na=rtpmap:96 VP8/90000\n\
                    a=rtpmap:97 rtx/90000\na=fmtp:97 apt=96\na=rtpmap:98 vp8/90000\na=rid:q send\na=rid:h send pt=96\n\
                    a=rid:f send\na=simulcast:send q;h;f\n";
        let got = sections(body).unwrap_or_default();
        assert_eq!(got.len(), 1);
        let s = &got[0];
        assert_eq!((s.mid.as_str(), s.kind, s.direction), ("7", SectionKind::Video, Direction::SendOnly));
        assert_eq!(s.msid, Some(("uuid".to_owned(), "cid-1".to_owned())));
        assert_eq!(s.rids, ["q", "h", "f"]);
        assert_eq!(s.codecs, ["VP8", "rtx"]);
        assert!(s.has_simulcast && s.client_sends() && !s.client_receives() && s.is_media() && !s.is_audio());
    }

    #[test]
    fn directions_ports_and_static_codecs() {
        let body = "m=audio 0 UDP/TLS/RTP/SAVPF 0 8\na=mid:a\na=sendrecv\n\
                    m=audio 0 UDP/TLS/RTP/SAVPF 0 8\na=mid:b\na=bundle-only\n\
                    m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=mid:d\na=ssrc:9 cname:x\n\
                    m=video 9/2 UDP/TLS/RTP/SAVPF 96\na=mid:v\na=inactive\na=ssrc:5 cname:x\na=ssrc:5 msid:s t\na=ssrc:4 cname:x\n";
        let got = sections(body).unwrap_or_default();
        assert!(got[0].stopped && !got[0].client_sends() && !got[0].client_receives());
        assert!(!got[1].stopped && got[1].client_sends(), "the default is sendrecv");
        assert_eq!(got[1].codecs, ["PCMU", "PCMA"]);
        assert_eq!((got[2].kind, got[2].is_media()), (SectionKind::Application, false));
        assert_eq!(got[3].msid, Some(("s".to_owned(), "t".to_owned())), "from the SSRC");
        assert_eq!(got[3].ssrcs, [5, 4]);
        let session = format!("{HEAD}a=recvonly\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n");
        assert_eq!(offered_sections(&session).map(|s| s[0].direction), Ok(Direction::RecvOnly));
    }

    #[test]
    fn refusals() {
        assert_eq!(offered_sections(""), Err(SdpError::NotSdp));
        assert_eq!(offered_sections("hello"), Err(SdpError::NotSdp));
        assert_eq!(sections("m=audio 9 RTP/AVP 0\n"), Err(SdpError::Mid(0)));
        let twice = "m=audio 9 RTP/AVP 0\na=mid:0\nm=audio 9 RTP/AVP 0\na=mid:0\n";
        assert_eq!(sections(twice), Err(SdpError::Mid(1)));
        assert_eq!(sections("m=audio 9 RTP/AVP 0\na=mid:two words\n"), Err(SdpError::Mid(0)));
        for line in [
            "m=audio x RTP/AVP 0",
            "m=audio 9 RTP/AVP",
            "m=audio",
            "m=audio 99999 RTP/AVP 0",
            "junk",
            "a=x\u{0}",
            "a=x\ry",
        ] {
            assert_eq!(sections(&format!("{line}\n")), Err(SdpError::Line(5)), "{line:?}");
        }
        assert_eq!(offered_sections(&"x".repeat(crate::sdp::MAX_BYTES + 1)), Err(SdpError::TooLarge));
        let many: String = (0..=1024).map(|i| format!("m=audio 9 RTP/AVP 0\na=mid:{i}\n")).collect();
        assert_eq!(sections(&many), Err(SdpError::TooLarge));
    }
}
