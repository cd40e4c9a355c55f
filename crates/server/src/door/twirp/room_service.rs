//! RoomService: each method is a grant, a command and an answer.
#![allow(deprecated)] // SendData still takes participant ids

use super::codec::{Answer, Encoding, decode};
use super::error::TwirpError;
use crate::auth;
use crate::door::livekit::convert;
use crate::node::Node;
use livekit_protocol as proto;
use tandem_core::{Code, Command, Grant, Identity, Reject, Reply, RoomCommand, RoomName, RoomOptions};

type Outcome = Result<Answer, TwirpError>;

/// Length of a nonce that is not empty, bytes.
const NONCE: usize = 16;

/// Serves one method.
///
/// # Errors
/// Grant, body, or what the room says.
pub(super) async fn call(node: &Node, grant: &Grant, method: &str, encoding: Encoding, body: &[u8]) -> Outcome {
    let desk = Desk { node, grant };
    match method {
        "CreateRoom" => desk.create_room(decode(encoding, body)?).await,
        "ListRooms" => desk.list_rooms(decode(encoding, body)?).await,
        "DeleteRoom" => desk.delete_room(decode(encoding, body)?).await,
        "ListParticipants" => desk.list_participants(decode(encoding, body)?).await,
        "GetParticipant" => desk.get_participant(decode(encoding, body)?).await,
        "RemoveParticipant" => desk.remove_participant(decode(encoding, body)?).await,
        "MutePublishedTrack" => desk.mute(decode(encoding, body)?).await,
        "UpdateParticipant" => desk.update_participant(decode(encoding, body)?).await,
        "UpdateSubscriptions" => desk.update_subscriptions(decode(encoding, body)?).await,
        "SendData" => desk.send_data(decode(encoding, body)?).await,
        "UpdateRoomMetadata" => desk.update_metadata(decode(encoding, body)?).await,
        "ForwardParticipant" | "MoveParticipant" | "PerformRpc" => {
            Err(TwirpError::unimplemented(format!("this node does not serve {method}")))
        }
        _ => Err(TwirpError::bad_route(format!("no such method: {method}"))),
    }
}

struct Desk<'a> {
    node: &'a Node,
    grant: &'a Grant,
}

