//! A channel against a model so small that it is plainly right: a list of everything ever
//! published, and which of it the disk has.

#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use tandem_hub::channel::{Channel, ChannelId, Published, Query};
use tandem_hub::namespace::{Durability, NamespaceOptions};
use tandem_hub::publication::Draft;

const SIZE: usize = 5;
const TTL_MS: u64 = 1000;

#[derive(Debug, Clone)]
enum Step {
    Publish { skip_history: bool },
    Commit,
    Refuse,
    Wait(u64),
    Remove,
    Recover { behind: u64, limit: usize, other_epoch: bool },
    Read { limit: usize, reverse: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<bool>().prop_map(|skip_history| Step::Publish { skip_history }),
        3 => Just(Step::Commit),
        1 => Just(Step::Refuse),
        1 => (0..700_u64).prop_map(Step::Wait),
        1 => Just(Step::Remove),
        3 => (0..8_u64, 0..8_usize, any::<bool>())
            .prop_map(|(behind, limit, other_epoch)| Step::Recover { behind, limit, other_epoch }),
        2 => (0..8_usize, any::<bool>()).prop_map(|(limit, reverse)| Step::Read { limit, reverse }),
    ]
}

/// Everything visible, oldest first: offset and time.
#[derive(Default)]
struct Model {
    visible: Vec<(u64, u64)>,
    /// Offset, and when it was published: its age counts from there.
    waiting: Vec<(u64, u64)>,
    assigned: u64,
    top: u64,
}

impl Model {
    fn show(&mut self, offset: u64, now: u64) {
        self.visible.push((offset, now));
        self.top = offset;
    }

    fn kept(&mut self, now: u64) -> Vec<u64> {
        let excess = self.visible.len().saturating_sub(SIZE);
        self.visible.drain(..excess);
        while self.visible.first().is_some_and(|(_, time)| *time < now.saturating_sub(TTL_MS)) {
            self.visible.remove(0);
        }
        self.visible.iter().map(|(offset, _)| *offset).collect()
    }
}

fn offsets(publications: &[Arc<tandem_hub::publication::Publication>]) -> Vec<u64> {
    publications.iter().map(|publication| publication.offset).collect()
}

fn run(disk: bool, steps: Vec<Step>) {
    let options = NamespaceOptions {
        history_size: SIZE,
        history_ttl: Duration::from_millis(TTL_MS),
        durability: if disk { Durability::Disk } else { Durability::Memory },
        ..NamespaceOptions::default()
    };
    let mut channel: Channel<u64> = Channel::new(ChannelId(0), "c".into(), Arc::new(options), "epoch".into(), 0);
    let (mut model, mut now, mut seq) = (Model::default(), 10_000, 0);
    for step in steps {
        match step {
            Step::Publish { skip_history } => {
                let draft = Draft { data: "x".into(), skip_history, ..Draft::default() };
                let published = channel.publish(draft, model.assigned + 1, now);
                if skip_history {
                    assert!(matches!(published, Published::Now { ref delivery, .. } if delivery.loops.is_empty()));
                    continue;
                }
                model.assigned += 1;
                match published {
                    Published::Pending(publication, _) => {
                        assert!(disk);
                        assert_eq!(publication.offset, model.assigned);
                        model.waiting.push((model.assigned, now));
                    }
                    Published::Now { position, waiter, .. } => {
                        assert!(!disk);
                        assert_eq!((position.offset, waiter), (model.assigned, model.assigned));
                        model.show(model.assigned, now);
                    }
                    Published::Suppressed { .. } => panic!("nothing was published twice"),
                }
            }
            Step::Commit if !model.waiting.is_empty() => {
                let (offset, published) = model.waiting.remove(0);
                let done = channel.commit(offset, now).unwrap();
                assert_eq!((done.position.offset, done.waiter), (offset, offset));
                model.show(offset, published);
            }
            Step::Refuse if !model.waiting.is_empty() => {
                let (offset, _) = model.waiting.remove(0);
                assert_eq!(channel.abort(offset), Some(offset));
            }
            Step::Commit | Step::Refuse => assert!(channel.commit(model.assigned + 1, now).is_none()),
            Step::Wait(ms) => now += ms,
            Step::Remove => {
                channel.remove_history();
                model.visible.clear();
            }
            Step::Recover { behind, limit, other_epoch } => {
                let from = model.top.saturating_sub(behind);
                let kept = model.kept(now);
                let recovered = channel.recover(from, if other_epoch { "other" } else { "epoch" }, limit, now);
                let missed: Vec<u64> = kept.iter().copied().filter(|offset| *offset > from).collect();
                if recovered.complete {
                    assert!(!other_epoch && missed.len() <= limit);
                    assert_eq!(offsets(&recovered.publications), missed);
                    // Whatever was ever visible beyond `from` is among them.
                    assert!(from == model.top || kept.first().is_some_and(|first| *first <= from + 1));
                } else {
                    assert!(recovered.publications.is_empty());
                    assert!(other_epoch || from != model.top, "who has everything has lost nothing");
                }
            }
            Step::Read { limit, reverse } => {
                let mut expected = model.kept(now);
                if reverse {
                    expected.reverse();
                }
                expected.truncate(limit);
                let page = channel.history(&Query { limit: Some(limit), since: None, reverse }, now).unwrap();
                assert_eq!(offsets(&page.publications), expected);
                assert_eq!(page.position.offset, model.top);
            }
        }
        assert_eq!(channel.position().offset, model.top);
        assert!(channel.seq() >= seq, "the order of deliveries only goes forward");
        seq = channel.seq();
    }
}

proptest! {
    #[test]
    fn in_memory(steps in prop::collection::vec(step(), 0..60)) {
        run(false, steps);
    }

    #[test]
    fn on_disk(steps in prop::collection::vec(step(), 0..60)) {
        run(true, steps);
    }
}
