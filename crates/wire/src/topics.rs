//! Messages of topic signalling: y-webrtc's, and the dialect that carries a `payload` in place of `data`.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A message of a client.
#[derive(Debug)]
pub enum Frame<'a> {
    /// Hears topics from now on.
    Subscribe(Vec<Cow<'a, str>>),
    /// No longer.
    Unsubscribe(Vec<Cow<'a, str>>),
    /// For everybody who hears a topic.
    Publish(Publish<'a>),
    /// Wants a sign of life.
    Ping,
}

/// A publication.
#[derive(Debug)]
pub struct Publish<'a> {
    /// Where.
    pub topic: Cow<'a, str>,
    /// Who says it and for whom, where that can be read.
    pub from: Option<String>,
    /// See `from`.
    pub to: Option<String>,
    text: &'a str,
    payload: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    topics: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    topic: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Addressed {
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    to: Option<String>,
}

/// The answer to a ping.
pub const PONG: &str = r#"{"type":"pong"}"#;

impl<'a> Frame<'a> {
    /// Reads a message; `None` for anything else, which is left unanswered.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let wire: Wire<'a> = serde_json::from_str(text).ok()?;
        Some(match &*wire.kind {
            "subscribe" => Self::Subscribe(wire.topics.into_iter().chain(wire.topic).collect()),
            "unsubscribe" => Self::Unsubscribe(wire.topics.into_iter().chain(wire.topic).collect()),
            "publish" => {
                // Encrypted data is a text; who it is for cannot be read then.
                let addressed = wire.data.and_then(|data| serde_json::from_str(data.get()).ok());
                let Addressed { from, to } = addressed.unwrap_or_default();
                let payload = wire.payload.filter(|_| wire.data.is_none());
                Self::Publish(Publish { topic: wire.topic?, from, to, text, payload })
            }
            "ping" => Self::Ping,
            _ => return None,
        })
    }
}

#[derive(Serialize)]
struct Delivered<'a> {
    topic: &'a str,
    payload: &'a RawValue,
}

impl Publish<'_> {
    /// What `clients` subscribers get: the message with their number, or its payload alone.
    #[must_use]
    pub fn delivered(&self, clients: usize) -> Option<String> {
        if let Some(payload) = self.payload {
            return serde_json::to_string(&Delivered { topic: &self.topic, payload }).ok();
        }
        let mut all: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(self.text).ok()?;
        let clients = RawValue::from_string(clients.to_string()).ok()?;
        all.insert("clients".into(), &clients);
        serde_json::to_string(&all).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn messages_pass_whole_and_say_how_many_hear_them() {
        let text = r#"{"type":"publish","topic":"r","data":{"type":"signal","from":"a","to":"b","signal":{"x": 1}},"new":[1]}"#;
        let Some(Frame::Publish(publish)) = Frame::parse(text) else { panic!() };
        assert_eq!((&*publish.topic, publish.from.as_deref(), publish.to.as_deref()), ("r", Some("a"), Some("b")));
        let delivered: serde_json::Value = serde_json::from_str(&publish.delivered(3).unwrap()).unwrap();
        let mut expected: serde_json::Value = serde_json::from_str(text).unwrap();
        expected["clients"] = 3.into();
        assert_eq!(delivered, expected);
    }

    #[test]
    fn encrypted_data_and_the_other_dialect() {
        let Some(Frame::Publish(publish)) = Frame::parse(r#"{"type":"publish","topic":"r","data":"b64="}"#) else {
            panic!()
        };
        assert_eq!((publish.from, publish.to), (None, None));
        let Some(Frame::Publish(publish)) = Frame::parse(r#"{"type":"publish","topic":"r","payload":"p"}"#) else {
            panic!()
        };
        assert_eq!(publish.delivered(9).unwrap(), r#"{"topic":"r","payload":"p"}"#);
        let Some(Frame::Subscribe(topics)) = Frame::parse(r#"{"type":"subscribe","topic":"one"}"#) else { panic!() };
        assert_eq!(topics, ["one"]);
        for bad in
            ["", "{}", "[]", r#"{"type":"publish"}"#, r#"{"type":"dance"}"#, r#"{"type":"subscribe","topics":1}"#]
        {
            assert!(Frame::parse(bad).is_none(), "{bad}");
        }
    }
}
