//! Entering, coming back and leaving.

use super::participant::{Faults, Negotiation, Participant};
use super::{Ctx, ParticipantKey, Room};
use crate::transport::{Owner, Peer};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tandem_core::{
    Code, Effect, Event, Join, Joined, LeaveAction, LeaveReason, Notice, ParticipantInfo, ParticipantState, PcTarget,
    Reject, Resume, Resumed, Scenario, SessionId, SubscriptionPermission,
};

/// How long somebody who left is remembered for those who resume.
const REMEMBER_LEFT: Duration = Duration::from_secs(60);
/// Participants remembered.
const REMEMBER_LEFT_MAX: usize = 256;
/// How long a test client's wish to be dropped on its next resume holds.
const FAULT_WINDOW: Duration = Duration::from_secs(5);

impl Room {
    pub(crate) fn join(&mut self, join: Join, ctx: &mut Ctx<'_>) -> Result<Joined, Reject> {
        if let Some(old) = self.by_identity.get(&join.identity).copied() {
            self.remove(old, LeaveReason::DuplicateIdentity, Some(LeaveAction::Disconnect), ctx);
        }
        let limit = self.info.max_participants;
        if limit > 0 && self.info.num_participants >= limit && join.grant.kind.keeps_room_open() {
            return Err(Reject::new(Code::LimitExceeded, "the room is full"));
        }
        let key = self.insert(&join, ctx);
        self.empty_since = None;
        self.ever_joined = true;
        self.recount();
        // Newcomers start with everything already published, so that the first exchange of SDP
        // carries it.
        self.reconcile_participant(key, ctx);
        if !join.single_pc
            && let Some(p) = self.participants.get_mut(key)
        {
            p.negotiation.needed = true;
        }
        self.announce(key, false, ctx);
        let participant = self.snapshot(key).ok_or_else(|| Reject::new(Code::Internal, "the join was lost"))?;
        let joined = Notice::ParticipantJoined { room: self.info.clone(), participant: participant.clone() };
        ctx.effects.push(Effect::Notice(Box::new(joined)));
        Ok(Joined {
            room: self.info.clone(),
            participant,
            others: self.others(key),
            sif_trailer: self.sif_trailer.clone(),
        })
    }

    fn insert(&mut self, join: &Join, ctx: &mut Ctx<'_>) -> ParticipantKey {
        let info = ParticipantInfo {
            sid: ctx.sids.sid("PA_"),
            identity: join.identity.clone(),
            name: join.grant.name.clone(),
            state: ParticipantState::Joined,
            metadata: join.grant.metadata.clone(),
            attributes: join.grant.attributes.clone(),
            joined_at_ms: ctx.unix_ms,
            version: 0,
            permissions: join.grant.permissions.clone(),
            kind: join.grant.kind,
            is_publisher: false,
            tracks: Vec::new(),
            data_tracks: Vec::new(),
            disconnect_reason: None,
            client_protocol: join.client.client_protocol,
            capabilities: join.client.capabilities.clone(),
        };
        let (transports, now, room) = (&mut *ctx.transports, ctx.now, ctx.room);
        let tcp_only = self.tcp_only.contains(&join.identity);
        let peer = || Peer::new(ctx.peers, tcp_only, now);
        let key = self.participants.insert_with_key(|key| {
            let owner = |target| Owner { room, participant: key, target };
            let publisher = transports.insert(peer(), owner(PcTarget::Publisher), now);
            let subscriber = (!join.single_pc).then(|| transports.insert(peer(), owner(PcTarget::Subscriber), now));
            Participant {
                info,
                client: join.client.clone(),
                session: Some(join.session),
                single_pc: join.single_pc,
                auto_subscribe: join.auto_subscribe,
                auto_subscribe_data: join.auto_subscribe_data,
                adaptive_stream: join.adaptive_stream,
                publisher,
                subscriber,
                joined_at: now,
                path_lost: None,
                nudged: false,
                signal_lost: None,
                pending: Vec::new(),
                queued: Vec::new(),
                tracks: Vec::new(),
                data_tracks: Vec::new(),
                data_subscriptions: Vec::new(),
                next_data_handle: 1,
                wishes: BTreeMap::new(),
                settings: BTreeMap::new(),
                permission: SubscriptionPermission { all_participants: true, tracks: Vec::new() },
                negotiation: Negotiation::default(),
                ended_slots: Vec::new(),
                last_data_sequence: 0,
                data_queue: VecDeque::new(),
                data_queue_bytes: 0,
                quality: super::tick::QualityState::default(),
                faults: Faults::default(),
                missed: Vec::new(),
            }
        });
        self.by_identity.insert(join.identity.clone(), key);
        ctx.sessions.insert(join.session, (ctx.room, key));
        key
    }

