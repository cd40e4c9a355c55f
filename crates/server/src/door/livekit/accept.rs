//! The way in: token, parameters, join, and only then the upgrade, so that a refused client sees
//! an HTTP status.

use super::error::Refusal;
use super::outbound::{self, Facts};
use super::seat::{Host, Link, Seat};
use super::{convert, session};
use crate::auth;
use crate::node::Node;
use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{RawQuery, State};
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, USER_AGENT};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use livekit_protocol as proto;
use proto::signal_request::Message as In;
use proto::signal_response::Message as Out;
use std::sync::Arc;
use tandem_core::{
    ClientInfo, Code, Command, Event, Grant, Identity, Join, ParticipantInfo, ParticipantState, Redacted, Reject,
    Reply, Resume, RoomName, SessionId,
};
use tandem_wire::livekit::{JoinParams, MAX_SIGNAL_BYTES, params_v0, params_v1};
use tokio::sync::mpsc;
use tracing::{debug, info};

/// Events that may wait for a slow client before the shard lets go of it.
const OUTBOX: usize = 1024;

/// Signalling messages are small and rare; the library's default of 128 KiB would be most of an idle
/// participant's memory.
const READ_BUFFER: usize = 4 * 1024;

/// How many peer connections a client uses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// `/rtc/v1`
    One,
    /// `/rtc`
    Two,
}

/// The paths of this door.
pub fn routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/rtc", get(|node, query, headers, ws| upgrade(Mode::Two, node, query, headers, ws)))
        .route("/rtc/v1", get(|node, query, headers, ws| upgrade(Mode::One, node, query, headers, ws)))
        .route("/rtc/validate", get(|node, query, headers| validate(Mode::Two, node, query, headers)))
        .route("/rtc/v1/validate", get(|node, query, headers| validate(Mode::One, node, query, headers)))
}

async fn upgrade(
    mode: Mode,
    State(node): State<Arc<Node>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    ws: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(ws) = ws else { return StatusCode::NOT_FOUND.into_response() };
    // More than a session takes, so that the session can refuse it in words.
    let bound = MAX_SIGNAL_BYTES * 2;
    let ws = ws.max_message_size(bound).max_frame_size(bound).read_buffer_size(READ_BUFFER).write_buffer_size(0);
    match enter(&node, mode, &query.unwrap_or_default(), &headers).await {
        Ok(Entry::Seat(seat)) => ws.on_upgrade(move |socket| session::run(socket, *seat)),
        Ok(Entry::Unknown(messages)) => ws.on_upgrade(move |socket| session::refuse(socket, messages)),
        Err(refusal) => refused(&node, refusal),
    }
}

async fn validate(
    mode: Mode,
    State(node): State<Arc<Node>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let checked = match admit(&node, mode, &query.unwrap_or_default(), &headers) {
        Ok(visitor) => would_join(&node, &visitor).await,
        Err(refusal) => Err(refusal),
    };
    let mut response = match checked {
        Ok(()) => "success".into_response(),
        Err(refusal) => refused(&node, refusal),
    };
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, axum::http::HeaderValue::from_static("*"));
    response
}

fn refused(node: &Node, refusal: Refusal) -> Response {
    node.rejected(refusal.code);
    debug!(code = refusal.code.name(), "a client is refused");
    refusal.into_response()
}

/// Somebody whose token and parameters are in order.
struct Visitor {
    grant: Grant,
    room: RoomName,
    identity: Identity,
    client: ClientInfo,
    params: JoinParams,
    mode: Mode,
    ice_servers: Vec<proto::IceServer>,
}

fn admit(node: &Node, mode: Mode, query: &str, headers: &HeaderMap) -> Result<Visitor, Refusal> {
    let token = auth::token(headers, query)?;
    let mut grant = node.keys.verify(&token, node.now_unix())?;
    if !grant.room_join {
        return Err(Refusal::unauthorized("permissions denied"));
    }
    let identity = grant.identity.clone().ok_or_else(|| Refusal::bad_request("identity cannot be empty"))?;
    let room = grant.room.clone().ok_or_else(|| Refusal::bad_request("no room name"))?;
    // Go clients bring their join request to `/rtc`: the request decides, not the path.
    let asks_for_one = query.split('&').any(|pair| pair.starts_with("join_request="));
    let mode = if asks_for_one { Mode::One } else { mode };
    let params = match mode {
        Mode::One => params_v1(query),
        Mode::Two => params_v0(query),
    }
    .map_err(|error| Refusal::bad_request(error.to_string()))?;
    own_words(&mut grant, &params)?;
    let client = client(&params, headers);
    let ice_servers = ice_servers(node, &identity, headers);
    Ok(Visitor { grant, room, identity, client, params, mode, ice_servers })
}

