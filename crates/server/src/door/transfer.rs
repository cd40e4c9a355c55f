//! `/v1/transfer`: a code brings two clients together, who then talk through a pipe of their own.
//!
//! The pipe carries files, or only what two pages need to connect directly. One message of each
//! direction is in flight here: who reads slowly slows down the other, and nothing piles up.
//!
//! ```text
//! sender ──▶ code, secret ···· "peer 7" ◀── receiver with the code
//!        ══▶ code, secret, peer 7 ═════ pipe ═════▶ receiver
//! ```

mod code;
mod pipe;

use crate::auth;
use crate::door::goodbye;
use crate::http::Peer;
use crate::join::{Gate, visitor};
use crate::metrics::Door;
use crate::node::Node;
use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tandem_core::Reject;
use tandem_wire::livekit::query_value;
use tokio::sync::{mpsc, oneshot};

/// Longest message, bytes.
const MESSAGE_BYTES: usize = 1024 * 1024;
/// Offers at once.
const OFFERS: usize = 10_000;
/// Receivers of one offer at once.
const RECEIVERS: usize = 32;
/// Codes tried from one address in a minute.
const PER_MINUTE: u32 = 120;
/// A code is kept so long for a sender that lost its connection.
const KEPT: Duration = Duration::from_secs(600);
/// A sender answers a receiver within this.
const ANSWER: Duration = Duration::from_secs(15);

/// Closed by the server, with a reason people can read: clients show it.
const NO_SUCH_CODE: u16 = 4404;
const AWAY: u16 = 4410;
const TOO_MANY: u16 = 4429;

/// Everything on offer.
#[derive(Default)]
pub struct Transfers {
    offers: Mutex<HashMap<String, Offer>>,
    gate: Gate,
    next: AtomicU64,
    pipes: AtomicU64,
    bytes: AtomicU64,
}

struct Offer {
    secret: String,
    /// To the sender; `None` while it is away.
    sender: Option<mpsc::Sender<String>>,
    /// Receivers that wait for the sender's side of their pipe.
    waiting: HashMap<u64, oneshot::Sender<WebSocket>>,
    receivers: usize,
    away_since: Instant,
}

