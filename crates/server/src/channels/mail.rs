//! What reaches a loop of channel connections from other threads.

use super::operate::Operation;
use crate::door::centrifuge::{Face, Outcome};
use axum::http::HeaderMap;
use bytes::Bytes;
use std::sync::{Arc, OnceLock};
use tandem_hub::channel::{Delivery, Position};
use tandem_hub::code::ErrorCode;
use tandem_net::stream_loop::ConnKey;
use tokio::sync::oneshot;

/// Mail of one loop.
pub enum Mail {
    /// For the subscribers of a channel.
    Broadcast(Arc<Delivery>),
    /// A publication of this connection is as durable as its namespace says, or never will be.
    Answer(ConnKey, u32, Result<Position, ErrorCode>),
    /// What a connection waited for has come.
    Outcome(ConnKey, Box<Outcome>),
    /// The upstream half of an emulated connection.
    Input(ConnKey, Bytes),
    /// The server API wants something of the connections of a user.
    Operate(Arc<Operation>),
    /// Every connection, for lists; each loop answers once.
    Survey(oneshot::Sender<Vec<super::operate::Listed>>),
    /// Tell everyone to come back elsewhere or later.
    Drain,
}

/// What comes with a new connection.
pub struct Hello {
    /// How its messages look.
    pub face: Face,
    /// Pings are frames of the WebSocket, for tools that know nothing else.
    pub frame_pings: bool,
    /// Bytes that came before the hand-over: the rest of a WebSocket read, or the commands of the
    /// first HTTP request.
    pub first: Bytes,
    /// A connect request in the address of a WebSocket that only listens.
    pub preface: Bytes,
    /// Where the loop writes down which connection it is.
    pub key: Option<Arc<OnceLock<ConnKey>>>,
    /// Of the request, for backends that are asked about this connection.
    pub headers: Arc<HeaderMap>,
    /// The client's address, as text.
    pub remote: String,
}

/// Who waits for a publication to be acknowledged.
#[derive(Debug)]
pub enum Waiter {
    /// Nobody.
    Nobody,
    /// A connection: loop, key, number of its command.
    Session(u16, ConnKey, u32),
    /// A caller of the server API.
    Call(oneshot::Sender<Result<Position, ErrorCode>>),
}