/// Metadata and attributes that come with the join go over those of the token.
fn own_words(grant: &mut Grant, params: &JoinParams) -> Result<(), Refusal> {
    if params.metadata.is_empty() && params.attributes.is_empty() {
        return Ok(());
    }
    if !grant.permissions.can_update_metadata {
        return Err(Refusal::unauthorized("permissions denied"));
    }
    if !params.metadata.is_empty() {
        grant.metadata.clone_from(&params.metadata);
    }
    let given = params.attributes.iter().filter(|(_, value)| !value.is_empty());
    grant.attributes.extend(given.map(|(key, value)| (key.clone(), value.clone())));
    Ok(())
}

/// Browsers do not say their name in the parameters.
fn client(params: &JoinParams, headers: &HeaderMap) -> ClientInfo {
    let mut client = convert::client(&params.client);
    if client.browser.is_empty() {
        let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        browser(agent).clone_into(&mut client.browser);
    }
    client
}

/// The name in a browser's `User-Agent`; most of them claim to be several others too.
fn browser(agent: &str) -> &'static str {
    let marks = [("Firefox/", "firefox"), ("Edg/", "edge"), ("Chrome/", "chrome"), ("Safari/", "safari")];
    marks.into_iter().find(|(mark, _)| agent.contains(mark)).map_or("", |(_, name)| name)
}

/// What a join would say, as far as it can be known without joining.
async fn would_join(node: &Node, visitor: &Visitor) -> Result<(), Refusal> {
    not_draining(node)?;
    if node.auto_create() {
        return Ok(());
    }
    let shard = node.shards.for_room(&visitor.room).ok_or_else(no_shard)?;
    match shard.call(Command::ListRooms { names: vec![visitor.room.clone()] }).await? {
        Reply::Rooms(rooms) if rooms.is_empty() => Err(Refusal::no_room()),
        _ => Ok(()),
    }
}

fn not_draining(node: &Node) -> Result<(), Reject> {
    if node.draining() { Err(Reject::new(Code::Draining, "the node is draining; try again")) } else { Ok(()) }
}

fn no_shard() -> Reject {
    Reject::new(Code::Internal, "the node has no shard for this room")
}

/// What an admitted client gets.
enum Entry {
    Seat(Box<Seat>),
    /// It came back to nothing; these are its only messages.
    Unknown(Vec<Out>),
}

async fn enter(node: &Arc<Node>, mode: Mode, query: &str, headers: &HeaderMap) -> Result<Entry, Refusal> {
    let visitor = admit(node, mode, query, headers)?;
    if visitor.params.reconnect { resume(node, visitor).await } else { join(node, visitor).await }
}

async fn join(node: &Arc<Node>, visitor: Visitor) -> Result<Entry, Refusal> {
    not_draining(node)?;
    let session = node.next_session();
    let command = Command::Join(Box::new(Join {
        session,
        room: visitor.room.clone(),
        identity: visitor.identity.clone(),
        grant: visitor.grant.clone(),
        client: visitor.client.clone(),
        single_pc: visitor.mode == Mode::One,
        auto_subscribe: visitor.params.auto_subscribe,
        auto_subscribe_data: visitor.params.auto_subscribe_data,
        adaptive_stream: visitor.params.adaptive_stream,
        auto_create: node.auto_create(),
    }));
    let (reply, link, events) = open(node, &visitor.room, session, command).await?;
    let Reply::Joined(joined) = reply else { return Err(odd_reply()) };
    log_entry("joined", session, &visitor);
    let first = vec![outbound::join(&joined, &facts(node, &visitor))];
    Ok(Entry::Seat(Box::new(seat(node, visitor, link, events, first, Some(&joined.participant)))))
}

