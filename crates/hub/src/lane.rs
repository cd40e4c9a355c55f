//! Many channels, found by name. A node has many lanes, each behind a lock of its own, and a
//! channel's name decides its lane; a lane is locked for one step and never while anything waits.

use crate::channel::{Channel, ChannelId};
use crate::namespace::NamespaceOptions;
use crate::publication::Publication;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::HashMap;
use std::collections::hash_map::{DefaultHasher, Entry};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Letters of an epoch.
const EPOCH_LETTERS: usize = 8;

/// One lane.
#[derive(Debug)]
pub struct Lane<W> {
    channels: HashMap<Arc<str>, Channel<W>>,
    names: HashMap<ChannelId, Arc<str>>,
    rng: StdRng,
    number: u64,
    lanes: u64,
    made: u64,
}

/// Which of `lanes` lanes a channel is in.
#[must_use]
pub fn lane_of(name: &str, lanes: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    usize::try_from(hasher.finish() % (lanes.max(1) as u64)).unwrap_or(0)
}

/// Which of `lanes` lanes a channel of this number is in.
#[must_use]
pub fn lane_of_id(id: ChannelId, lanes: usize) -> usize {
    usize::try_from(id.0 % (lanes.max(1) as u64)).unwrap_or(0)
}

impl<W> Lane<W> {
    /// Lane `number` of `lanes`; `seed` makes its epochs.
    #[must_use]
    pub fn new(number: usize, lanes: usize, seed: u64) -> Self {
        Self {
            channels: HashMap::new(),
            names: HashMap::new(),
            rng: StdRng::seed_from_u64(seed),
            number: number as u64,
            lanes: lanes.max(1) as u64,
            made: 0,
        }
    }

    /// The channel, made if it is not there.
    pub fn channel(&mut self, name: &Arc<str>, options: &Arc<NamespaceOptions>, now_ms: u64) -> &mut Channel<W> {
        let Self { channels, names, rng, number, lanes, made } = self;
        match channels.entry(Arc::clone(name)) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let id = ChannelId(*made * *lanes + *number);
                *made += 1;
                names.insert(id, Arc::clone(name));
                let options = Arc::clone(options);
                entry.insert(Channel::new(id, Arc::clone(name), options, epoch(rng), now_ms))
            }
        }
    }

    /// A channel as it was on the disk. Without an epoch it begins a new life.
    pub fn restore(
        &mut self,
        (name, options): (&Arc<str>, &Arc<NamespaceOptions>),
        (epoch_kept, top): (Option<Arc<str>>, u64),
        publications: Vec<Publication>,
        now_ms: u64,
    ) {
        let id = ChannelId(self.made * self.lanes + self.number);
        self.made += 1;
        let epoch = epoch_kept.unwrap_or_else(|| epoch(&mut self.rng));
        let mut channel =
            Channel::new(id, Arc::clone(name), Arc::clone(options), epoch, now_ms).restored(top, publications);
        channel.trim(now_ms);
        self.names.insert(id, Arc::clone(name));
        self.channels.insert(Arc::clone(name), channel);
    }

    /// The channel, if it is there.
    pub fn get(&mut self, name: &str) -> Option<&mut Channel<W>> {
        self.channels.get_mut(name)
    }

    /// The channel of this number, if it is still there.
    pub fn by_id(&mut self, id: ChannelId) -> Option<&mut Channel<W>> {
        let name = self.names.get(&id)?;
        self.channels.get_mut(name)
    }

    /// Forgets channels that nobody would miss; returns how many are left.
    pub fn sweep(&mut self, now_ms: u64) -> usize {
        let names = &mut self.names;
        self.channels.retain(|_, channel| {
            channel.trim(now_ms);
            let forget = channel.is_forgettable(now_ms);
            if forget {
                names.remove(&channel.id());
            }
            !forget
        });
        self.channels.len()
    }

    /// All channels, by name.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "sorted right after")]
    pub fn all(&self) -> Vec<&Channel<W>> {
        let mut all: Vec<_> = self.channels.values().collect();
        all.sort_by(|a, b| a.name().cmp(b.name()));
        all
    }

    /// How many channels there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.channels.len()
    }

    /// Whether there is no channel.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }
}

fn epoch(rng: &mut StdRng) -> Arc<str> {
    (0..EPOCH_LETTERS).map(|_| char::from(rng.random_range(b'a'..=b'z'))).collect::<String>().into()
}
