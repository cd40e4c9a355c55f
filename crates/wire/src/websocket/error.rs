//! How a client breaks the protocol, and what its close frame may say.

use super::decode::Event;

/// The client broke the protocol; the connection must be closed with [`ProtocolError::code`]
/// (RFC 6455, section 7.1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ProtocolError {
    code: u16,
    reason: &'static str,
}

impl ProtocolError {
    /// For the close frame: 1002 (protocol), 1007 (not the data it claims to be) or 1009 (too big)
    /// of RFC 6455, section 7.4.1.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.code
    }

    /// For the close frame; short and of ASCII.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}

pub(super) const NOT_UTF8: ProtocolError = ProtocolError { code: 1007, reason: "invalid UTF-8" };
pub(super) const NOT_DEFLATED: ProtocolError = ProtocolError { code: 1007, reason: "invalid compressed data" };
pub(super) const TOO_BIG: ProtocolError = ProtocolError { code: 1009, reason: "message too big" };

pub(super) const fn wrong(reason: &'static str) -> ProtocolError {
    ProtocolError { code: 1002, reason }
}

/// Reads the payload of a close frame (RFC 6455, section 5.5.1).
pub(super) fn read_close(payload: &[u8]) -> Result<Event, ProtocolError> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() {
            Ok(Event::Close { code: None, reason: String::new() })
        } else {
            Err(wrong("a close code has two bytes"))
        };
    };
    let code = u16::from_be_bytes(*code);
    if !may_be_sent(code) {
        return Err(wrong("no such close code"));
    }
    let reason = std::str::from_utf8(reason).map_err(|_| NOT_UTF8)?;
    Ok(Event::Close { code: Some(code), reason: reason.to_owned() })
}

/// Whether a close frame may have this code: those that RFC 6455, section 7.4.1, defines for frames,
/// 1012 to 1014, which IANA registered since, and the ranges for libraries and applications (7.4.2).
fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_codes() {
        for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999] {
            assert!(read_close(&u16::to_be_bytes(code)).is_ok(), "{code}");
        }
        for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 65535] {
            assert_eq!(read_close(&u16::to_be_bytes(code)).map_err(|error| error.code()), Err(1002), "{code}");
        }
    }

    #[test]
    fn close_payloads() {
        assert_eq!(read_close(b""), Ok(Event::Close { code: None, reason: String::new() }));
        assert_eq!(read_close(b"\x03").map_err(|error| error.code()), Err(1002));
        assert_eq!(read_close(b"\x03\xe9bye"), Ok(Event::Close { code: Some(1001), reason: "bye".into() }));
        assert_eq!(read_close(b"\x03\xe9\xc3"), Err(NOT_UTF8));
    }
}