async fn resume(node: &Arc<Node>, visitor: Visitor) -> Result<Entry, Refusal> {
    let session = node.next_session();
    let command = Command::Resume(Box::new(Resume {
        session,
        room: visitor.room.clone(),
        identity: visitor.identity.clone(),
        participant: visitor.params.participant_sid.clone(),
    }));
    let (reply, link, events) = match open(node, &visitor.room, session, command).await {
        Ok(opened) => opened,
        Err(reject) if reject.code.retryable() => return Err(reject.into()),
        Err(reject) => {
            node.rejected(reject.code);
            log_entry("came back to nothing", session, &visitor);
            return Ok(Entry::Unknown(outbound::unknown_session(visitor.client.protocol)));
        }
    };
    let Reply::Resumed(resumed) = reply else { return Err(odd_reply()) };
    log_entry("resumed", session, &visitor);
    let own = resumed
        .participants
        .iter()
        .rfind(|info| info.identity == visitor.identity && info.state != ParticipantState::Disconnected);
    let mut first = outbound::reconnect(&resumed, &facts(node, &visitor));
    match resumed.drop_signal {
        Some(true) => first.clear(),
        Some(false) => first.truncate(1),
        None => {}
    }
    let mut seat = seat(node, visitor, link, events, first, own);
    seat.drop_after_first = resumed.drop_signal.is_some();
    Ok(Entry::Seat(Box::new(seat)))
}

/// Opens a session in its shard. The link is made first: if we are dropped while we wait because
/// the client vanished, the shard hears of it.
async fn open(
    node: &Node,
    room: &RoomName,
    session: SessionId,
    command: Command,
) -> Result<(Reply, Link, mpsc::Receiver<Event>), Reject> {
    let shard = node.shards.for_room(room).ok_or_else(no_shard)?;
    let mut link = Link::new(session, shard.clone());
    let (outbox, events) = mpsc::channel(OUTBOX);
    match shard.open(command, session, outbox).await {
        Ok(reply) => Ok((reply, link, events)),
        Err(reject) => {
            link.ended = true;
            Err(reject)
        }
    }
}

fn odd_reply() -> Refusal {
    Reject::new(Code::Internal, "the room gave no answer that fits").into()
}

fn log_entry(what: &str, session: SessionId, visitor: &Visitor) {
    info!(
        session = session.0,
        room = %Redacted(visitor.room.as_str()),
        identity = %Redacted(visitor.identity.as_str()),
        sdk = visitor.client.sdk,
        version = visitor.client.version,
        single_pc = visitor.mode == Mode::One,
        "{what}"
    );
}

fn facts(node: &Node, visitor: &Visitor) -> Facts {
    Facts {
        version: node.version().to_owned(),
        node_id: node.id().to_owned(),
        single_pc: visitor.mode == Mode::One,
        ice_servers: visitor.ice_servers.clone(),
    }
}

/// Where the visitor finds the relay, with credentials of its own.
fn ice_servers(node: &Node, identity: &Identity, headers: &HeaderMap) -> Vec<proto::IceServer> {
    let Some(relay) = &node.relay else { return Vec::new() };
    let servers = relay.ice_servers(identity.as_str(), headers, node.now_unix()).servers;
    let wire = |server: crate::relay::IceServer| proto::IceServer {
        urls: server.urls,
        username: server.username,
        credential: server.credential,
    };
    servers.into_iter().map(wire).collect()
}

/// Refreshed tokens say what the room knows of the participant, which is newer than the token.
fn seat(
    node: &Arc<Node>,
    visitor: Visitor,
    link: Link,
    events: mpsc::Receiver<Event>,
    first: Vec<Out>,
    own: Option<&ParticipantInfo>,
) -> Seat {
    let mut grant = visitor.grant;
    if let Some(own) = own {
        grant.name.clone_from(&own.name);
        grant.metadata.clone_from(&own.metadata);
        grant.attributes.clone_from(&own.attributes);
        grant.permissions.clone_from(&own.permissions);
    }
    Seat {
        link,
        events,
        host: Arc::<Node>::clone(node),
        grant,
        protocol: visitor.client.protocol,
        first,
        drop_after_first: false,
        offers_late: offers_late(&visitor.client, &visitor.params),
        requests: requests(visitor.params),
    }
}

/// Go clients (server-sdk-go 2.18, `engine.go`, `OnJoinResponse`) begin to read before they set the
/// offer that they sent, and an answer that is there already may overtake it.
fn offers_late(client: &ClientInfo, params: &JoinParams) -> bool {
    client.sdk == "go" && params.offer.is_some()
}

/// What the join request carries besides the join. Tracks are announced before the offer that
/// holds them.
fn requests(params: JoinParams) -> Vec<In> {
    let state = params.sync_state.map(In::SyncState);
    let tracks = params.add_tracks.into_iter().map(In::AddTrack);
    let offer = params.offer.map(In::Offer);
    state.into_iter().chain(tracks).chain(offer).collect()
}

impl Host for Node {
    fn token(&self, grant: &Grant) -> Option<String> {
        self.keys.refresh(grant, self.now_unix())
    }

    fn rejected(&self, code: Code) {
        self.rejected(code);
    }
}

#[cfg(test)]
mod tests;