    /// A client whose signalling broke comes back to its participant.
    pub(crate) fn resume(&mut self, resume: &Resume, ctx: &mut Ctx<'_>) -> Result<Resumed, Reject> {
        let gone = || Reject::new(Code::ParticipantNotFound, "there is nothing to resume; join again");
        let key = self.by_identity.get(&resume.identity).copied().ok_or_else(gone)?;
        let p = self.participants.get_mut(key).ok_or_else(gone)?;
        let other = !resume.participant.is_empty() && resume.participant != p.info.sid.as_str();
        if other || p.faults.refuse_resume {
            if p.faults.refuse_resume {
                self.remove(key, LeaveReason::Migration, None, ctx);
            }
            return Err(gone());
        }
        if let Some(old) = p.session.replace(resume.session) {
            ctx.sessions.remove(&old);
            ctx.effects.push(Effect::Close(old));
        }
        p.signal_lost = None;
        p.path_lost = None;
        p.nudged = false;
        let drop_signal = take_resume_fault(&mut p.faults, ctx.now);
        let last_data_sequence = p.last_data_sequence;
        p.negotiation.outstanding = None;
        // A two-connection client waits for our offer to move its receiving side to the new path;
        // a one-connection client offers by itself, and is asked again for what is still open.
        p.negotiation.needed |= p.subscriber.is_some() || !self.subscriptions.is_empty();
        p.negotiation.restart = p.subscriber.is_some();
        ctx.sessions.insert(resume.session, (ctx.room, key));
        for event in std::mem::take(&mut p.missed) {
            ctx.send(Some(resume.session), event);
        }
        self.send_offer(key, ctx);
        let mut participants: Vec<ParticipantInfo> = self
            .left
            .iter()
            .filter(|(_, i)| !self.by_identity.contains_key(&i.identity))
            .map(|(_, i)| i.clone())
            .collect();
        participants.extend(self.others(key));
        participants.extend(self.snapshot(key));
        Ok(Resumed { last_data_sequence, participants, room: self.info.clone(), drop_signal })
    }

    /// Somebody is gone: its tracks, subscriptions and connections go with it.
    pub(super) fn remove(
        &mut self,
        key: ParticipantKey,
        reason: LeaveReason,
        tell: Option<LeaveAction>,
        ctx: &mut Ctx<'_>,
    ) {
        let Some(mut info) = self.snapshot(key) else { return };
        self.drop_subscriptions_of(key, ctx);
        let tracks = self.participants.get(key).map(|p| p.tracks.clone()).unwrap_or_default();
        for track in tracks {
            self.drop_track(track, ctx);
        }
        self.drop_data_tracks_of(key, ctx);
        let Some(p) = self.participants.remove(key) else { return };
        self.by_identity.remove(&p.info.identity);
        self.speakers.remove(&p.info.sid);
        match tell {
            Some(action) => ctx.end_session(p.session, reason, action),
            None => {
                if let Some(session) = p.session {
                    ctx.effects.push(Effect::Close(session));
                    ctx.sessions.remove(&session);
                }
            }
        }
        for transport in [Some(p.publisher), p.subscriber].into_iter().flatten() {
            self.streams.retain(|(t, _), _| *t != transport);
            if let Some(peer) = ctx.transports.peer_mut(transport) {
                peer.close();
            }
            ctx.transports.remove_after_flush(transport);
        }
        info.state = ParticipantState::Disconnected;
        info.disconnect_reason = Some(reason);
        info.version = p.info.version + 1;
        info.tracks.clear();
        info.data_tracks.clear();
        info.is_publisher = false;
        self.recount();
        let left = Notice::ParticipantLeft { room: self.info.clone(), participant: info.clone() };
        ctx.effects.push(Effect::Notice(Box::new(left)));
        if !info.permissions.hidden {
            self.broadcast(&Event::Participants(Arc::new(vec![info.clone()])), ctx);
            self.left.push_back((ctx.now, info));
        }
        while self.left.len() > REMEMBER_LEFT_MAX
            || self.left.front().is_some_and(|(at, _)| ctx.now.saturating_duration_since(*at) > REMEMBER_LEFT)
        {
            self.left.pop_front();
        }
        if !self.participants.values().any(|p| p.info.kind.keeps_room_open()) {
            self.empty_since = Some(ctx.now);
        }
    }

