//! Two connections become one.

use axum::extract::ws::{Message, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A pipe through which nothing goes for so long is closed; clients say something every half minute.
const QUIET: Duration = Duration::from_secs(120);

/// Passes on everything both ways until one of them ends; then both do.
pub(super) async fn run(one: WebSocket, other: WebSocket, bytes: &AtomicU64) {
    let ((one_sink, one_stream), (other_sink, other_stream)) = (one.split(), other.split());
    tokio::select! {
        () = pass(one_stream, other_sink, bytes) => {}
        () = pass(other_stream, one_sink, bytes) => {}
    }
}

async fn pass(mut from: SplitStream<WebSocket>, mut to: SplitSink<WebSocket, Message>, bytes: &AtomicU64) {
    loop {
        let Ok(Some(Ok(message))) = tokio::time::timeout(QUIET, from.next()).await else { break };
        let size = match &message {
            Message::Text(text) => text.len(),
            Message::Binary(data) => data.len(),
            // Answered by the library.
            Message::Ping(_) | Message::Pong(_) => continue,
            Message::Close(_) => break,
        };
        bytes.fetch_add(size as u64, Ordering::Relaxed);
        // Waits for whoever reads: that is what keeps memory flat.
        if !matches!(tokio::time::timeout(QUIET, to.send(message)).await, Ok(Ok(()))) {
            break;
        }
    }
    let _ = tokio::time::timeout(Duration::from_secs(1), to.send(Message::Close(None))).await;
}
