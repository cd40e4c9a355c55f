//! Data packets: who may send them, who gets them, and what waits for a channel to open.

use super::{Ctx, ParticipantKey, Room};
use crate::transport::DataLabel;
use bytes::Bytes;
use std::time::{Duration, Instant};
use tandem_core::{LeaveReason, ParticipantKind, Reject};
use tandem_wire::data_packet::{DataPacketView, PacketKind, Sender, restamp, server_user_packet};

/// How long a repeated server packet is recognised.
const NONCE_AGE: Duration = Duration::from_secs(60);
const NONCES: usize = 1024;

/// A reliable packet kept for clients that resume.
pub(super) struct Kept {
    at: Instant,
    publisher: String,
    sequence: u32,
    to: Vec<ParticipantKey>,
    data: Bytes,
}

impl Room {
    /// A message arrived on one of a participant's data channels.
    pub(crate) fn handle_data(&mut self, key: ParticipantKey, label: DataLabel, data: &[u8], ctx: &mut Ctx<'_>) {
        let Some(p) = self.participants.get_mut(key) else { return };
        if !p.info.permissions.can_publish_data || data.len() > ctx.limits.data_packet_bytes {
            return;
        }
        if label == DataLabel::Track {
            return self.forward_data_track(key, data, ctx);
        }
        let Ok(view) = DataPacketView::parse(data) else { return };
        let agent = p.info.kind == ParticipantKind::Agent || p.info.permissions.agent;
        match view.value {
            PacketKind::Speaker => return,
            PacketKind::Transcription if !agent => return,
            _ => {}
        }
        let reliable = label == DataLabel::Reliable;
        if reliable && view.sequence != 0 {
            if view.sequence <= p.last_data_sequence {
                return;
            }
            p.last_data_sequence = view.sequence;
        }
        let hidden = p.info.permissions.hidden;
        let sender = Sender {
            sid: if hidden { "" } else { p.info.sid.as_str() },
            identity: if hidden { "" } else { p.info.identity.as_str() },
        };
        let Ok(stamped) = restamp(data, &sender, agent) else { return };
        let publisher = p.info.sid.to_string();
        let metrics = view.value == PacketKind::Metrics;
        let to = self.recipients(Some(key), &view.destination_identities, &view.destination_sids, metrics);
        self.deliver(&to, reliable, Bytes::from(stamped), Some((publisher, view.sequence)), ctx);
    }

    fn recipients(
        &self,
        sender: Option<ParticipantKey>,
        identities: &[String],
        sids: &[String],
        metrics: bool,
    ) -> Vec<ParticipantKey> {
        let everyone = identities.is_empty() && sids.is_empty();
        self.participants
            .iter()
            .filter(|(key, _)| Some(*key) != sender)
            .filter(|(_, p)| !metrics || p.info.permissions.can_subscribe_metrics)
            .filter(|(_, p)| {
                everyone
                    || identities.iter().any(|i| i == p.info.identity.as_str())
                    || sids.iter().any(|s| s == p.info.sid.as_str())
            })
            .map(|(key, _)| key)
            .collect()
    }

    fn deliver(
        &mut self,
        to: &[ParticipantKey],
        reliable: bool,
        data: Bytes,
        origin: Option<(String, u32)>,
        ctx: &mut Ctx<'_>,
    ) {
        for key in to {
            if reliable {
                self.send_reliable(*key, data.clone(), ctx);
            } else if let Some(p) = self.participants.get(*key)
                && let Some(peer) = ctx.transports.peer_mut(p.receiving())
            {
                peer.write_data(DataLabel::Lossy, &data);
            }
        }
        if let Some((publisher, sequence)) = origin
            && reliable
            && sequence != 0
        {
            self.keep(Kept { at: ctx.now, publisher, sequence, to: to.to_vec(), data }, ctx);
        }
    }

    /// Writes, or queues while the channel opens or drains. A queue over its bound drops what comes.
    fn send_reliable(&mut self, key: ParticipantKey, data: Bytes, ctx: &mut Ctx<'_>) {
        let Some(p) = self.participants.get_mut(key) else { return };
        let Some(peer) = ctx.transports.peer_mut(p.receiving()) else { return };
        if p.data_queue.is_empty() && peer.write_data(DataLabel::Reliable, &data) {
            return;
        }
        if p.data_queue_bytes + data.len() <= ctx.limits.data_buffered_bytes.saturating_mul(4) {
            p.data_queue_bytes += data.len();
            p.data_queue.push_back(data);
        }
    }

