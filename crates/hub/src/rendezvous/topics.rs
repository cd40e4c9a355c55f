//! Topics: whoever hears one gets what is published there, its sender too. Nothing is kept.

use super::{Effect, SocketId};
use crate::budget::{Budget, Rate};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tandem_wire::topics::{Frame, PONG, Publish};

/// Topics of one connection; more are not heard.
const TOPICS: usize = 64;
/// Longest name of a topic, bytes.
const NAME_BYTES: usize = 256;
/// Longest message, bytes; longer ones are dropped.
const FRAME_BYTES: usize = 256 * 1024;
/// Subscribers of one topic; more are not served.
const SUBSCRIBERS: usize = 1024;
/// A hundred messages a second, four hundred at once; more are dropped.
const RATE: Rate = Rate { count: 400, per: Duration::from_secs(4) };
/// Names one connection may use for itself.
const NAMES: usize = 16;

/// Counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)] // their names say it
pub struct TopicsSeen {
    pub connections: u64,
    pub topics: u64,
    pub published: u64,
    pub delivered: u64,
    pub dropped: u64,
}

#[derive(Default)]
struct Member {
    topics: Vec<Arc<str>>,
    budget: Budget,
    names: Vec<(Arc<str>, String)>,
}

#[derive(Default)]
struct Topic {
    members: Vec<SocketId>,
    /// Which connections speak under which name.
    names: HashMap<String, Vec<SocketId>>,
}

/// See the module.
#[derive(Default)]
pub struct Topics {
    members: HashMap<SocketId, Member>,
    topics: HashMap<Arc<str>, Topic>,
    seen: TopicsSeen,
}

impl Topics {
    /// Counters.
    #[must_use]
    pub fn seen(&self) -> TopicsSeen {
        TopicsSeen { connections: self.members.len() as u64, topics: self.topics.len() as u64, ..self.seen }
    }

    /// Somebody came.
    pub fn connect(&mut self, socket: SocketId) {
        self.members.insert(socket, Member::default());
    }

    /// Somebody is gone.
    pub fn closed(&mut self, socket: SocketId) {
        let Some(member) = self.members.remove(&socket) else { return };
        for name in &member.topics {
            self.leave(socket, name);
        }
    }

    /// A message.
    pub fn frame(&mut self, now: Instant, socket: SocketId, text: &str, effects: &mut Vec<Effect>) {
        let Some(member) = self.members.get_mut(&socket) else { return };
        if !member.budget.take(RATE, now) || text.len() > FRAME_BYTES {
            self.seen.dropped += 1;
            return;
        }
        match Frame::parse(text) {
            Some(Frame::Subscribe(names)) => names.iter().for_each(|name| self.subscribe(socket, name)),
            Some(Frame::Unsubscribe(names)) => names.iter().for_each(|name| self.unsubscribe(socket, name)),
            Some(Frame::Publish(publish)) => self.publish(socket, &publish, effects),
            Some(Frame::Ping) => effects.push(Effect::Send(socket, Bytes::from_static(PONG.as_bytes()))),
            None => self.seen.dropped += 1,
        }
    }

    fn subscribe(&mut self, socket: SocketId, name: &str) {
        let Some(member) = self.members.get_mut(&socket) else { return };
        if member.topics.iter().any(|known| **known == *name) {
            return;
        }
        let crowded = self.topics.get(name).is_some_and(|topic| topic.members.len() >= SUBSCRIBERS);
        if crowded || name.len() > NAME_BYTES || member.topics.len() >= TOPICS {
            self.seen.dropped += 1;
            return;
        }
        let name: Arc<str> = name.into();
        member.topics.push(Arc::clone(&name));
        self.topics.entry(name).or_default().members.push(socket);
    }

    fn unsubscribe(&mut self, socket: SocketId, name: &str) {
        let Some(member) = self.members.get_mut(&socket) else { return };
        let Some(place) = member.topics.iter().position(|known| **known == *name) else { return };
        let name = member.topics.swap_remove(place);
        member.names.retain(|(topic, _)| *topic != name);
        self.leave(socket, &name);
    }

    fn leave(&mut self, socket: SocketId, name: &Arc<str>) {
        let Some(topic) = self.topics.get_mut(name) else { return };
        topic.members.retain(|member| *member != socket);
        topic.names.retain(|_, speakers| {
            speakers.retain(|speaker| *speaker != socket);
            !speakers.is_empty()
        });
        if topic.members.is_empty() {
            self.topics.remove(name);
        }
    }

    fn publish(&mut self, socket: SocketId, publish: &Publish<'_>, effects: &mut Vec<Effect>) {
        self.learn(socket, publish);
        let Some(topic) = self.topics.get(&*publish.topic) else { return };
        let Some(text) = publish.delivered(topic.members.len()).map(Bytes::from) else { return };
        self.seen.published += 1;
        // What names its receiver goes there alone, where we know it.
        let named = publish.to.as_ref().and_then(|to| topic.names.get(to));
        let to = named.unwrap_or(&topic.members);
        self.seen.delivered += to.len() as u64;
        effects.extend(to.iter().map(|member| Effect::Send(*member, text.clone())));
    }