impl Transfers {
    fn offers(&self) -> MutexGuard<'_, HashMap<String, Offer>> {
        self.offers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Offers, pipes open now, and bytes that went through all pipes so far.
    #[must_use]
    pub fn counted(&self) -> (u64, u64, u64) {
        (self.offers().len() as u64, self.pipes.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

/// The path of this door.
pub fn routes() -> Router<Arc<Node>> {
    Router::new().route("/v1/transfer", get(enter))
}

async fn enter(
    State(node): State<Arc<Node>>,
    Extension(Peer(peer)): Extension<Peer>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let query = query.unwrap_or_default();
    let value = |name: &str| query_value(&query, name).unwrap_or_default();
    let (code, secret) = (code::tidy(&value("code")), value("secret"));
    let number = value("peer").parse::<u64>().ok();
    let admitted = node.transfers.gate.enter(visitor(peer.ip(), &headers), PER_MINUTE, Instant::now());
    let admitted = admitted
        .and_then(|()| if secret.is_empty() && code.is_empty() { may_offer(&node, &headers, &query) } else { Ok(()) });
    if let Err(reject) = admitted {
        node.metrics.rejected(Door::Transfer, reject.code);
        let status = StatusCode::from_u16(reject.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return (status, reject.message).into_response();
    }
    let upgrade = upgrade.max_message_size(MESSAGE_BYTES).max_frame_size(MESSAGE_BYTES);
    upgrade.on_upgrade(move |socket| async move {
        match (code.is_empty(), secret.is_empty(), number) {
            (true, ..) | (false, false, None) => offer(&node, socket, code, secret).await,
            (false, false, Some(number)) => join(&node, socket, (&code, &secret), number).await,
            (false, true, _) => receive(&node, socket, &code).await,
        }
    })
}

/// Whoever may join rooms may send files, and where rooms are open everybody may.
fn may_offer(node: &Node, headers: &HeaderMap, query: &str) -> Result<(), Reject> {
    if node.config.open_rooms() {
        return Ok(());
    }
    let token = auth::token(headers, query).map_err(Reject::from)?;
    node.keys.verify_relay(&token, node.now_unix()).map(|_| ()).map_err(Reject::from)
}

/// A sender: gets a code, and hears of receivers as long as it stays.
async fn offer(node: &Node, mut socket: WebSocket, code: String, secret: String) {
    let (sender, mut calls) = mpsc::channel(RECEIVERS);
    let Some((code, secret)) = register(&node.transfers, code, secret, sender) else {
        return close(socket, NO_SUCH_CODE, "This code is no longer known; start again.").await;
    };
    let hello = json!({"type": "code", "code": code, "secret": secret}).to_string();
    let mut alive = socket.send(Message::Text(hello.into())).await.is_ok();
    let mut every = tokio::time::interval(Duration::from_secs(20));
    while alive {
        alive = tokio::select! {
            call = calls.recv() => match call {
                Some(call) => socket.send(Message::Text(call.into())).await.is_ok(),
                None => false,
            },
            _ = every.tick() => socket.send(Message::Ping(bytes::Bytes::new())).await.is_ok(),
            message = socket.recv() => !matches!(message, None | Some(Err(_) | Ok(Message::Close(_)))),
        };
    }
    drop(calls);
    // Another connection of the same sender may have taken its place; that one's channel is open.
    if let Some(offer) = node.transfers.offers().get_mut(&code)
        && offer.sender.as_ref().is_none_or(mpsc::Sender::is_closed)
    {
        offer.sender = None;
        offer.away_since = Instant::now();
    }
}

/// A new code, or the old one for who knows its secret.
fn register(
    transfers: &Transfers,
    code: String,
    secret: String,
    sender: mpsc::Sender<String>,
) -> Option<(String, String)> {
    let mut offers = transfers.offers();
    if !code.is_empty() {
        let offer = offers.get_mut(&code).filter(|offer| offer.secret == secret)?;
        offer.sender = Some(sender);
        return Some((code, secret));
    }
    offers.retain(|_, offer| offer.sender.is_some() || offer.away_since.elapsed() < KEPT);
    if offers.len() >= OFFERS {
        return None;
    }
    let code = std::iter::repeat_with(|| code::of(rand::random())).find(|code| !offers.contains_key(code))?;
    let secret = format!("{:032x}", rand::random::<u128>());
    let offer = Offer {
        secret: secret.clone(),
        sender: Some(sender),
        waiting: HashMap::new(),
        receivers: 0,
        away_since: Instant::now(),
    };
    offers.insert(code.clone(), offer);
    Some((code, secret))
}

/// The sender's side of a pipe.
async fn join(node: &Node, socket: WebSocket, (code, secret): (&str, &str), number: u64) {
    let waiting = {
        let mut offers = node.transfers.offers();
        let offer = offers.get_mut(code).filter(|offer| offer.secret == secret);
        offer.and_then(|offer| offer.waiting.remove(&number))
    };
    match waiting {
        Some(receiver) => {
            if let Err(socket) = receiver.send(socket) {
                close(socket, AWAY, "The receiver has gone.").await;
            }
        }
        None => close(socket, NO_SUCH_CODE, "Nobody waits for this.").await,
    }
}

/// A receiver: waits for the sender's side, and then the pipe is open.
async fn receive(node: &Node, socket: WebSocket, code: &str) {
    let (give, take) = oneshot::channel();
    let number = node.transfers.next.fetch_add(1, Ordering::Relaxed);
    let called = call(&node.transfers, code, number, give);
    if let Err((status, why)) = called {
        return close(socket, status, why).await;
    }
    let sender = tokio::time::timeout(ANSWER, take).await;
    let open = match sender {
        Ok(Ok(sender)) => Ok(sender),
        _ => Err("The sender does not answer; try again in a moment."),
    };
    match open {
        Ok(sender) => {
            node.transfers.pipes.fetch_add(1, Ordering::Relaxed);
            pipe::run(sender, socket, &node.transfers.bytes).await;
            node.transfers.pipes.fetch_sub(1, Ordering::Relaxed);
        }
        Err(why) => close(socket, AWAY, why).await,
    }
    if let Some(offer) = node.transfers.offers().get_mut(code) {
        offer.receivers = offer.receivers.saturating_sub(1);
        offer.waiting.remove(&number);
    }
}

/// Tells the sender that somebody is there.
fn call(
    transfers: &Transfers,
    code: &str,
    number: u64,
    give: oneshot::Sender<WebSocket>,
) -> Result<(), (u16, &'static str)> {
    let mut offers = transfers.offers();
    let offer = offers.get_mut(code).ok_or((NO_SUCH_CODE, "There is no such code; check it, or ask for a new one."))?;
    let sender = offer.sender.as_ref().ok_or((AWAY, "The sender is away; try again when the page is open there."))?;
    if offer.receivers >= RECEIVERS {
        return Err((TOO_MANY, "Too many receive this at once; try again later."));
    }
    let call = json!({"type": "peer", "peer": number}).to_string();
    sender.try_send(call).map_err(|_| (TOO_MANY, "Too many receive this at once; try again later."))?;
    offer.waiting.insert(number, give);
    offer.receivers += 1;
    Ok(())
}

async fn close(socket: WebSocket, code: u16, why: &'static str) {
    goodbye::say(socket, Some((code, why))).await;
}
