//! Who wants notifications of which channel.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

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

/// All of them, by channel and device. Loops look into it, so nothing here takes long.
#[derive(Debug, Default)]
pub(super) struct List {
    by_channel: BTreeMap<String, BTreeMap<String, Subscription>>,
    of_device: HashMap<String, usize>,
    count: usize,
}

impl List {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn has(&self, channel: &str) -> bool {
        self.by_channel.contains_key(channel)
    }

    pub(super) fn of(&self, channel: &str) -> Vec<Subscription> {
        self.by_channel.get(channel).into_iter().flat_map(BTreeMap::values).cloned().collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Subscription> {
        self.by_channel.values().flat_map(BTreeMap::values)
    }

    /// `false`: there are too many already.
    pub(super) fn add(&mut self, subscription: Subscription) -> bool {
        let of_device = self.of_device.get(&subscription.device).copied().unwrap_or_default();
        let known = self.by_channel.get(&subscription.channel).is_some_and(|d| d.contains_key(&subscription.device));
        if !known && (self.count >= MOST || of_device >= MOST_PER_DEVICE) {
            return false;
        }
        if !known {
            self.count += 1;
            *self.of_device.entry(subscription.device.clone()).or_default() += 1;
        }
        let devices = self.by_channel.entry(subscription.channel.clone()).or_default();
        devices.insert(subscription.device.clone(), subscription);
        true
    }

    /// `false`: there was none.
    pub(super) fn remove(&mut self, channel: &str, device: &str) -> bool {
        let Some(devices) = self.by_channel.get_mut(channel) else { return false };
        if devices.remove(device).is_none() {
            return false;
        }
        if devices.is_empty() {
            self.by_channel.remove(channel);
        }
        self.count -= 1;
        if let Some(left) = self.of_device.get_mut(device) {
            *left -= 1;
            if *left == 0 {
                self.of_device.remove(device);
            }
        }
        true
    }
}
