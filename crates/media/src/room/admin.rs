//! What administrators ask of a room, and the dispatch of what members ask.

use super::data::ServerData;
use super::{Ctx, ParticipantKey, Room};
use std::collections::BTreeMap;
use tandem_core::{
    Code, Event, Identity, LeaveAction, LeaveReason, Permissions, Reject, Reply, RoomCommand, RoomOptions,
    SessionCommand, SessionId,
};

impl Room {
    /// Something a member asks.
    pub(crate) fn apply(
        &mut self,
        key: ParticipantKey,
        session: SessionId,
        command: SessionCommand,
        ctx: &mut Ctx<'_>,
    ) {
        match command {
            SessionCommand::Offer { sdp, id } => self.handle_offer(key, &sdp, id, ctx),
            SessionCommand::Answer { sdp, id } => self.handle_answer(key, &sdp, id, ctx),
            SessionCommand::Trickle { target, candidate } => self.trickle(key, target, &candidate, ctx),
            SessionCommand::PublishTrack(request) => self.announce_track(key, *request, ctx),
            SessionCommand::Mute { track, muted } => self.mute_own(key, &track, muted, ctx),
            SessionCommand::Subscribe { tracks, subscribe } => self.subscribe(key, tracks, subscribe, ctx),
            SessionCommand::Settings { tracks, settings } => self.change_settings(key, tracks, settings, ctx),
            SessionCommand::Permission(permission) => self.change_permission(key, permission, ctx),
            SessionCommand::UpdateMetadata { request_id, name, metadata, attributes } => {
                self.update_own_metadata(key, request_id, (name, metadata, attributes), ctx);
            }
            SessionCommand::UpdateAudioTrack { track, features } => {
                self.update_audio_track(key, &track, features, ctx);
            }
            SessionCommand::UpdateVideoTrack { track, width, height } => {
                self.update_video_track(key, &track, (width, height), ctx);
            }
            SessionCommand::SyncState(state) => self.sync_state(key, *state, ctx),
            SessionCommand::PublishDataTrack { handle, name, encryption, relayed } => {
                self.publish_data_track(key, handle, name, encryption, relayed, ctx);
            }
            SessionCommand::UnpublishDataTrack { handle } => self.unpublish_data_track(key, handle, ctx),
            SessionCommand::SubscribeData { updates } => self.subscribe_data(key, updates, ctx),
            SessionCommand::Simulate(scenario) => self.simulate(key, scenario, ctx),
            SessionCommand::Leave { reason } => self.leave(key, reason, ctx),
            SessionCommand::SignalLost => self.signal_lost(key, session, ctx),
        }
    }

    /// Something an administrator asks.
    ///
    /// # Errors
    /// The participant or track does not exist, a bound is exceeded, or the state forbids it.
    pub(crate) fn administer(&mut self, command: RoomCommand, ctx: &mut Ctx<'_>) -> Result<Reply, Reject> {
        match command {
            RoomCommand::Create(options) => self.change_options(options, ctx),
            RoomCommand::Delete => {
                self.close(LeaveReason::RoomDeleted, LeaveAction::Disconnect, ctx);
                Ok(Reply::Done)
            }
            RoomCommand::ListParticipants => {
                let all = self.participants.keys().filter_map(|k| self.snapshot(k)).collect();
                Ok(Reply::Participants(all))
            }
            RoomCommand::GetParticipant(identity) => {
                let key = self.find(&identity)?;
                self.reply_participant(key)
            }
            RoomCommand::RemoveParticipant(identity) => {
                let key = self.find(&identity)?;
                self.remove(key, LeaveReason::ParticipantRemoved, Some(LeaveAction::Disconnect), ctx);
                Ok(Reply::Done)
            }
            RoomCommand::MuteTrack { identity, track, muted } => self.mute_by_server(&identity, &track, muted, ctx),
            RoomCommand::UpdateParticipant { identity, name, metadata, attributes, permissions } => {
                self.update_participant(&identity, (name, metadata, attributes), permissions, ctx)
            }
            RoomCommand::UpdateMetadata(metadata) => self.update_room_metadata(metadata, ctx),
            RoomCommand::UpdateSubscriptions { identity, tracks, subscribe } => {
                let key = self.find(&identity)?;
                self.subscribe(key, tracks, subscribe, ctx);
                Ok(Reply::Done)
            }
            RoomCommand::SendData { payload, reliable, to, to_sids, topic, nonce } => {
                self.send_from_server(ServerData { payload, reliable, to, to_sids, topic, nonce }, ctx)?;
                Ok(Reply::Done)
            }
            RoomCommand::Debug => Ok(Reply::Text(self.describe())),
        }
    }

