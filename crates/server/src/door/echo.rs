//! `/v1/echo`: gives every WebSocket message back, in development only. Conformance suites use it
//! to look at the codec that channel clients talk to.

use crate::http::take_over;
use crate::node::Node;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;
use std::time::Duration;
use tandem_wire::websocket::{self, Decoder, DecoderOptions, DeflateParams, Deflater, Event, Inflater, Opcode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest message, bytes: the suites send 16 MiB.
const MESSAGE_BYTES: usize = 17 * 1024 * 1024;
/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;
/// How long a client may go on sending after the end.
const LINGER: Duration = Duration::from_secs(1);

/// The path of this door.
pub fn routes() -> Router<Arc<Node>> {
    Router::new().route("/v1/echo", get(echo))
}

async fn echo(State(node): State<Arc<Node>>, mut request: Request) -> Response {
    if !node.config.dev {
        return StatusCode::NOT_FOUND.into_response();
    }
    let accepted = match super::upgrade::accept(request.headers(), true) {
        Ok(accepted) => accepted,
        Err(why) => return (StatusCode::BAD_REQUEST, why).into_response(),
    };
    let upgrading = hyper::upgrade::on(&mut request);
    let deflate = accepted.deflate;
    tokio::spawn(async move {
        let Ok(upgraded) = upgrading.await else { return };
        let Some((stream, slot, read)) = take_over(upgraded) else { return };
        if let Ok(stream) = TcpStream::from_std(stream) {
            let _ = serve(stream, read, deflate).await;
        }
        drop(slot);
    });
    super::upgrade::response(&accepted, None)
}

async fn serve(mut stream: TcpStream, first: Bytes, deflate: Option<DeflateParams>) -> std::io::Result<()> {
    let mut decoder = Decoder::new(DecoderOptions {
        max_message_bytes: MESSAGE_BYTES,
        max_inflated_bytes: MESSAGE_BYTES,
        deflate: deflate.is_some(),
    });
    let (mut inflater, mut deflater) = (Inflater::new(), Deflater::new(1));
    let mut buffer = first.to_vec();
    loop {
        let mut events = Vec::new();
        let fed = decoder.feed(&mut buffer, &mut inflater, &mut |event| events.push(event));
        let mut out = Vec::new();
        let mut over = false;
        for event in events {
            over |= matches!(event, Event::Close { .. });
            answer(event, deflate, &mut deflater, &mut out);
        }
        if let Err(error) = fed {
            out.extend(websocket::close_frame(error.code(), error.reason()));
            over = true;
        }
        stream.write_all(&out).await?;
        if over {
            return hang_up(&mut stream, &mut buffer).await;
        }
        buffer.resize(READ_BYTES, 0);
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        buffer.truncate(n);
    }
}

/// Ends our direction and reads what still comes: a reset would overtake the close frame.
async fn hang_up(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<()> {
    stream.shutdown().await?;
    buffer.resize(READ_BYTES, 0);
    let rest = async {
        while stream.read(buffer).await? > 0 {}
        Ok(())
    };
    tokio::time::timeout(LINGER, rest).await.unwrap_or(Ok(()))
}

fn answer(event: Event, deflate: Option<DeflateParams>, deflater: &mut Deflater, out: &mut Vec<u8>) {
    let (opcode, message) = match event {
        Event::Text(message) => (Opcode::Text, message),
        Event::Binary(message) => (Opcode::Binary, message),
        Event::Ping(payload) => return out.extend(websocket::pong_frame(&payload)),
        Event::Pong(_) => return,
        Event::Close { code, .. } => return out.extend(websocket::close_frame(code.unwrap_or(1005), "")),
    };
    match deflate.and_then(|params| deflater.deflate_message(&message, params)) {
        Some(pressed) => websocket::encode_compressed(opcode, &pressed, out),
        None => websocket::encode(opcode, &message, out),
    }
}