    pub(super) fn leave(&mut self, key: ParticipantKey, reason: Option<LeaveReason>, ctx: &mut Ctx<'_>) {
        self.remove(key, reason.unwrap_or(LeaveReason::ClientInitiated), None, ctx);
    }

    /// The signalling connection broke. Who never got media through is gone; others may resume.
    pub(super) fn signal_lost(&mut self, key: ParticipantKey, session: SessionId, ctx: &mut Ctx<'_>) {
        let Some(p) = self.participants.get_mut(key) else { return };
        if p.session != Some(session) {
            return;
        }
        p.session = None;
        p.signal_lost = Some(ctx.now);
        ctx.sessions.remove(&session);
        if !p.is_active() {
            self.remove(key, LeaveReason::SignalClose, None, ctx);
        }
    }

    /// Ends the room for everyone.
    pub(crate) fn close(&mut self, reason: LeaveReason, action: LeaveAction, ctx: &mut Ctx<'_>) {
        let everyone: Vec<_> = self.participants.keys().collect();
        for key in everyone {
            self.remove(key, reason, Some(action), ctx);
        }
        self.closed = true;
        ctx.effects.push(Effect::Notice(Box::new(Notice::RoomFinished(self.info.clone()))));
    }

    pub(super) fn simulate(&mut self, key: ParticipantKey, scenario: Scenario, ctx: &mut Ctx<'_>) {
        let Some(p) = self.participants.get_mut(key) else { return };
        match scenario {
            Scenario::SpeakerUpdate { seconds } => {
                p.faults.speaking_until = Some(ctx.now + Duration::from_secs(u64::from(seconds.min(600))));
            }
            Scenario::NodeFailure => {
                let session = p.session;
                ctx.send(session, Event::DropSignal);
                self.remove(key, LeaveReason::ServerShutdown, None, ctx);
            }
            Scenario::Migration => {
                p.faults.refuse_resume = true;
                let session = p.session;
                ctx.send(session, Event::DropSignal);
            }
            Scenario::ServerLeave => {
                self.remove(key, LeaveReason::ServerShutdown, Some(LeaveAction::Disconnect), ctx);
            }
            Scenario::LeaveRequestFullReconnect => {
                self.remove(key, LeaveReason::Unknown, Some(LeaveAction::Reconnect), ctx);
            }
            Scenario::DisconnectSignalOnResume => p.faults.drop_on_resume = Some(ctx.now),
            Scenario::DisconnectSignalOnResumeNoMessages => p.faults.drop_on_resume_silently = 3,
            // The client joins anew by itself; what it is then offered is decided here.
            Scenario::SwitchCandidateProtocol { tcp } => {
                let identity = p.info.identity.clone();
                if tcp {
                    self.tcp_only.insert(identity);
                } else {
                    self.tcp_only.remove(&identity);
                }
            }
            Scenario::SubscriberBandwidth { bits_per_second } => {
                p.faults.capacity = (bits_per_second > 0).then_some(bits_per_second);
                self.choose_layers_of(key, ctx);
            }
        }
    }
}

fn take_resume_fault(faults: &mut Faults, now: std::time::Instant) -> Option<bool> {
    if faults.drop_on_resume_silently > 0 {
        faults.drop_on_resume_silently -= 1;
        return Some(true);
    }
    let since = faults.drop_on_resume.take()?;
    (now.saturating_duration_since(since) <= FAULT_WINDOW).then_some(false)
}