    /// A participant's reliable channel opened or drained: what waits goes out in order.
    pub(crate) fn flush_data(&mut self, key: ParticipantKey, ctx: &mut Ctx<'_>) {
        let Some(p) = self.participants.get_mut(key) else { return };
        let Some(peer) = ctx.transports.peer_mut(p.receiving()) else { return };
        while let Some(data) = p.data_queue.front() {
            if !peer.write_data(DataLabel::Reliable, data) {
                break;
            }
            p.data_queue_bytes = p.data_queue_bytes.saturating_sub(data.len());
            p.data_queue.pop_front();
        }
    }

    fn keep(&mut self, kept: Kept, ctx: &Ctx<'_>) {
        self.reliable_bytes += kept.data.len();
        self.reliable.push_back(kept);
        while let Some(oldest) = self.reliable.front() {
            let old = ctx.now.saturating_duration_since(oldest.at) > ctx.limits.reliable_cache_age;
            if !old && self.reliable_bytes <= ctx.limits.reliable_cache_bytes {
                break;
            }
            self.reliable_bytes = self.reliable_bytes.saturating_sub(oldest.data.len());
            self.reliable.pop_front();
        }
    }

    /// A resumed client says how far it got with each publisher: the rest is sent again.
    pub(super) fn replay(&mut self, key: ParticipantKey, received: &[(String, u32)], ctx: &mut Ctx<'_>) {
        let mut missed = Vec::new();
        for kept in &self.reliable {
            let last = received.iter().find(|(publisher, _)| *publisher == kept.publisher).map(|(_, last)| *last);
            if kept.to.contains(&key) && last.is_some_and(|last| kept.sequence > last) {
                missed.push(kept.data.clone());
            }
        }
        for data in missed {
            self.send_reliable(key, data, ctx);
        }
    }

    /// Data from the server API, without a sender.
    pub(super) fn send_from_server(&mut self, packet: ServerData, ctx: &mut Ctx<'_>) -> Result<(), Reject> {
        if !packet.nonce.is_empty() {
            while self.nonces.len() >= NONCES
                || self.nonces.front().is_some_and(|(at, _)| ctx.now.saturating_duration_since(*at) > NONCE_AGE)
            {
                self.nonces.pop_front();
            }
            if self.nonces.iter().any(|(_, n)| *n == packet.nonce) {
                return Ok(());
            }
            self.nonces.push_back((ctx.now, packet.nonce.clone()));
        }
        let data =
            server_user_packet(&packet.payload, packet.reliable, packet.topic.as_deref(), &packet.to, &packet.to_sids);
        let to = self.recipients(None, &packet.to, &packet.to_sids, false);
        self.deliver(&to, packet.reliable, Bytes::from(data), None, ctx);
        Ok(())
    }

    /// What a resumed client remembers; anything we do not know means it must start afresh.
    pub(super) fn sync_state(&mut self, key: ParticipantKey, state: tandem_core::SyncState, ctx: &mut Ctx<'_>) {
        let Some(p) = self.participants.get_mut(key) else { return };
        let known = |sid: &String| {
            p.tracks.iter().filter_map(|t| self.tracks.get(*t)).any(|t| t.info.sid.as_str() == sid)
                || p.pending.iter().any(|t| t.info.sid.as_str() == sid)
        };
        if !state.published_sids.iter().all(known) {
            return self.remove(key, LeaveReason::StateMismatch, Some(tandem_core::LeaveAction::Reconnect), ctx);
        }
        for sid in state.track_sids {
            p.wishes.insert(sid, state.subscribe);
        }
        for sid in state.disabled_track_sids {
            if let Some(settings) = p.settings.get_mut(&sid) {
                settings.disabled = true;
            }
        }
        self.reconcile_participant(key, ctx);
        self.replay(key, &state.data_received, ctx);
    }
}

/// A packet from the server API.
pub(super) struct ServerData {
    pub(super) payload: Bytes,
    pub(super) reliable: bool,
    pub(super) to: Vec<String>,
    pub(super) to_sids: Vec<String>,
    pub(super) topic: Option<String>,
    pub(super) nonce: Vec<u8>,
}