    fn find(&self, identity: &Identity) -> Result<ParticipantKey, Reject> {
        let found = self.by_identity.get(identity).copied();
        found.ok_or_else(|| Reject::new(Code::ParticipantNotFound, "participant does not exist"))
    }

    fn reply_participant(&self, key: ParticipantKey) -> Result<Reply, Reject> {
        let info = self.snapshot(key);
        let info = info.ok_or_else(|| Reject::new(Code::ParticipantNotFound, "participant does not exist"))?;
        Ok(Reply::Participant(Box::new(info)))
    }

    fn change_options(&mut self, options: RoomOptions, ctx: &mut Ctx<'_>) -> Result<Reply, Reject> {
        if options.empty_timeout_s > 0 {
            self.info.empty_timeout_s = options.empty_timeout_s;
        }
        if options.departure_timeout_s > 0 {
            self.info.departure_timeout_s = options.departure_timeout_s;
        }
        if options.max_participants > 0 {
            self.info.max_participants = options.max_participants;
        }
        if !options.metadata.is_empty() && options.metadata != self.info.metadata {
            self.update_room_metadata(options.metadata, ctx)?;
        }
        Ok(Reply::Room(Box::new(self.info.clone())))
    }

    fn update_room_metadata(&mut self, metadata: String, ctx: &mut Ctx<'_>) -> Result<Reply, Reject> {
        if metadata.len() > ctx.limits.metadata_bytes {
            return Err(Reject::new(Code::LimitExceeded, "the room metadata is too long"));
        }
        self.info.metadata = metadata;
        self.broadcast(&Event::Room(Box::new(self.info.clone())), ctx);
        Ok(Reply::Room(Box::new(self.info.clone())))
    }

    fn mute_by_server(
        &mut self,
        identity: &Identity,
        track: &str,
        muted: bool,
        ctx: &mut Ctx<'_>,
    ) -> Result<Reply, Reject> {
        let key = self.find(identity)?;
        let missing = || Reject::new(Code::TrackNotFound, "track does not exist");
        let found = self.find_track(track).filter(|t| self.tracks.get(*t).is_some_and(|t| t.publisher == key));
        let found = found.ok_or_else(missing)?;
        let info = self.tracks.get(found).map(|t| t.info.clone()).ok_or_else(missing)?;
        if !muted && info.muted {
            return Err(Reject::new(Code::FailedPrecondition, "a server may not unmute a participant"));
        }
        let session = self.session_of(key);
        ctx.send(session, Event::Mute { track: info.sid, muted });
        self.set_muted(found, muted, ctx);
        let info = self.tracks.get(found).map(|t| t.info.clone()).ok_or_else(missing)?;
        Ok(Reply::Track(Box::new(info)))
    }

    fn update_participant(
        &mut self,
        identity: &Identity,
        change: (String, String, BTreeMap<String, String>),
        permissions: Option<Permissions>,
        ctx: &mut Ctx<'_>,
    ) -> Result<Reply, Reject> {
        let key = self.find(identity)?;
        if let Some(permissions) = permissions
            && let Some(p) = self.participants.get_mut(key)
        {
            p.info.permissions = permissions;
            self.enforce_sources(key, ctx);
            self.reconcile_participant(key, ctx);
        }
        self.change_profile(key, change, ctx)?;
        self.recount();
        self.reply_participant(key)
    }
}
