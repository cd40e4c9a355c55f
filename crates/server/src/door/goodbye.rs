//! How this side ends a WebSocket.

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use std::time::Duration;
use tokio::time::timeout;

/// How long a client may take for its own goodbye.
const PATIENCE: Duration = Duration::from_secs(2);

/// Says goodbye, with a code and a reason, and waits a moment for the client's.
///
/// When a connection is refused right after the handshake and TCP ends at once, Firefox tells its page
/// only that it closed: not that it was open, and not the message that says why.
pub(super) async fn say(mut socket: WebSocket, why: Option<(u16, &'static str)>) {
    let frame = why.map(|(code, reason)| CloseFrame { code, reason: Utf8Bytes::from_static(reason) });
    let goodbye = async {
        if socket.send(Message::Close(frame)).await.is_ok() {
            while matches!(socket.recv().await, Some(Ok(_))) {}
        }
    };
    // Whether it answered or not, this is the end.
    let _ = timeout(PATIENCE, goodbye).await;
}
