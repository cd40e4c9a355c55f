//! Messages of PeerJS signalling: JSON with `type`, `payload`, `src` and `dst`. Payloads pass as they are.

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// What clients say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // PeerJS's words
pub enum Kind {
    Heartbeat,
    Offer,
    Answer,
    Candidate,
    Leave,
    Expire,
}

impl Kind {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "HEARTBEAT" => Self::Heartbeat,
            "OFFER" => Self::Offer,
            "ANSWER" => Self::Answer,
            "CANDIDATE" => Self::Candidate,
            "LEAVE" => Self::Leave,
            "EXPIRE" => Self::Expire,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Heartbeat => "HEARTBEAT",
            Self::Offer => "OFFER",
            Self::Answer => "ANSWER",
            Self::Candidate => "CANDIDATE",
            Self::Leave => "LEAVE",
            Self::Expire => "EXPIRE",
        }
    }
}

/// A message of a client. What it says of its sender is not read.
#[derive(Debug)]
pub struct Frame<'a> {
    /// `None` for a kind nobody knows.
    pub kind: Option<Kind>,
    /// For whom.
    pub dst: Option<Cow<'a, str>>,
    payload: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    dst: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
}

/// Not JSON, or without a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a PeerJS message")]
pub struct Malformed;

impl<'a> Frame<'a> {
    /// Reads a message.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        let wire: Wire<'a> = serde_json::from_str(text).map_err(|_| Malformed)?;
        Ok(Self { kind: Kind::of(&wire.kind), dst: wire.dst, payload: wire.payload })
    }

    /// The same for its receiver.
    #[must_use]
    pub fn forwarded(&self, kind: Kind, src: &str, dst: &str) -> String {
        let payload = self.payload.map_or("null", RawValue::get);
        let text = |text: &str| serde_json::Value::from(text).to_string();
        format!(r#"{{"type":"{}","src":{},"dst":{},"payload":{payload}}}"#, kind.name(), text(src), text(dst))
    }
}

/// The server is ready for the client.
pub const OPEN: &str = r#"{"type":"OPEN"}"#;

/// Somebody else has the id.
#[must_use]
pub fn id_taken() -> String {
    json!({"type": "ID-TAKEN", "payload": {"msg": "ID is taken"}}).to_string()
}

/// Something is wrong.
#[must_use]
pub fn error(why: &str) -> String {
    json!({"type": "ERROR", "payload": {"msg": why}}).to_string()
}

/// What was for `missing` has not reached it; told to the sender.
#[must_use]
pub fn expire(missing: &str, sender: &str) -> String {
    json!({"type": "EXPIRE", "src": missing, "dst": sender}).to_string()
}

/// Whether clients may have this id: letters and digits, with single spaces, dashes or underscores between.
#[must_use]
pub fn is_id(id: &str) -> bool {
    let mut between = true;
    for letter in id.bytes() {
        match letter {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => between = false,
            b' ' | b'-' | b'_' if !between => between = true,
            _ => return false,
        }
    }
    !between && id.len() <= 128
}

/// A new id: a random UUID (RFC 9562, version 4).
#[must_use]
pub fn new_id(random: u128) -> String {
    let bits = random & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| hex.get(range).unwrap_or_default());
    parts.join("-")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn senders_cannot_say_who_they_are() {
        let frame =
            Frame::parse(r#"{"type":"OFFER","src":"eve","dst":"b","payload":{"sdp": 1,"x":[]},"more":1}"#).unwrap();
        assert_eq!(frame.kind, Some(Kind::Offer));
        let forwarded = frame.forwarded(Kind::Offer, "a\"", "b");
        assert_eq!(forwarded, r#"{"type":"OFFER","src":"a\"","dst":"b","payload":{"sdp": 1,"x":[]}}"#);
        assert_eq!(Frame::parse(r#"{"type":"DANCE"}"#).unwrap().kind, None);
        for bad in ["", "[]", "{}", "1", r#"{"type":1}"#, "\u{0}"] {
            assert!(Frame::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn ids() {
        for good in ["a", "A1", "3f0c-12_x y", &"x".repeat(128)] {
            assert!(is_id(good), "{good}");
        }
        for bad in ["", "-a", "a-", "a--b", "a b ", "ä", "a/b", "a\n", &"x".repeat(129)] {
            assert!(!is_id(bad), "{bad}");
        }
        assert_eq!(new_id(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(new_id(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert!(is_id(&new_id(7)));
    }
}