    /// Who speaks under which name. Whoever comes back after a change of networks has another
    /// connection and the same name, and the old one may take a minute to be found dead: both hear
    /// what is for the name. Nobody can take a name away.
    fn learn(&mut self, socket: SocketId, publish: &Publish<'_>) {
        let Some(from) = publish.from.as_ref().filter(|from| from.len() <= NAME_BYTES) else { return };
        let Some(member) = self.members.get_mut(&socket) else { return };
        let Some(name) = member.topics.iter().find(|name| ***name == *publish.topic).cloned() else { return };
        let Some(topic) = self.topics.get_mut(&name) else { return };
        let speakers = topic.names.get(from).map_or(&[][..], Vec::as_slice);
        if member.names.len() < NAMES && !speakers.contains(&socket) {
            topic.names.entry(from.clone()).or_default().push(socket);
            member.names.push((name, from.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods)]
    use super::*;
    use proptest::prelude::*;

    fn say(topics: &mut Topics, socket: u64, text: &str) -> Vec<u64> {
        let mut effects = Vec::new();
        topics.frame(Instant::now(), SocketId(socket), text, &mut effects);
        let to = |effect: &Effect| if let Effect::Send(SocketId(to), _) = effect { Some(*to) } else { None };
        effects.iter().filter_map(to).collect()
    }

    fn three() -> Topics {
        let mut topics = Topics::default();
        for socket in 1..=3 {
            topics.connect(SocketId(socket));
            say(&mut topics, socket, r#"{"type":"subscribe","topics":["r"]}"#);
        }
        topics
    }

    #[test]
    fn everybody_hears_and_whom_it_is_for_hears_alone() {
        let mut topics = three();
        assert_eq!(
            say(&mut topics, 1, r#"{"type":"publish","topic":"r","data":{"type":"announce","from":"a"}}"#),
            [1, 2, 3]
        );
        assert_eq!(
            say(&mut topics, 2, r#"{"type":"publish","topic":"r","data":{"type":"signal","from":"b","to":"a"}}"#),
            [1]
        );
        assert_eq!(say(&mut topics, 2, r#"{"type":"publish","topic":"r","data":{"to":"unknown"}}"#), [1, 2, 3]);
        assert_eq!(say(&mut topics, 3, r#"{"type":"publish","topic":"r","data":{"from":"a","to":"b"}}"#), [2]);
        let to_a = r#"{"type":"publish","topic":"r","data":{"to":"a"}}"#;
        assert_eq!(say(&mut topics, 2, to_a), [1, 3], "whoever comes back with a name hears what is for it");
        assert_eq!(say(&mut topics, 3, r#"{"type":"ping"}"#), [3]);
        say(&mut topics, 1, r#"{"type":"unsubscribe","topics":["r"]}"#);
        assert_eq!(say(&mut topics, 2, to_a), [3]);
        topics.closed(SocketId(3));
        assert_eq!(say(&mut topics, 2, to_a), [2], "a name without anybody is everybody's");
        topics.closed(SocketId(2));
        assert_eq!(topics.seen().topics, 0);
    }

    #[test]
    fn bounds() {
        let mut topics = three();
        let many: Vec<String> = (0..100).map(|n| format!("t{n}")).collect();
        say(&mut topics, 1, &serde_json::json!({"type": "subscribe", "topics": many}).to_string());
        assert_eq!(topics.members[&SocketId(1)].topics.len(), TOPICS);
        let long = serde_json::json!({"type": "subscribe", "topics": ["x".repeat(NAME_BYTES + 1)]}).to_string();
        say(&mut topics, 2, &long);
        assert_eq!(topics.members[&SocketId(2)].topics.len(), 1);
        let now = Instant::now();
        let answered = (0..1000).filter(|_| {
            let mut effects = Vec::new();
            topics.frame(now, SocketId(3), r#"{"type":"ping"}"#, &mut effects);
            !effects.is_empty()
        });
        assert!(answered.count() <= 400);
    }

    proptest! {
        #[test]
        fn only_subscribers_hear(steps in prop::collection::vec((0_u8..4, 1_u64..5, 0_u8..3), 1..80)) {
            let mut topics = Topics::default();
            let mut heard: HashMap<u64, Vec<u8>> = HashMap::new();
            for (what, socket, topic) in steps {
                match what {
                    0 => {
                        if let std::collections::hash_map::Entry::Vacant(entry) = heard.entry(socket) {
                            entry.insert(Vec::new());
                            topics.connect(SocketId(socket));
                        }
                        say(&mut topics, socket, &format!(r#"{{"type":"subscribe","topics":["{topic}"]}}"#));
                        let list = heard.get_mut(&socket).unwrap();
                        if !list.contains(&topic) { list.push(topic) }
                    }
                    1 => {
                        say(&mut topics, socket, &format!(r#"{{"type":"unsubscribe","topics":["{topic}"]}}"#));
                        if let Some(list) = heard.get_mut(&socket) { list.retain(|t| *t != topic) }
                    }
                    2 => {
                        topics.closed(SocketId(socket));
                        heard.remove(&socket);
                    }
                    _ => {
                        let mut got = say(&mut topics, socket, &format!(r#"{{"type":"publish","topic":"{topic}","data":1}}"#));
                        got.sort_unstable();
                        let mut expected: Vec<u64> = heard.iter().filter(|(_, l)| l.contains(&topic)).map(|(s, _)| *s).collect();
                        expected.sort_unstable();
                        if !heard.contains_key(&socket) { expected.clear() }
                        prop_assert_eq!(got, expected);
                    }
                }
            }
        }
    }
}
