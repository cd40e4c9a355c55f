//! The door on a real socket, with a shard that says what the test wants.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::auth::Keys;
use crate::config::Config;
use crate::door::livekit::convert::tests::{ana, demo};
use futures_util::StreamExt;
use prost::Message as _;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;
use tandem_core::{Joined, Resumed, SessionCommand};
use tandem_net::{Mail, Mailbox, ShardHandle, Shards};
use tandem_wire::livekit::encode_join_request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How the shard answers a join or a resume.
#[derive(Clone, Copy)]
enum Shard {
    Welcomes,
    Refuses(Code),
    /// Answers after this long.
    Ponders(Duration),
}

/// What the shard heard, one line each.
struct House {
    address: String,
    heard: tokio::sync::mpsc::UnboundedReceiver<String>,
    node: Arc<Node>,
}

async fn house(shard: Shard) -> House {
    let poll = mio::Poll::new().unwrap();
    let waker = Arc::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap());
    let (handle, mailbox) = ShardHandle::new(waker);
    let (tell, heard) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let _poll = poll;
        run_shard(shard, &mailbox, &tell);
    });
    let keys = Keys::parse("devkey: secret").unwrap();
    let config = Config::default();
    let plane = Arc::new(crate::channels::Plane::new(config.channel_settings().unwrap()));
    let tokens = Arc::new(crate::auth::channel::ChannelTokens::new(&config, &keys).unwrap());
    let channels = crate::channels::ChannelParts { channels: plane, tokens, push: None };
    let shards = Shards::without_counters(vec![handle]);
    let node = Arc::new(Node::new(config, keys, shards, channels, Node::new_id()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let app = routes().with_state(Arc::clone(&node));
    tokio::spawn(async move { axum::serve(listener, app).await });
    House { address, heard, node }
}

fn run_shard(shard: Shard, mailbox: &Mailbox, tell: &tokio::sync::mpsc::UnboundedSender<String>) {
    let mut outboxes = Vec::new();
    loop {
        let mail = match mailbox.receiver.recv_timeout(Duration::from_secs(5)) {
            Ok(mail) => mail,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
        };
        let Mail::Command { command, outbox, reply } = mail else { return };
        outboxes.extend(outbox);
        let line = match &command {
            Command::Join(join) => format!("join {} {} {}", join.room, join.identity, join.single_pc),
            Command::Resume(resume) => format!("resume {} {}", resume.identity, resume.participant),
            Command::Session { body, .. } => match &**body {
                SessionCommand::Offer { id, .. } => format!("offer {id}"),
                SessionCommand::PublishTrack(track) => format!("track {}", track.cid),
                other => format!("{other:?}"),
            },
            other => format!("{other:?}"),
        };
        if tell.send(line).is_err() {
            return;
        }
        if let Some(reply) = reply {
            let _ = reply.send(answer(shard, &command));
        }
    }
}

fn answer(shard: Shard, command: &Command) -> Result<Reply, Reject> {
    match shard {
        Shard::Refuses(code) => return Err(Reject::new(code, "no")),
        Shard::Ponders(time) => std::thread::sleep(time),
        Shard::Welcomes => {}
    }
    Ok(match command {
        Command::Join(_) => {
            Reply::Joined(Box::new(Joined { room: demo(), participant: ana(), others: vec![], sif_trailer: vec![] }))
        }
        Command::Resume(_) => Reply::Resumed(Box::new(Resumed {
            last_data_sequence: 3,
            participants: vec![ana()],
            room: demo(),
            drop_signal: None,
        })),
        Command::ListRooms { .. } => Reply::Rooms(vec![]),
        _ => Reply::Done,
    })
}

fn grant() -> Grant {
    Grant { identity: "ana".parse().ok(), room: "demo".parse().ok(), room_join: true, ..Grant::default() }
}

impl House {
    fn token(&self, grant: &Grant) -> String {
        Host::token(&*self.node, grant).unwrap()
    }

    async fn dial(&self, path: &str) -> Result<Client, WsError> {
        connect_async(format!("ws://{}{path}", self.address)).await.map(|(client, _)| client)
    }

    /// Status and body of a refused upgrade.
    async fn refusal(&self, path: &str) -> (u16, String) {
        match self.dial(path).await {
            Err(WsError::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                (response.status().as_u16(), String::from_utf8_lossy(&body).into_owned())
            }
            other => panic!("not refused: {other:?}"),
        }
    }

    async fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    async fn heard(&mut self) -> String {
        tokio::time::timeout(Duration::from_secs(5), self.heard.recv()).await.unwrap().unwrap()
    }
}

async fn next(client: &mut Client) -> Option<Out> {
    match client.next().await? {
        Ok(Message::Binary(bytes)) => proto::SignalResponse::decode(bytes).unwrap().message,
        _ => None,
    }
}

#[tokio::test]
async fn a_two_connection_client_joins() {
    let mut house = house(Shard::Welcomes).await;
    let token = house.token(&grant());
    let mut client = house.dial(&format!("/rtc?access_token={token}&protocol=17&sdk=js")).await.unwrap();
    let Some(Out::Join(join)) = next(&mut client).await else { panic!("no join") };
    assert!(join.subscriber_primary);
    assert!(matches!(next(&mut client).await, Some(Out::RefreshToken(_))));
    assert_eq!(house.heard().await, "join demo ana false");
    client.close(None).await.unwrap();
    assert_eq!(house.heard().await, "SignalLost");
}

#[tokio::test]
async fn a_one_connection_client_brings_tracks_and_offer() {
    let mut house = house(Shard::Welcomes).await;
    let token = house.token(&grant());
    let request = proto::JoinRequest {
        add_track_requests: vec![proto::AddTrackRequest { cid: "c".to_owned(), ..Default::default() }],
        publisher_offer: Some(proto::SessionDescription { r#type: "offer".to_owned(), id: 1, ..Default::default() }),
        ..Default::default()
    };
    let query = format!("/rtc/v1?access_token={token}&join_request={}", encode_join_request(&request));
    let mut client = house.dial(&query).await.unwrap();
    let Some(Out::Join(join)) = next(&mut client).await else { panic!("no join") };
    assert!(!join.subscriber_primary);
    for want in ["join demo ana true", "track c", "offer 1"] {
        assert_eq!(house.heard().await, want);
    }
}

#[tokio::test]
async fn a_returning_client_hears_reconnect_first() {
    let mut house = house(Shard::Welcomes).await;
    let token = house.token(&grant());
    let query = format!("/rtc?access_token={token}&protocol=17&reconnect=1&sid=PA_1");
    let mut client = house.dial(&query).await.unwrap();
    let Some(Out::Reconnect(reconnect)) = next(&mut client).await else { panic!("no reconnect") };
    assert_eq!(reconnect.last_message_seq, 3);
    assert!(matches!(next(&mut client).await, Some(Out::Update(_))));
    assert!(matches!(next(&mut client).await, Some(Out::RoomUpdate(_))));
    assert!(matches!(next(&mut client).await, Some(Out::RefreshToken(_))));
    assert_eq!(house.heard().await, "resume ana PA_1");
}

#[tokio::test]
async fn a_client_that_comes_back_to_nothing_joins_anew() {
    let house = house(Shard::Refuses(Code::ParticipantNotFound)).await;
    let token = house.token(&grant());
    let query = format!("/rtc?access_token={token}&protocol=17&reconnect=1&sid=PA_1");
    let mut client = house.dial(&query).await.unwrap();
    let Some(Out::Leave(leave)) = next(&mut client).await else { panic!("no leave") };
    assert_eq!((leave.reason, leave.action), (6, 2));
    let Some(Ok(Message::Close(Some(frame)))) = client.next().await else { panic!("no close") };
    assert_eq!(u16::from(frame.code), 1000);
}

#[tokio::test]
async fn refusals_are_statuses() {
    for (code, status) in [(Code::RoomNotFound, 404), (Code::LimitExceeded, 429), (Code::Draining, 503)] {
        let house = house(Shard::Refuses(code)).await;
        let token = house.token(&grant());
        assert_eq!(house.refusal(&format!("/rtc?access_token={token}")).await.0, status, "{code:?}");
    }
    let house = house(Shard::Welcomes).await;
    let no_join = house.token(&Grant { room_join: false, ..grant() });
    let no_room = house.token(&Grant { room: None, ..grant() });
    let good = house.token(&grant());
    let table = [
        ("/rtc".to_owned(), 401),
        ("/rtc?access_token=nonsense".to_owned(), 401),
        (format!("/rtc?access_token={no_join}"), 401),
        (format!("/rtc?access_token={no_room}"), 400),
        (format!("/rtc/v1?access_token={good}"), 400),
        (format!("/rtc/v1?access_token={good}&join_request=%21"), 400),
        (format!("/rtc?access_token={good}&attributes=eyJhIjoiYiJ9"), 401),
    ];
    for (path, status) in table {
        let (got, text) = house.refusal(&path).await;
        assert_eq!(got, status, "{path}");
        assert!(!text.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn plain_requests() {
    let house = house(Shard::Welcomes).await;
    let token = house.token(&grant());
    let plain = house.get("/rtc").await;
    assert!(plain.starts_with("HTTP/1.1 404") && plain.ends_with("\r\n\r\n"), "{plain}");
    let valid = house.get(&format!("/rtc/validate?access_token={token}")).await;
    assert!(valid.starts_with("HTTP/1.1 200") && valid.ends_with("success"), "{valid}");
    let invalid = house.get("/rtc/v1/validate?access_token=x").await;
    assert!(invalid.starts_with("HTTP/1.1 401"), "{invalid}");
    for answer in [valid, invalid] {
        assert!(answer.to_ascii_lowercase().contains("access-control-allow-origin: *"), "{answer}");
    }
}

#[tokio::test]
async fn a_client_that_vanishes_before_the_upgrade_is_a_lost_signal() {
    let mut house = house(Shard::Ponders(Duration::from_millis(100))).await;
    let token = house.token(&grant());
    let mut stream = TcpStream::connect(&house.address).await.unwrap();
    let request = format!(
        "GET /rtc?access_token={token} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(house.heard().await, "join demo ana false");
    drop(stream);
    assert_eq!(house.heard().await, "SignalLost");
}

#[test]
fn browsers_by_user_agent() {
    let chrome =
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
    let safari = "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15";
    let table = [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "firefox"),
        (chrome, "chrome"),
        (safari, "safari"),
        ("livekit-python", ""),
    ];
    for (agent, want) in table {
        assert_eq!(browser(agent), want, "{agent}");
    }
    assert_eq!(browser(&format!("{chrome} Edg/140.0")), "edge");
}

#[test]
fn own_words_need_the_right_and_do_not_delete() {
    let params = JoinParams {
        metadata: "mine".to_owned(),
        attributes: [("a".to_owned(), "new".to_owned()), ("b".to_owned(), String::new())].into(),
        ..JoinParams::default()
    };
    let mut grant = Grant {
        metadata: "token's".to_owned(),
        attributes: [("a".to_owned(), "old".to_owned()), ("b".to_owned(), "kept".to_owned())].into(),
        ..Grant::default()
    };
    assert!(own_words(&mut grant, &params).is_err());
    grant.permissions.can_update_metadata = true;
    own_words(&mut grant, &params).unwrap();
    assert_eq!(grant.metadata, "mine");
    assert_eq!(grant.attributes.into_values().collect::<Vec<_>>(), ["new", "kept"]);
}
