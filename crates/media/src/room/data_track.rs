//! Data tracks: named streams of small packets whose handles we translate per subscriber.

use super::participant::{DataSubscription, DataTrack};
use super::{Ctx, ParticipantKey, Room};
use crate::transport::DataLabel;
use bytes::Bytes;
use tandem_core::{Code, DataTrackInfo, Event, RequestRef};

/// Longest name, bytes.
const NAME_BYTES: usize = 256;

impl Room {
    pub(super) fn publish_data_track(
        &mut self,
        key: ParticipantKey,
        handle: u32,
        name: String,
        encryption: i32,
        relayed: Bytes,
        ctx: &mut Ctx<'_>,
    ) {
        let Some(p) = self.participants.get_mut(key) else { return };
        let session = p.session;
        let number = u16::try_from(handle).ok().filter(|h| *h != 0);
        let fault = if !p.info.permissions.can_publish_data {
            Some((Code::NotAllowed, "the token does not allow publishing data"))
        } else if number.is_none() {
            Some((Code::InvalidHandle, "a handle is 1 to 65,535"))
        } else if name.is_empty() || name.len() > NAME_BYTES {
            Some((Code::InvalidName, "a data track's name has 1 to 256 bytes"))
        } else if p.data_tracks.iter().any(|t| Some(t.info.handle) == number) {
            Some((Code::DuplicateHandle, "the handle is in use"))
        } else if p.data_tracks.iter().any(|t| t.info.name == name) {
            Some((Code::Duplicate, "the name is in use"))
        } else if p.data_tracks.len() >= ctx.limits.tracks_per_participant {
            Some((Code::LimitExceeded, "this participant has too many data tracks"))
        } else {
            None
        };
        if let Some((code, message)) = fault {
            let request = RequestRef::PublishDataTrack { handle, name };
            let message = message.to_owned();
            return ctx.send(session, Event::RequestResult { request, code: Some(code), message });
        }
        let sid = ctx.sids.sid("DTR_");
        let info = DataTrackInfo { sid, handle: number.unwrap_or(1), name, encryption, relayed };
        p.data_tracks.push(DataTrack { info: info.clone() });
        ctx.send(session, Event::DataTrackPublished(Box::new(info.clone())));
        self.announce(key, true, ctx);
        let automatic: Vec<ParticipantKey> =
            self.participants.iter().filter(|(k, p)| *k != key && p.auto_subscribe_data).map(|(k, _)| k).collect();
        for subscriber in automatic {
            self.subscribe_data(subscriber, vec![(info.sid.to_string(), true)], ctx);
        }
    }

    pub(super) fn unpublish_data_track(&mut self, key: ParticipantKey, handle: u32, ctx: &mut Ctx<'_>) {
        let Some(p) = self.participants.get_mut(key) else { return };
        let session = p.session;
        let Some(index) = p.data_tracks.iter().position(|t| u32::from(t.info.handle) == handle) else {
            let request = RequestRef::UnpublishDataTrack { handle };
            let message = "there is no data track with this handle".to_owned();
            return ctx.send(session, Event::RequestResult { request, code: Some(Code::TrackNotFound), message });
        };
        let track = p.data_tracks.remove(index);
        ctx.send(session, Event::DataTrackUnpublished(Box::new(track.info.clone())));
        self.forget_data_track(&track.info, ctx);
        self.announce(key, true, ctx);
    }

    fn forget_data_track(&mut self, track: &DataTrackInfo, ctx: &mut Ctx<'_>) {
        let mut changed = Vec::new();
        for (key, p) in &mut self.participants {
            let before = p.data_subscriptions.len();
            p.data_subscriptions.retain(|s| s.track != track.sid);
            if p.data_subscriptions.len() != before {
                changed.push(key);
            }
        }
        for key in changed {
            self.tell_data_handles(key, ctx);
        }
    }

    pub(super) fn drop_data_tracks_of(&mut self, key: ParticipantKey, ctx: &mut Ctx<'_>) {
        let tracks = self.participants.get_mut(key).map(|p| std::mem::take(&mut p.data_tracks)).unwrap_or_default();
        for track in tracks {
            self.forget_data_track(&track.info, ctx);
        }
    }

    pub(super) fn subscribe_data(&mut self, key: ParticipantKey, updates: Vec<(String, bool)>, ctx: &mut Ctx<'_>) {
        for (sid, subscribe) in updates {
            let found = self.participants.iter().find_map(|(owner, p)| {
                let track = p.data_tracks.iter().find(|t| t.info.sid.as_str() == sid)?;
                Some((owner, track.info.handle, track.info.sid.clone()))
            });
            let Some(p) = self.participants.get_mut(key) else { return };
            match found {
                Some((publisher, publisher_handle, track))
                    if subscribe && publisher != key && p.info.permissions.can_subscribe =>
                {
                    if !p.data_subscriptions.iter().any(|s| s.track == track) {
                        let handle = p.next_data_handle;
                        p.next_data_handle = handle.checked_add(1).unwrap_or(1);
                        p.data_subscriptions.push(DataSubscription { handle, publisher, publisher_handle, track });
                    }
                }
                _ => p.data_subscriptions.retain(|s| s.track.as_str() != sid),
            }
        }
        self.tell_data_handles(key, ctx);
    }

    fn tell_data_handles(&mut self, key: ParticipantKey, ctx: &mut Ctx<'_>) {
        let Some(p) = self.participants.get(key) else { return };
        let handles = p.data_subscriptions.iter().filter_map(|s| {
            let publisher = self.participants.get(s.publisher)?;
            Some((s.handle, publisher.info.identity.to_string(), publisher.info.sid.clone(), s.track.clone()))
        });
        let event = Event::DataHandles(handles.collect());
        ctx.send(p.session, event);
    }

    /// A packet on `_data_track`: to everyone subscribed, under their own handle.
    pub(super) fn forward_data_track(&mut self, key: ParticipantKey, data: &[u8], ctx: &mut Ctx<'_>) {
        let Some(handle) = tandem_wire::data_track::handle(data) else { return };
        let mut copy = data.to_vec();
        for p in self.participants.values() {
            for s in p.data_subscriptions.iter().filter(|s| s.publisher == key && s.publisher_handle == handle) {
                if tandem_wire::data_track::set_handle(&mut copy, s.handle)
                    && let Some(peer) = ctx.transports.peer_mut(p.receiving())
                {
                    // Full buffers drop: the newest packet matters, not the oldest.
                    peer.write_data(DataLabel::Track, &copy);
                }
            }
        }
    }
}
