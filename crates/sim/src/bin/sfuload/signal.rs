//! Signalling connections: one task each, on a thread of their own.

use futures_util::{SinkExt as _, StreamExt as _};
use mio::Waker;
use prost::Message as _;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;
use tandem_wire::livekit::proto::{
    Ping, SignalRequest, SignalResponse, signal_request::Message as Out, signal_response::Message as In,
};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite;

/// More often than any server insists on.
const PING: Duration = Duration::from_secs(4);

/// News of a connection.
pub(crate) enum News {
    Message(Box<In>),
    Closed(String),
}

/// Opens connections; what they bring goes to one receiver.
pub(crate) struct Signalling {
    runtime: Runtime,
    to_load: Sender<(usize, News)>,
    waker: Arc<Waker>,
}

impl Signalling {
    pub(crate) fn new(to_load: Sender<(usize, News)>, waker: Arc<Waker>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self { runtime: runtime.expect("a runtime starts"), to_load, waker }
    }

    /// Connects participant `index`; what is sent into the result goes to the server.
    pub(crate) fn connect(&self, index: usize, url: String) -> UnboundedSender<Out> {
        let (sender, receiver) = unbounded_channel();
        let (to_load, waker) = (self.to_load.clone(), Arc::clone(&self.waker));
        self.runtime.spawn(async move {
            let tell = |news| {
                let _ = to_load.send((index, news));
                let _ = waker.wake();
            };
            let end = converse(url, receiver, |message| tell(News::Message(Box::new(message)))).await;
            tell(News::Closed(end.map_or_else(|error| error.to_string(), str::to_owned)));
        });
        sender
    }
}

async fn converse(
    url: String,
    mut outgoing: UnboundedReceiver<Out>,
    tell: impl Fn(In),
) -> Result<&'static str, tungstenite::Error> {
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await?;
    let mut ping = tokio::time::interval(PING);
    loop {
        let message = tokio::select! {
            incoming = socket.next() => {
                match incoming {
                    Some(Ok(tungstenite::Message::Binary(data))) => {
                        if let Ok(SignalResponse { message: Some(message) }) = SignalResponse::decode(data) {
                            tell(message);
                        }
                    }
                    Some(Ok(tungstenite::Message::Close(_))) | None => return Ok("closed by the server"),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error),
                }
                continue;
            }
            message = outgoing.recv() => match message {
                Some(message) => message,
                None => return Ok("left"),
            },
            _ = ping.tick() => Out::PingReq(Ping { timestamp: 1, rtt: 0 }),
        };
        let bytes = SignalRequest { message: Some(message) }.encode_to_vec();
        socket.send(tungstenite::Message::Binary(bytes.into())).await?;
    }
}
