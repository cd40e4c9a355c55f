//! One WebSocket as a sequence of signal messages.

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes};
use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use livekit_protocol as proto;
use proto::signal_request::Message as In;
use proto::signal_response::Message as Out;
use std::time::Duration;
use tandem_wire::livekit::{SignalError, decode_request, decode_request_json, encode_response, encode_response_json};
use tokio::time::timeout;

/// Closed in order, with or without a `leave` before it.
pub(crate) const CLOSE_NORMAL: u16 = 1000;
/// Too much that cannot be understood.
pub(crate) const CLOSE_POLICY: u16 = 1008;
/// One message too long.
pub(crate) const CLOSE_TOO_LONG: u16 = 1009;

/// A client that takes nothing for this long is dropped; it resumes if it lives.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long we wait for the client's side of a close, so that unread input does not reset the
/// connection before our last message is read.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A socket that speaks WebSocket messages; the real one or a test's.
pub(crate) trait Socket:
    Stream<Item = Result<Message, axum::Error>> + Sink<Message, Error = axum::Error> + Send + Unpin
{
}

impl<S> Socket for S where
    S: Stream<Item = Result<Message, axum::Error>> + Sink<Message, Error = axum::Error> + Send + Unpin
{
}

/// What came in.
#[derive(Debug)]
pub(crate) enum Frame {
    /// A message.
    Request(Box<In>),
    /// Alive, nothing to do.
    Alive,
    /// Not a signal message.
    Garbage,
    /// Longer than a signal message may be.
    TooLong,
    /// The client closed or the connection broke.
    Closed,
}

/// The connection is of no further use.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken;

/// The socket and the format its client uses.
pub(crate) struct Frames<S> {
    socket: S,
    text: bool,
}

impl<S: Socket> Frames<S> {
    /// Binary until the client sends text.
    pub(crate) fn new(socket: S) -> Self {
        Self { socket, text: false }
    }

    /// The next frame. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Frame {
        match self.socket.next().await {
            None | Some(Err(_) | Ok(Message::Close(_))) => Frame::Closed,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Frame::Alive,
            Some(Ok(Message::Binary(bytes))) => {
                self.text = false;
                frame(decode_request(&bytes))
            }
            Some(Ok(Message::Text(text))) => {
                self.text = true;
                frame(decode_request_json(&text))
            }
        }
    }

    /// Sends all with one flush, in the client's format.
    ///
    /// # Errors
    /// When the client went away or takes nothing.
    pub(crate) async fn send(&mut self, messages: Vec<Out>) -> Result<(), Broken> {
        let text = self.text;
        let write = async {
            for message in messages {
                self.socket.feed(encode(message, text)).await?;
            }
            self.socket.flush().await
        };
        within(write).await
    }

    /// A control frame that proxies and clients answer.
    ///
    /// # Errors
    /// As [`Frames::send`].
    pub(crate) async fn ping(&mut self) -> Result<(), Broken> {
        within(self.socket.send(Message::Ping(Bytes::new()))).await
    }

    /// Says goodbye and waits a moment for the client's.
    pub(crate) async fn close(mut self, code: u16) {
        let goodbye = Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::default() }));
        if within(self.socket.send(goodbye)).await.is_ok() {
            let rest = async { while matches!(self.socket.next().await, Some(Ok(_))) {} };
            // Whether it answered or not, this is the end.
            let _ = timeout(CLOSE_TIMEOUT, rest).await;
        }
    }
}

fn frame(decoded: Result<proto::SignalRequest, SignalError>) -> Frame {
    match decoded {
        Ok(proto::SignalRequest { message: Some(message) }) => Frame::Request(Box::new(message)),
        // A message of a kind newer than ours decodes to nothing and is no garbage.
        Ok(proto::SignalRequest { message: None }) => Frame::Alive,
        Err(SignalError::TooLong) => Frame::TooLong,
        Err(_) => Frame::Garbage,
    }
}

fn encode(message: Out, text: bool) -> Message {
    let response = proto::SignalResponse { message: Some(message) };
    if text { Message::text(encode_response_json(&response)) } else { Message::binary(encode_response(&response)) }
}

async fn within(write: impl Future<Output = Result<(), axum::Error>>) -> Result<(), Broken> {
    match timeout(WRITE_TIMEOUT, write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Broken),
    }
}
