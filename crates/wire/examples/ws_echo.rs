//! A WebSocket echo server of nothing but threads and `wire::websocket`, for conformance suites
//! that shall not need the whole binary: prints its URL and serves until it is stopped.
//!
//! `cargo run -p tandem-wire --example ws_echo [PORT]`
#![allow(clippy::disallowed_methods)] // a program, not the library: it may have threads

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;
use tandem_wire::websocket::{
    Accepted, Decoder, DecoderOptions, DeflateParams, Deflater, Event, Inflater, Offer, Opcode, close_frame, encode,
    encode_compressed, handshake, pong_frame,
};

/// As `/v1/echo` of the binary.
const MAX_BYTES: usize = 16 << 20;

fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(0);
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("ws://{}/", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::spawn(move || serve(stream));
    }
    Ok(())
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut bytes = Vec::new();
    let Some(accepted) = shake(&mut stream, &mut bytes)? else { return Ok(()) };
    let options = DecoderOptions {
        max_message_bytes: MAX_BYTES,
        max_inflated_bytes: MAX_BYTES,
        deflate: accepted.deflate.is_some(),
    };
    let (mut decoder, mut inflater, mut deflater) = (Decoder::new(options), Inflater::new(), Deflater::new(1));
    let mut buffer = vec![0; 64 * 1024];
    let mut out = Vec::new();
    loop {
        let mut closed = false;
        let fed = decoder.feed(&mut bytes, &mut inflater, &mut |event| {
            closed |= matches!(event, Event::Close { .. });
            answer(event, accepted.deflate, &mut deflater, &mut out);
        });
        if let Err(error) = fed {
            out.extend(close_frame(error.code(), error.reason()));
            closed = true;
        }
        stream.write_all(&out)?;
        out.clear();
        if closed {
            return hang_up(&mut stream, &mut buffer);
        }
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        bytes.clear();
        bytes.extend_from_slice(buffer.get(..count).unwrap_or_default());
    }
}

fn answer(event: Event, deflate: Option<DeflateParams>, deflater: &mut Deflater, out: &mut Vec<u8>) {
    let mut message =
        |opcode, payload: &[u8]| match deflate.and_then(|params| deflater.deflate_message(payload, params)) {
            Some(compressed) => encode_compressed(opcode, &compressed, out),
            None => encode(opcode, payload, out),
        };
    match event {
        Event::Text(payload) => message(Opcode::Text, &payload),
        Event::Binary(payload) => message(Opcode::Binary, &payload),
        Event::Ping(payload) => out.extend(pong_frame(&payload)),
        Event::Pong(_) => {}
        Event::Close { code, .. } => out.extend(close_frame(code.unwrap_or(1005), "")),
    }
}

/// Ends our direction and waits for the other one, so that what we sent last is not lost to a reset.
fn hang_up(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    while stream.read(buffer)? > 0 {}
    Ok(())
}

/// The handshake; leaves in `rest` what came after it.
fn shake(stream: &mut TcpStream, rest: &mut Vec<u8>) -> io::Result<Option<Accepted>> {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    let end = loop {
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        let count = stream.read(&mut buffer)?;
        if count == 0 || head.len() > 64 * 1024 {
            return Ok(None);
        }
        head.extend_from_slice(buffer.get(..count).unwrap_or_default());
    };
    *rest = head.split_off(end);
    let head = String::from_utf8_lossy(&head).into_owned();
    let values = |name: &'static str| {
        let lines = head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    let extensions = values("sec-websocket-extensions").collect::<Vec<_>>().join(", ");
    let offer = Offer {
        key: values("sec-websocket-key").next(),
        version: values("sec-websocket-version").next(),
        extensions: &extensions,
        deflate: true,
    };
    let upgrades = values("upgrade").any(|value| value.eq_ignore_ascii_case("websocket"));
    let Some(accepted) = handshake(&offer).ok().filter(|_| upgrades) else {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n")?;
        return Ok(None);
    };
    let extensions = accepted.extensions.as_ref().map(|value| format!("Sec-WebSocket-Extensions: {value}\r\n"));
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n{}\r\n",
        accepted.accept,
        extensions.unwrap_or_default()
    );
    stream.write_all(response.as_bytes())?;
    Ok(Some(accepted))
}
