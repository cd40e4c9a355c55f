//! A connection to a node's `/v1/transfer`.

use super::End;
use crate::Failure;
use futures_util::{SinkExt, StreamExt};
use std::time::Duration;
use tandem_server::parts::files::Control;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// The node closes with this where a code is unknown.
const NO_SUCH_CODE: u16 = 4404;
const CONNECT: Duration = Duration::from_secs(10);
/// How often a side says that it lives.
const ALIVE: Duration = Duration::from_secs(30);
/// A pipe on which nothing comes for so long is dead.
const QUIET: Duration = Duration::from_secs(120);

/// An address of `/v1/transfer`.
pub(super) fn address(server: &str, params: &[(&str, &str)]) -> Result<String, Failure> {
    let server = server.trim_end_matches('/');
    let rest = server.strip_prefix("http").or_else(|| server.strip_prefix("ws"));
    let rest = rest.filter(|rest| rest.starts_with("://") || rest.starts_with("s://"));
    let rest = rest.ok_or_else(|| Failure(format!("{server:?} is no address; write it like https://meet.example")))?;
    let escaped = |text: &str| {
        let letter = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        };
        text.bytes().map(letter).collect::<String>()
    };
    let query: Vec<String> = params.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    Ok(format!("ws{rest}/v1/transfer?{}", query.join("&")))
}

/// What comes.
pub(super) enum Came {
    Text(String),
    Data(Bytes),
}

/// A way to the other side, or to the node.
pub(super) struct Pipe {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    alive: tokio::time::Interval,
}

impl Pipe {
    pub(super) async fn open(address: &str) -> Result<Self, End> {
        let lost = |why: String| End::Lost(format!("the server cannot be reached: {why}"));
        let (socket, _) = tokio::time::timeout(CONNECT, connect_async(address))
            .await
            .map_err(|_| lost("it does not answer".to_owned()))?
            .map_err(|error| lost(error.to_string()))?;
        let mut alive = tokio::time::interval(ALIVE);
        alive.reset();
        Ok(Self { socket, alive })
    }

    pub(super) async fn say(&mut self, control: &Control) -> Result<(), End> {
        self.send(Message::text(control.text())).await
    }

    pub(super) async fn data(&mut self, bytes: Vec<u8>) -> Result<(), End> {
        self.send(Message::binary(bytes)).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        let sent = tokio::time::timeout(QUIET, self.socket.send(message)).await;
        match sent {
            Ok(Ok(())) => Ok(()),
            _ => Err(End::Lost("the connection was lost".to_owned())),
        }
    }

    /// The next message. May be dropped and asked again.
    pub(super) async fn next(&mut self) -> Result<Came, End> {
        loop {
            tokio::select! {
                message = tokio::time::timeout(QUIET, self.socket.next()) => match message {
                    Ok(Some(Ok(Message::Text(text)))) => return Ok(Came::Text(text.to_string())),
                    Ok(Some(Ok(Message::Binary(data)))) => return Ok(Came::Data(data)),
                    Ok(Some(Ok(Message::Close(frame)))) => {
                        let code = frame.as_ref().map_or(0, |frame| u16::from(frame.code));
                        let why = frame.map(|frame| frame.reason.to_string()).filter(|why| !why.is_empty());
                        let why = why.unwrap_or_else(|| "the other side has gone".to_owned());
                        return Err(if code == NO_SUCH_CODE { End::Over(why) } else { End::Lost(why) });
                    }
                    Ok(Some(Ok(_))) => {}
                    _ => return Err(End::Lost("the connection was lost".to_owned())),
                },
                _ = self.alive.tick() => self.say(&Control::Alive).await?,
            }
        }
    }

    pub(super) async fn close(mut self) {
        let _ = tokio::time::timeout(Duration::from_secs(2), self.socket.close(None)).await;
    }
}
