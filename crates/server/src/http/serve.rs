//! Accepting connections, and what holds for every one of them.

use super::{Peer, router};
use crate::node::Node;
use axum::Router;
use axum::body::Bytes;
use axum::http::Request;
use axum::http::uri::{PathAndQuery, Uri};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::Service;
use tracing::debug;

/// A request's head must arrive within this; an idle connection is closed after it.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// Bytes of a request's head: join requests carry a whole SDP in their URL.
const HEAD_BYTES: usize = 256 * 1024;
/// After an accept that failed (no file descriptors, mostly) the next try waits this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Listens on the HTTP port.
///
/// # Errors
/// The port is taken or the address is not ours.
pub async fn listen(bind: IpAddr, port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((bind, port)).await
}

/// Serves the connections of a listener.
pub struct Server {
    node: Arc<Node>,
    router: Router,
    slots: Arc<Semaphore>,
}

impl Server {
    /// A server for this node.
    #[must_use]
    pub fn new(node: Arc<Node>) -> Self {
        let slots = node.config.limits.connections.clamp(1, Semaphore::MAX_PERMITS);
        Self { router: router(Arc::clone(&node)), node, slots: Arc::new(Semaphore::new(slots)) }
    }

    /// Accepts and serves. While the node drains it goes on, so that clients that come hear why
    /// they are refused.
    pub async fn run(&self, listener: TcpListener) {
        loop {
            // With every slot taken, new connections wait in the kernel.
            let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => self.accepted(stream, peer, slot),
                Err(error) => {
                    debug!(%error, "a connection was lost before it was accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn accepted(&self, stream: TcpStream, peer: SocketAddr, slot: OwnedSemaphorePermit) {
        // Signalling messages are small and urgent; without this, the kernel may hold them back.
        let _ = stream.set_nodelay(true);
        let stream = Counted::new(stream, Arc::clone(&self.node), slot);
        let drain = self.node.drain_watch();
        tokio::spawn(connection(stream, peer, self.router.clone(), drain));
    }
}

async fn connection(stream: Counted, peer: SocketAddr, router: Router, mut drain: watch::Receiver<bool>) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        merge_slashes(request.uri_mut());
        request.extensions_mut().insert(Peer(peer));
        router.clone().call(request)
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(HEAD_BYTES);
    // Whoever comes while we drain gets one answer; whoever is idle when it begins gets none.
    let late = *drain.borrow_and_update();
    http.keep_alive(!late);
    let mut serving = pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let draining = async { drain.changed().await.is_ok() };
    let ended = tokio::select! {
        ended = serving.as_mut() => Some(ended),
        _ = draining => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            // Finishes the request at hand, then closes.
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "an HTTP connection ended badly");
    }
}

/// SDKs that join a base URL and a path make `//rtc`.
fn merge_slashes(uri: &mut Uri) {
    let Some(whole) = uri.path_and_query().map(PathAndQuery::as_str).filter(|path| path.starts_with("//")) else {
        return;
    };
    let merged = format!("/{}", whole.trim_start_matches('/'));
    if let Ok(merged) = merged.parse::<PathAndQuery>() {
        let mut parts = std::mem::take(uri).into_parts();
        parts.path_and_query = Some(merged);
        *uri = Uri::from_parts(parts).unwrap_or_default();
    }
}

/// The place of one connection among those there may be; given back when it is dropped.
pub struct Slot {
    node: Arc<Node>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.node.metrics.closed();
    }
}

/// A TCP connection that gives its slot back when it closes, whoever holds it by then.
struct Counted {
    stream: TcpStream,
    slot: Slot,
}

impl Counted {
    fn new(stream: TcpStream, node: Arc<Node>, permit: OwnedSemaphorePermit) -> Self {
        node.metrics.opened();
        Self { stream, slot: Slot { node, _permit: permit } }
    }
}

/// Takes a connection out of the HTTP server after it was upgraded: its socket, its slot and what
/// was read from it already. `None` if the connection is none of this server's or is broken.
pub(crate) fn take_over(upgraded: Upgraded) -> Option<(std::net::TcpStream, Slot, Bytes)> {
    let parts = upgraded.downcast::<TokioIo<Counted>>().ok()?;
    let Counted { stream, slot } = parts.io.into_inner();
    Some((stream.into_std().ok()?, slot, parts.read_buf))
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn leading_slashes_are_one() {
        for (before, after) in [("//rtc?a=b", "/rtc?a=b"), ("/rtc", "/rtc"), ("///x//y", "/x//y"), ("/", "/")] {
            let mut uri: Uri = before.parse().unwrap();
            merge_slashes(&mut uri);
            assert_eq!(uri.to_string(), after);
        }
    }
}