impl Desk<'_> {
    async fn create_room(&self, request: proto::CreateRoomRequest) -> Outcome {
        allowed(self.grant.room_create)?;
        self.metadata_fits(&request.metadata)?;
        let options = RoomOptions {
            empty_timeout_s: request.empty_timeout,
            departure_timeout_s: request.departure_timeout,
            max_participants: request.max_participants,
            metadata: request.metadata,
        };
        self.ask(room_name(&request.name)?, RoomCommand::Create(options)).await
    }

    async fn list_rooms(&self, request: proto::ListRoomsRequest) -> Outcome {
        allowed(self.grant.room_list)?;
        // What is no name names no room.
        let names: Vec<RoomName> = request.names.iter().filter_map(|name| name.parse().ok()).collect();
        let mut rooms = Vec::new();
        if names.is_empty() && !request.names.is_empty() {
            return Ok(Answer::Rooms(rooms));
        }
        for shard in self.node.shards.all() {
            if let Reply::Rooms(found) = shard.call(Command::ListRooms { names: names.clone() }).await? {
                rooms.extend(found.iter().map(convert::room));
            }
        }
        Ok(Answer::Rooms(rooms))
    }

    async fn delete_room(&self, request: proto::DeleteRoomRequest) -> Outcome {
        allowed(self.grant.room_create)?;
        self.ask(room_name(&request.room)?, RoomCommand::Delete).await
    }

    async fn list_participants(&self, request: proto::ListParticipantsRequest) -> Outcome {
        let room = self.administered(&request.room)?;
        match self.reply(room, RoomCommand::ListParticipants).await {
            Err(reject) if reject.code == Code::RoomNotFound => Ok(Answer::Participants(Vec::new())),
            other => answer(other?),
        }
    }

    async fn get_participant(&self, request: proto::RoomParticipantIdentity) -> Outcome {
        let room = self.administered(&request.room)?;
        self.ask(room, RoomCommand::GetParticipant(identity(&request.identity)?)).await
    }

    async fn remove_participant(&self, request: proto::RoomParticipantIdentity) -> Outcome {
        let room = self.administered(&request.room)?;
        self.ask(room, RoomCommand::RemoveParticipant(identity(&request.identity)?)).await
    }

    async fn mute(&self, request: proto::MuteRoomTrackRequest) -> Outcome {
        let room = self.administered(&request.room)?;
        let identity = identity(&request.identity)?;
        self.ask(room, RoomCommand::MuteTrack { identity, track: request.track_sid, muted: request.muted }).await
    }

    async fn update_participant(&self, request: proto::UpdateParticipantRequest) -> Outcome {
        let room = self.administered(&request.room)?;
        self.metadata_fits(&request.metadata)?;
        let limits = &self.node.limits;
        bounded("name", request.name.len(), limits.name_bytes)?;
        let attributes: usize = request.attributes.iter().map(|(key, value)| key.len() + value.len()).sum();
        bounded("attributes", attributes, limits.attributes_bytes)?;
        let command = RoomCommand::UpdateParticipant {
            identity: identity(&request.identity)?,
            name: request.name,
            metadata: request.metadata,
            attributes: request.attributes.into_iter().collect(),
            permissions: request.permission.as_ref().map(convert::permissions_from),
        };
        self.ask(room, command).await
    }

    async fn update_subscriptions(&self, request: proto::UpdateSubscriptionsRequest) -> Outcome {
        let room = self.administered(&request.room)?;
        let more = request.participant_tracks.into_iter().flat_map(|tracks| tracks.track_sids);
        let tracks = request.track_sids.into_iter().chain(more).collect();
        let identity = identity(&request.identity)?;
        self.ask(room, RoomCommand::UpdateSubscriptions { identity, tracks, subscribe: request.subscribe }).await
    }

    async fn send_data(&self, request: proto::SendDataRequest) -> Outcome {
        let room = self.administered(&request.room)?;
        if !request.nonce.is_empty() && request.nonce.len() != NONCE {
            return Err(TwirpError::invalid(format!("the nonce must have {NONCE} bytes or none")));
        }
        bounded("data", request.data.len(), self.node.limits.data_packet_bytes)?;
        let command = RoomCommand::SendData {
            payload: request.data.into(),
            reliable: request.kind == i32::from(proto::data_packet::Kind::Reliable),
            to: request.destination_identities,
            to_sids: request.destination_sids,
            topic: request.topic,
            nonce: request.nonce,
        };
        self.ask(room, command).await
    }

    async fn update_metadata(&self, request: proto::UpdateRoomMetadataRequest) -> Outcome {
        let room = self.administered(&request.room)?;
        self.metadata_fits(&request.metadata)?;
        self.ask(room, RoomCommand::UpdateMetadata(request.metadata)).await
    }

    fn administered(&self, room: &str) -> Result<RoomName, TwirpError> {
        allowed(auth::administers(self.grant, room))?;
        room_name(room)
    }

    fn metadata_fits(&self, metadata: &str) -> Result<(), TwirpError> {
        bounded("metadata", metadata.len(), self.node.limits.metadata_bytes)
    }

    async fn ask(&self, room: RoomName, command: RoomCommand) -> Outcome {
        answer(self.reply(room, command).await?)
    }

    async fn reply(&self, room: RoomName, command: RoomCommand) -> Result<Reply, Reject> {
        let shard = self.node.shards.for_room(&room);
        let shard = shard.ok_or_else(|| Reject::new(Code::Internal, "the node has no shard for this room"))?;
        shard.call(Command::Room { room, body: Box::new(command) }).await
    }
}

fn allowed(granted: bool) -> Result<(), TwirpError> {
    if granted { Ok(()) } else { Err(TwirpError::denied()) }
}

fn bounded(what: &str, bytes: usize, most: usize) -> Result<(), TwirpError> {
    if bytes <= most {
        return Ok(());
    }
    Err(TwirpError::invalid(format!("{what} exceeds limits: {bytes} bytes, at most {most} are allowed")))
}

fn room_name(name: &str) -> Result<RoomName, TwirpError> {
    name.parse().map_err(|error| TwirpError::invalid(format!("the room name is not usable: {error}")))
}

fn identity(identity: &str) -> Result<Identity, TwirpError> {
    identity.parse().map_err(|error| TwirpError::invalid(format!("the identity is not usable: {error}")))
}

fn answer(reply: Reply) -> Outcome {
    Ok(match reply {
        Reply::Done => Answer::Empty,
        Reply::Room(room) => Answer::Room(Box::new(convert::room(&room))),
        Reply::Rooms(rooms) => Answer::Rooms(rooms.iter().map(convert::room).collect()),
        Reply::Participants(all) => Answer::Participants(all.iter().map(convert::participant).collect()),
        Reply::Participant(info) => Answer::Participant(Box::new(convert::participant(&info))),
        Reply::Track(track) => Answer::Track(Box::new(convert::track(&track))),
        Reply::Joined(_) | Reply::Resumed(_) | Reply::Text(_) => {
            return Err(Reject::new(Code::Internal, "the room gave no answer that fits").into());
        }
    })
}
