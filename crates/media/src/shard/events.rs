//! What connections report, taken to the rooms.

use super::{Ctx, Shard, with_room};
use crate::transport::{DataLabel, PeerEvent, TransportKey};
use std::time::Instant;

impl Shard {
    pub(super) fn handle_event(&mut self, key: TransportKey, event: PeerEvent, now: Instant) {
        let Some(owner) = self.transports.owner(key) else { return };
        match &event {
            PeerEvent::Packet(_) => self.stats.packets_in += 1,
            PeerEvent::Data(..) => self.stats.data_in += 1,
            _ => {}
        }
        let who = owner.participant;
        with_room!(self, owner.room, now, |room, ctx| match event {
            PeerEvent::Packet(packet) => room.handle_packet(key, &packet, &mut ctx),
            PeerEvent::KeyframeRequest(mid) => room.handle_keyframe_request(who, mid, &mut ctx),
            PeerEvent::Data(label, data) => room.handle_data(who, label, &data, &mut ctx),
            PeerEvent::ChannelOpen(DataLabel::Reliable) | PeerEvent::ChannelDrained(DataLabel::Reliable) => {
                room.flush_data(who, &mut ctx);
            }
            PeerEvent::ChannelOpen(_) | PeerEvent::ChannelDrained(_) => {}
            PeerEvent::Connected => room.connected(who, owner.target, &mut ctx),
            PeerEvent::PathLost => room.path_lost(who, &ctx),
            PeerEvent::PathBack => room.path_back(who),
            PeerEvent::Ingress(stats) => room.note_ingress(who, &stats),
            PeerEvent::Egress(stats) => room.note_egress(who, &stats),
            PeerEvent::Closed => room.transport_closed(who, &mut ctx),
        });
    }
}
