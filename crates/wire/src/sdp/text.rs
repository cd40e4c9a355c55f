//! Lines, sections, and the attributes surgery needs.

use super::{MAX_BYTES, MAX_SECTIONS, SdpError, SectionKind};

/// An SDP cut into its session part and its m-sections; lines without their line ends.
pub(super) struct Document<'a> {
    pub(super) session: Vec<&'a str>,
    pub(super) sections: Vec<Section<'a>>,
}

/// One m-section.
pub(super) struct Section<'a> {
    pub(super) media: Media<'a>,
    /// All lines after the m-line.
    pub(super) lines: Vec<&'a str>,
}

/// An m-line: `m=<kind> <port>[/<n>] <proto> <format> …` (RFC 8866 §5.14).
#[derive(Clone, Copy)]
pub(super) struct Media<'a> {
    pub(super) kind: SectionKind,
    /// Zero stops the section.
    pub(super) port: u16,
    /// Everything before the formats, without a trailing space.
    pub(super) head: &'a str,
    formats: &'a str,
}

impl<'a> Media<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut words = line.strip_prefix("m=")?.splitn(4, ' ');
        let (kind, port, proto) = (words.next()?, words.next()?, words.next()?);
        let formats = words.next()?.trim();
        let head = line.trim_end().strip_suffix(formats)?.trim_end();
        let port = port.split('/').next()?.parse().ok()?;
        if kind.is_empty() || proto.is_empty() || formats.is_empty() {
            return None;
        }
        let kind = match kind {
            "audio" => SectionKind::Audio,
            "video" => SectionKind::Video,
            "application" => SectionKind::Application,
            _ => SectionKind::Other,
        };
        Some(Self { kind, port, head, formats })
    }

    /// Payload types in order of preference.
    pub(super) fn formats(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.formats.split(' ').filter(|f| !f.is_empty())
    }
}

impl<'a> Section<'a> {
    /// The values of all attributes `a=<name>:<value>`.
    pub(super) fn attributes<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'a str> + use<'a, 's> {
        self.lines.iter().filter_map(move |line| value(line, name))
    }

    pub(super) fn mid(&self) -> Option<&'a str> {
        self.attributes("mid").next().map(str::trim).filter(|mid| !mid.is_empty() && mid.bytes().all(is_token))
    }

    /// Whether the attribute without value is there.
    pub(super) fn has(&self, flag: &str) -> bool {
        self.lines.iter().any(|line| line.strip_prefix("a=") == Some(flag))
    }

    /// A payload type's codec name as written, by `a=rtpmap` or by the static table of RFC 3551.
    pub(super) fn codec(&self, format: &str) -> Option<&'a str> {
        let mapped = self.attributes("rtpmap").find_map(|v| {
            let (pt, codec) = v.split_once(' ')?;
            (pt == format).then(|| codec.trim_start().split('/').next())?
        });
        mapped.or(match format {
            "0" => Some("PCMU"),
            "8" => Some("PCMA"),
            "9" => Some("G722"),
            "13" => Some("CN"),
            _ => None,
        })
    }

    /// The payload type that `format` retransmits (RFC 4588 `apt`).
    pub(super) fn retransmits(&self, format: &str) -> Option<&'a str> {
        if !self.codec(format)?.eq_ignore_ascii_case("rtx") {
            return None;
        }
        let params = self.attributes("fmtp").find_map(|v| v.split_once(' ').filter(|(pt, _)| *pt == format))?.1;
        params.split(';').find_map(|p| p.trim().strip_prefix("apt="))
    }
}

/// The value of `a=<name>:<value>`.
pub(super) fn value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':')
}

/// Token characters of RFC 8866.
pub(super) fn is_token(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'^'..=b'~')
}

impl<'a> Document<'a> {
    /// Takes CRLF and bare LF.
    pub(super) fn parse(sdp: &'a str) -> Result<Self, SdpError> {
        if sdp.len() > MAX_BYTES {
            return Err(SdpError::TooLarge);
        }
        let mut document = Self { session: Vec::new(), sections: Vec::new() };
        for (number, line) in (1..).zip(sdp.trim_end_matches(['\r', '\n']).split('\n')) {
            let line = line.strip_suffix('\r').unwrap_or(line);
            document.push(line, number)?;
        }
        Ok(document)
    }

    fn push(&mut self, line: &'a str, number: usize) -> Result<(), SdpError> {
        if number == 1 && line != "v=0" {
            return Err(SdpError::NotSdp);
        }
        let mut bytes = line.bytes();
        let shaped = bytes.next().is_some_and(|b| b.is_ascii_lowercase()) && bytes.next() == Some(b'=');
        if !shaped || line.chars().any(|c| c.is_control() && c != '\t') {
            return Err(SdpError::Line(number));
        }
        if line.starts_with("m=") {
            let media = Media::parse(line).ok_or(SdpError::Line(number))?;
            if self.sections.len() >= MAX_SECTIONS {
                return Err(SdpError::TooLarge);
            }
            self.sections.push(Section { media, lines: Vec::new() });
        } else {
            match self.sections.last_mut() {
                Some(section) => section.lines.push(line),
                None => self.session.push(line),
            }
        }
        Ok(())
    }
}
