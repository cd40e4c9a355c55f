//! Who wants notifications of which channel: a list in memory, and the same as lines of JSON on disk.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Subscriptions of a node, and of one device.
pub(super) const MOST: usize = 100_000;
pub(super) const MOST_PER_DEVICE: usize = 20;

/// Where a browser is reached, and with which keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Subscription {
    pub(super) channel: String,
    pub(super) device: String,
    pub(super) endpoint: String,
    pub(super) p256dh: String,
    pub(super) auth: String,
}

/// All of them, by channel and device.
#[derive(Debug, Default)]
pub(super) struct List {
    by_channel: BTreeMap<String, BTreeMap<String, Subscription>>,
    count: usize,
    path: PathBuf,
}

impl List {
    pub(super) fn open(data: &Path) -> io::Result<Self> {
        let path = data.join("push.jsonl");
        let mut list = Self { path, ..Self::default() };
        let text = match std::fs::read_to_string(&list.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        // A line that was cut short by a crash is one browser that subscribes again.
        for subscription in text.lines().filter_map(|line| serde_json::from_str(line).ok()) {
            list.insert(subscription);
        }
        Ok(list)
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn has(&self, channel: &str) -> bool {
        self.by_channel.contains_key(channel)
    }

    pub(super) fn of(&self, channel: &str) -> Vec<Subscription> {
        self.by_channel.get(channel).into_iter().flat_map(BTreeMap::values).cloned().collect()
    }

    /// `false`: there are too many already.
    pub(super) fn add(&mut self, subscription: Subscription) -> io::Result<bool> {
        let of_device = self.by_channel.values().filter(|devices| devices.contains_key(&subscription.device)).count();
        let known = self.by_channel.get(&subscription.channel).is_some_and(|d| d.contains_key(&subscription.device));
        if !known && (self.count >= MOST || of_device >= MOST_PER_DEVICE) {
            return Ok(false);
        }
        self.insert(subscription);
        self.save().map(|()| true)
    }

    fn insert(&mut self, subscription: Subscription) {
        let devices = self.by_channel.entry(subscription.channel.clone()).or_default();
        if devices.insert(subscription.device.clone(), subscription).is_none() {
            self.count += 1;
        }
    }

    pub(super) fn remove(&mut self, channel: &str, device: &str) -> io::Result<()> {
        let Some(devices) = self.by_channel.get_mut(channel) else { return Ok(()) };
        if devices.remove(device).is_none() {
            return Ok(());
        }
        self.count -= 1;
        if devices.is_empty() {
            self.by_channel.remove(channel);
        }
        self.save()
    }

    /// The whole list, then in place of the old one: a crash leaves one or the other.
    fn save(&self) -> io::Result<()> {
        let mut text = String::new();
        for subscription in self.by_channel.values().flat_map(BTreeMap::values) {
            text.push_str(&serde_json::to_string(subscription)?);
            text.push('\n');
        }
        let fresh = self.path.with_extension("new");
        std::fs::write(&fresh, text)?;
        std::fs::rename(&fresh, &self.path)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_list_survives_a_restart_and_is_bounded() {
        let data = std::env::temp_dir().join(format!("tandem-push-{}", rand::random::<u64>()));
        std::fs::create_dir_all(&data).unwrap();
        let one = |channel: &str| Subscription {
            channel: channel.to_owned(),
            device: "d".to_owned(),
            endpoint: "https://push.example/1".to_owned(),
            p256dh: String::new(),
            auth: String::new(),
        };
        let mut list = List::open(&data).unwrap();
        for number in 0..MOST_PER_DEVICE {
            assert!(list.add(one(&number.to_string())).unwrap());
        }
        assert!(!list.add(one("more")).unwrap());
        assert!(list.add(one("0")).unwrap(), "the same again is no new one");
        list.remove("0", "d").unwrap();
        let again = List::open(&data).unwrap();
        assert_eq!((again.len(), again.has("0"), again.of("1").len()), (MOST_PER_DEVICE - 1, false, 1));
        std::fs::remove_dir_all(&data).unwrap();
    }
}
