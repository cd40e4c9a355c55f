#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use super::*;
use proptest::prelude::*;

struct Rig {
    desk: Desk,
    now: Instant,
    effects: Vec<Effect>,
}

impl Rig {
    fn new(options: DeskOptions) -> Self {
        Self { desk: Desk::new(options), now: Instant::now(), effects: Vec::new() }
    }

    fn connect(&mut self, socket: u64, id: &str, token: &str) -> Vec<String> {
        self.desk.connect(self.now, SocketId(socket), (id, token), false, &mut self.effects);
        self.said()
    }

    fn say(&mut self, socket: u64, kind: &str, dst: &str) -> Vec<String> {
        let text = format!(r#"{{"type":"{kind}","dst":"{dst}","payload":{{"n":1}}}}"#);
        self.desk.frame(self.now, SocketId(socket), &text, &mut self.effects);
        self.said()
    }

    fn pass(&mut self, ms: u64) -> Vec<String> {
        self.now += Duration::from_millis(ms);
        self.desk.tick(self.now, &mut self.effects);
        self.said()
    }

    /// Effects as `socket<kind`, `socket?` for a probe, `socket!` for an end.
    fn said(&mut self) -> Vec<String> {
        let short = |effect: Effect| match effect {
            Effect::Send(SocketId(to), text) => {
                let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
                let src = value["src"].as_str().map(|src| format!(" of {src}")).unwrap_or_default();
                format!("{to}<{}{src}", value["type"].as_str().unwrap())
            }
            Effect::Probe(SocketId(to)) => format!("{to}?"),
            Effect::Close(SocketId(to), _) => format!("{to}!"),
        };
        self.effects.drain(..).map(short).collect()
    }
}

#[test]
fn messages_reach_whom_they_are_for() {
    let mut rig = Rig::new(DeskOptions::default());
    assert_eq!(rig.connect(1, "a", "t"), ["1<OPEN"]);
    assert_eq!(rig.connect(2, "b", "t"), ["2<OPEN"]);
    assert_eq!(rig.say(1, "OFFER", "b"), ["2<OFFER of a"]);
    assert_eq!(rig.say(2, "ANSWER", "a"), ["1<ANSWER of b"]);
    assert_eq!(rig.say(1, "LEAVE", "b"), ["2<LEAVE of a"]);
    assert!(rig.say(1, "HEARTBEAT", "b").is_empty() && rig.say(1, "DANCE", "b").is_empty());
    rig.desk.frame(rig.now, SocketId(1), "nonsense", &mut rig.effects);
    rig.desk.frame(rig.now, SocketId(1), &"x".repeat(FRAME_BYTES + 1), &mut rig.effects);
    assert_eq!(rig.said(), ["1<ERROR", "1<ERROR"]);
    assert_eq!(rig.connect(3, "not an id!", "t"), ["3<ERROR", "3!"]);
    assert_eq!(rig.desk.ids().iter().map(|id| &**id).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn letters_wait_and_expire_once() {
    let mut rig = Rig::new(DeskOptions::default());
    rig.connect(1, "a", "t");
    assert!(rig.say(1, "OFFER", "b").is_empty() && rig.say(1, "CANDIDATE", "b").is_empty());
    assert!(rig.pass(4900).is_empty());
    assert_eq!(rig.connect(2, "b", "t"), ["2<OPEN", "2<OFFER of a", "2<CANDIDATE of a"]);
    for _ in 0..3 {
        rig.say(1, "CANDIDATE", "c");
    }
    rig.pass(2000);
    rig.say(1, "CANDIDATE", "c");
    assert_eq!(rig.pass(3000), ["1<EXPIRE of c"], "also of what came later");
    assert!(rig.pass(9000).is_empty());
    assert_eq!(rig.connect(3, "c", "t"), ["3<OPEN"]);
}

#[test]
fn an_id_is_given_up_by_the_dead_only() {
    let mut rig = Rig::new(DeskOptions::default());
    rig.connect(1, "a", "one");
    assert_eq!(rig.connect(2, "a", "one"), ["1!", "2<OPEN"], "the same client came back");
    assert_eq!(rig.connect(3, "a", "two"), ["2?"]);
    assert_eq!(rig.connect(4, "a", "three"), ["4<ID-TAKEN", "4!"]);
    rig.desk.pong(rig.now, SocketId(2), &mut rig.effects);
    assert_eq!(rig.said(), ["3<ID-TAKEN", "3!"]);
    assert_eq!(rig.connect(5, "a", "two"), ["2?"]);
    assert_eq!(rig.pass(2000), ["2!", "5<OPEN"]);
    assert!(rig.say(2, "OFFER", "a").is_empty(), "the old connection is nobody");
    assert_eq!(rig.connect(6, "a", "x"), ["5?"]);
    rig.desk.closed(rig.now, SocketId(5), &mut rig.effects);
    assert_eq!(rig.said(), ["6<OPEN"]);
    assert_eq!(rig.connect(7, "a", ""), ["6?"], "no token is nobody's token");
    rig.desk.closed(rig.now, SocketId(7), &mut rig.effects);
    assert!(rig.pass(5000).is_empty());
    let mut strict =
        Rig::new(DeskOptions { conflict: Conflict::Reject, concurrent_limit: 1, ..DeskOptions::default() });
    strict.connect(1, "a", "one");
    assert_eq!(strict.connect(2, "a", "two"), ["2<ID-TAKEN", "2!"]);
    assert_eq!(strict.connect(3, "b", "two"), ["3<ERROR", "3!"]);
}

#[test]
fn bounds() {
    let mut rig = Rig::new(DeskOptions::default());
    rig.connect(1, "a", "t");
    let said: Vec<String> = (0..100).flat_map(|_| rig.say(1, "CANDIDATE", "b")).collect();
    assert_eq!(said.len(), 36, "the oldest expire");
    rig.pass(4000);
    let said: Vec<String> = (0..100).flat_map(|n| rig.say(1, "CANDIDATE", &format!("x{n}"))).collect();
    assert_eq!(said.len(), 100 - 63, "one waits for so many at once");
    rig.pass(4000);
    for _ in 0..500 {
        rig.say(1, "HEARTBEAT", "b");
    }
    assert_eq!(rig.desk.seen().dropped, 300);
    assert_eq!(rig.pass(60_001).last().map(String::as_str), Some("1!"));
    assert_eq!(rig.desk.seen().peers, 0);
}

proptest! {
    /// Against a model: order holds between two, nobody else hears, and each sender of what was
    /// lost is told at most once for each receiver and moment.
    #[test]
    fn nothing_is_lost_silently(steps in prop::collection::vec((0_u8..4, 0_usize..3, 0_usize..3, 0_u64..3000), 1..60)) {
        let mut rig = Rig::new(DeskOptions::default());
        let ids = ["a", "b", "c"];
        let mut there: [Option<u64>; 3] = [None; 3];
        let mut sent: HashMap<(usize, usize), VecDeque<u64>> = HashMap::new();
        let (mut next, mut number) = (0, 0);
        for (what, who, whom, ms) in steps {
            match what {
                0 if there[who].is_none() => {
                    next += 1;
                    there[who] = Some(next);
                    rig.desk.connect(rig.now, SocketId(next), (ids[who], "t"), false, &mut rig.effects);
                }
                1 => if let Some(socket) = there[who].take() {
                    rig.desk.closed(rig.now, SocketId(socket), &mut rig.effects);
                },
                2 => if let Some(socket) = there[who] {
                    number += 1;
                    sent.entry((who, whom)).or_default().push_back(number);
                    let text = format!(r#"{{"type":"OFFER","dst":"{}","payload":{number}}}"#, ids[whom]);
                    rig.desk.frame(rig.now, SocketId(socket), &text, &mut rig.effects);
                },
                _ => {
                    rig.now += Duration::from_millis(ms);
                    rig.desk.tick(rig.now, &mut rig.effects);
                }
            }
            for effect in rig.effects.drain(..) {
                let Effect::Send(SocketId(to), text) = effect else { continue };
                let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
                let place = |id: &str| ids.iter().position(|known| *known == id).unwrap();
                match value["type"].as_str().unwrap() {
                    "OFFER" => {
                        let (src, dst) = (place(value["src"].as_str().unwrap()), place(value["dst"].as_str().unwrap()));
                        prop_assert_eq!(there[dst], Some(to));
                        let queue = sent.get_mut(&(src, dst)).unwrap();
                        prop_assert_eq!(queue.pop_front(), value["payload"].as_u64());
                    }
                    "EXPIRE" => {
                        let (missing, sender) = (place(value["src"].as_str().unwrap()), place(value["dst"].as_str().unwrap()));
                        prop_assert_eq!(there[sender], Some(to));
                        let queue = sent.get_mut(&(sender, missing)).unwrap();
                        prop_assert!(!queue.is_empty());
                        queue.clear();
                    }
                    _ => {}
                }
            }
            // What its sender did not wait for expires unheard.
            for ((src, _), queue) in &mut sent {
                if there[*src].is_none() && rig.desk.waiting.values().flatten().all(|l| *l.src != *ids[*src]) {
                    queue.clear();
                }
            }
        }
    }
}
