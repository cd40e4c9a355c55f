//! The body of a streaming response: what the loop gives, and word back when there is room.

use crate::channels::{Hello, Mail};
use bytes::Bytes;
use futures_util::Stream;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use tandem_net::stream_loop::{ConnKey, LoopHandle, Sink};
use tokio::sync::mpsc;

/// Chunks between the loop and the response; each holds everything of one turn.
const CHUNKS: usize = 4;

/// A body that the loop writes.
pub(super) struct Downstream {
    chunks: mpsc::Receiver<Bytes>,
    waits: Arc<AtomicBool>,
    key: Arc<OnceLock<ConnKey>>,
    handle: LoopHandle<Mail, Hello>,
    preface: Option<Bytes>,
}

impl Downstream {
    /// A body, the loop's end of it, and where the loop writes down which connection it is.
    pub(super) fn new(handle: LoopHandle<Mail, Hello>, events: bool) -> (Self, Sink, Arc<OnceLock<ConnKey>>) {
        let (sender, chunks) = mpsc::channel(CHUNKS);
        let (waits, key) = (Arc::new(AtomicBool::new(false)), Arc::new(OnceLock::new()));
        let preface = events.then(|| Bytes::from_static(b"\r\n"));
        let sink = Sink::Body(sender, Arc::clone(&waits));
        (Self { chunks, waits, key: Arc::clone(&key), handle, preface }, sink, key)
    }
}

impl Stream for Downstream {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(preface) = self.preface.take() {
            return Poll::Ready(Some(Ok(preface)));
        }
        let chunk = self.chunks.poll_recv(cx);
        if matches!(chunk, Poll::Ready(Some(_)))
            && self.waits.swap(false, Ordering::SeqCst)
            && let Some(key) = self.key.get()
        {
            self.handle.body_taken(*key);
        }
        chunk.map(|chunk| chunk.map(Ok))
    }
}

impl Drop for Downstream {
    fn drop(&mut self) {
        if let Some(key) = self.key.get() {
            self.handle.body_gone(*key);
        }
    }
}
