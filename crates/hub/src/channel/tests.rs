use super::*;
use crate::namespace::NamespaceOptions;

fn channel(options: NamespaceOptions) -> Channel<u32> {
    Channel::new(ChannelId(1), "news".into(), Arc::new(options), "epoch".into(), 0)
}

fn memory(size: usize) -> NamespaceOptions {
    NamespaceOptions { history_size: size, history_ttl: Duration::from_secs(10), ..NamespaceOptions::default() }
}

fn say(text: &str) -> Draft {
    Draft { data: text.to_owned().into(), ..Draft::default() }
}

fn texts(publications: &[Arc<Publication>]) -> Vec<String> {
    publications.iter().map(|p| String::from_utf8(p.data.to_vec()).unwrap()).collect()
}

#[test]
fn what_was_missed_comes_back_or_word_that_it_is_lost() {
    let mut channel = channel(memory(3));
    for text in ["a", "b", "c", "d"] {
        channel.publish(say(text), 0, 1000);
    }
    assert_eq!(channel.position().offset, 4);
    let recovered = channel.recover(2, "epoch", 10, 1000);
    assert!(recovered.complete);
    assert_eq!(texts(&recovered.publications), ["c", "d"]);
    assert!(channel.recover(4, "epoch", 10, 1000).complete);
    assert!(channel.recover(1, "", 10, 1000).complete, "no epoch yet");
    for (offset, epoch, limit, now) in [
        (0, "epoch", 10, 1000),
        (2, "other", 10, 1000),
        (2, "epoch", 1, 1000),
        (5, "epoch", 10, 1000),
        (2, "epoch", 10, 12_000),
    ] {
        let lost = channel.recover(offset, epoch, limit, now);
        assert!(!lost.complete && lost.publications.is_empty(), "{offset} {epoch} {limit} {now}");
    }
}

#[test]
fn pages_of_history() {
    let mut channel = channel(memory(10));
    for text in ["a", "b", "c", "d"] {
        channel.publish(say(text), 0, 1000);
    }
    let mut page = |limit, since: Option<u64>, reverse| {
        let since = since.map(|offset| (offset, "epoch".to_owned()));
        texts(&channel.history(&Query { limit, since, reverse }, 1000).unwrap().publications)
    };
    assert_eq!(page(None, None, false), ["a", "b", "c", "d"]);
    assert_eq!(page(Some(2), Some(1), false), ["b", "c"]);
    assert_eq!(page(Some(2), None, true), ["d", "c"]);
    assert_eq!(page(Some(9), Some(3), true), ["b", "a"]);
    assert!(page(Some(0), None, false).is_empty());
    let other = Query { since: Some((1, "other".to_owned())), ..Query::default() };
    assert!(channel.history(&other, 1000).is_none());
}

#[test]
fn on_disk_nobody_sees_it_before_the_commit() {
    let mut channel = channel(NamespaceOptions { durability: Durability::Disk, ..memory(10) });
    channel.subscribe(0, 0);
    for (number, text) in ["a", "b"].into_iter().enumerate() {
        let published = channel.publish(say(text), u32::try_from(number).unwrap(), 0);
        assert!(matches!(published, Published::Pending(ref p, _) if p.offset == number as u64 + 1));
    }
    assert_eq!(channel.position().offset, 0);
    assert!(channel.recover(0, "epoch", 10, 0).publications.is_empty());
    let done = channel.commit(1, 0).unwrap();
    assert_eq!((done.waiter, done.position.offset), (0, 1));
    assert_eq!(done.delivery.loops.as_slice(), [0]);
    assert_eq!(channel.abort(2), Some(1));
    assert!(channel.commit(2, 0).is_none());
    assert_eq!(channel.position().offset, 1);
    // The refused offset is a hole that nobody needs.
    channel.publish(say("c"), 2, 0);
    channel.commit(3, 0).unwrap();
    assert_eq!(texts(&channel.recover(1, "epoch", 10, 0).publications), ["c"]);
}

#[test]
fn the_same_twice_is_published_once() {
    let mut channel = channel(memory(10));
    let draft = Draft { idempotency_key: "k".to_owned(), ..say("a") };
    assert!(matches!(channel.publish(draft.clone(), 0, 0), Published::Now { .. }));
    assert!(matches!(channel.publish(draft.clone(), 0, 299_000), Published::Suppressed { .. }));
    assert!(matches!(channel.publish(draft, 0, 301_000), Published::Now { .. }));
    let versioned = |version| Draft { version, ..say("v") };
    assert!(matches!(channel.publish(versioned(5), 0, 0), Published::Now { .. }));
    assert!(matches!(channel.publish(versioned(5), 0, 0), Published::Suppressed { .. }));
    assert!(matches!(channel.publish(versioned(6), 0, 0), Published::Now { .. }));
    let anew = Draft { version_epoch: "b".to_owned(), ..versioned(1) };
    assert!(matches!(channel.publish(anew, 0, 0), Published::Now { .. }));
}

#[test]
fn who_is_there() {
    let mut channel = channel(NamespaceOptions::default());
    channel.subscribe(1, 0);
    let info = |user: &str, client: &str| {
        Arc::new(ClientInfo { user: user.into(), client: client.into(), ..ClientInfo::default() })
    };
    let (a, b) = (info("ana", "1"), info("ana", "2"));
    assert!(channel.join(&a, true, true).is_some_and(|d| d.loops.as_slice() == [1]));
    assert!(channel.join(&b, true, false).is_none());
    assert_eq!(channel.presence_stats(), (2, 1));
    channel.leave(&a, true);
    assert_eq!(channel.presence(), [b]);
}

#[test]
fn a_latest_value_is_all_a_cache_needs() {
    let mut channel = channel(memory(10));
    assert!(!channel.recover_latest(0, "", 0).complete);
    channel.publish(say("a"), 0, 0);
    channel.publish(say("b"), 0, 0);
    assert_eq!(texts(&channel.recover_latest(0, "", 0).publications), ["b"]);
    assert!(channel.recover_latest(2, "epoch", 0).publications.is_empty());
    assert!(channel.recover_latest(2, "epoch", 0).complete);
}

#[test]
fn what_nobody_would_miss_is_forgotten() {
    let mut quiet = channel(NamespaceOptions::default());
    assert!(quiet.is_forgettable(0));
    quiet.subscribe(0, 0);
    assert!(!quiet.is_forgettable(0));
    quiet.unsubscribe(0, 0);
    assert!(quiet.is_forgettable(0));
    let mut kept = channel(memory(10));
    kept.publish(say("a"), 0, 0);
    assert!(!kept.is_forgettable(0));
    kept.trim(20_000);
    assert!(!kept.is_forgettable(20_000), "its position is still worth something");
    assert!(kept.is_forgettable(millis(NamespaceOptions::default().history_meta_ttl)));
}
