//! Between channels and the disk: what is published in a namespace on disk waits here for its
//! commit, and what was on the disk becomes channels again at start.

use super::plane::Plane;
use crate::door::centrifuge::{publication_of, publication_to};
use crate::store::{Committed, Full, Kind, Loaded, Options, Record, Store, StoreError};
use std::path::Path;
use std::sync::Arc;
use tandem_hub::code::ErrorCode;
use tandem_hub::namespace::Durability;
use tandem_hub::publication::Publication;

/// The file in the data directory.
const FILE: &str = "channels.redb";

impl Plane {
    /// Opens the disk, brings back the channels on it, and keeps publications there from now on.
    ///
    /// # Errors
    /// The directory cannot be written, or another process has it.
    pub fn open_store(self: &Arc<Self>, data: &Path) -> Result<(), StoreError> {
        std::fs::create_dir_all(data).map_err(|error| StoreError::of_io(data, &error))?;
        let (committing, snapshotting) = (Arc::downgrade(self), Arc::downgrade(self));
        let done = move |committed: Committed| {
            if let Some(plane) = committing.upgrade() {
                plane.committed(committed);
            }
        };
        let snapshot = move |give: &mut dyn FnMut(Record)| {
            let Some(plane) = snapshotting.upgrade() else { return false };
            plane.everything(give);
            true
        };
        let (store, loaded) = Store::open(&data.join(FILE), Options::default(), Box::new(done), Box::new(snapshot))?;
        self.restore(loaded);
        self.attach_store(store);
        Ok(())
    }

    fn restore(&self, loaded: Loaded) {
        if let Some(cut) = &loaded.cut {
            tracing::error!("{cut}; channels begin a new epoch, so that nobody takes the rest for complete");
        }
        let now = self.now_ms();
        for channel in loaded.channels {
            let Some(options) = self.settings.options_of(&channel.name) else { continue };
            if options.durability != Durability::Disk || !options.has_history() {
                continue;
            }
            let publications = channel.publications.iter().filter_map(|(offset, time_ms, bytes)| {
                let publication = publication_of(bytes)?;
                Some(Publication { offset: *offset, time_ms: *time_ms, ..publication })
            });
            let epoch = loaded.cut.is_none().then(|| Arc::clone(&channel.epoch));
            let mut lane = self.lane(&channel.name);
            lane.restore((&channel.name, &options), (epoch, channel.top), publications.collect(), now);
        }
    }

    /// Hands a publication to the disk.
    /// With `quietly`, more of the same turn follow, and [`Plane::wake_store`] after the last.
    pub(super) fn persist(
        &self,
        name: &Arc<str>,
        epoch: &Arc<str>,
        publication: &Publication,
        quietly: bool,
    ) -> Result<(), Full> {
        let Some(store) = self.store() else { return Err(Full) };
        let record = Record {
            channel: Arc::clone(name),
            epoch: Arc::clone(epoch),
            offset: publication.offset,
            time_ms: publication.time_ms,
            kind: Kind::Publication(publication_to(publication)),
        };
        if quietly { store.append_quietly(record) } else { store.append(record) }
    }

    /// The publications of a loop's turn are all queued: the disk may begin.
    pub fn wake_store(&self) {
        if let Some(store) = self.store() {
            store.wake();
        }
    }

    /// The disk has these, or never will.
    fn committed(&self, committed: Committed) {
        let (records, failed) = match committed {
            Committed::Done(records) => (records, false),
            Committed::Failed(records, _) => (records, true),
        };
        let now = self.now_ms();
        for record in records.iter().filter(|record| matches!(record.kind, Kind::Publication(_))) {
            let mut lane = self.lane(&record.channel);
            let Some(channel) = lane.get(&record.channel) else { continue };
            if failed {
                let waiter = channel.abort(record.offset);
                drop(lane);
                if let Some(waiter) = waiter {
                    self.answer_quietly(waiter, Err(ErrorCode::INTERNAL));
                }
                continue;
            }
            let Some(done) = channel.commit(record.offset, now) else { continue };
            self.show_quietly(done.delivery);
            drop(lane);
            self.stats.published(1);
            self.answer_quietly(done.waiter, Ok(done.position));
        }
        // All together: subscribers of several get them in one write.
        self.wake_loops();
    }

    /// Everything on disk that is still worth having, channel by channel.
    fn everything(&self, give: &mut dyn FnMut(Record)) {
        for lane in self.lanes() {
            for channel in lane.all() {
                if channel.options().durability != Durability::Disk || !channel.options().has_history() {
                    continue;
                }
                let position = channel.position();
                let record = |offset, time_ms, kind| Record {
                    channel: Arc::clone(channel.name()),
                    epoch: Arc::clone(&position.epoch),
                    offset,
                    time_ms,
                    kind,
                };
                for publication in channel.kept() {
                    let kind = Kind::Publication(publication_to(publication));
                    give(record(publication.offset, publication.time_ms, kind));
                }
                give(record(position.offset, self.now_ms(), Kind::Meta));
            }
        }
    }

    /// Forgets a channel's history, on disk too.
    pub fn remove_history(&self, name: &str) {
        let record = {
            let mut lane = self.lane(name);
            let Some(channel) = lane.get(name) else { return };
            channel.remove_history();
            let position = channel.position();
            let on_disk = channel.options().durability == Durability::Disk && channel.options().has_history();
            on_disk.then(|| (Arc::clone(channel.name()), position))
        };
        if let (Some((channel, position)), Some(store)) = (record, self.store()) {
            let removed = Record {
                channel,
                epoch: position.epoch,
                offset: position.offset,
                time_ms: self.now_ms(),
                kind: Kind::Removed,
            };
            // A full queue: the publications come back after a restart, until they are too old.
            let _ = store.append(removed);
        }
    }
}
