#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::door::livekit::seat::{Host, Link};
use axum::extract::ws::Message;
use futures_util::{Sink, Stream};
use prost::Message as _;
use proto::SignalResponse;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use tandem_core::{Command, Grant, LeaveAction, LeaveReason, Permissions, SessionId, Sid};
use tandem_net::{Mail, Mailbox, ShardHandle};
use tandem_wire::livekit::MAX_SIGNAL_BYTES;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A socket made of two queues.
struct Pipe {
    input: UnboundedReceiver<Message>,
    output: UnboundedSender<Message>,
}

impl Stream for Pipe {
    type Item = Result<Message, axum::Error>;
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.input.poll_recv(context).map(|message| message.map(Ok))
    }
}

impl Sink<Message> for Pipe {
    type Error = axum::Error;
    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        Poll::Ready(Ok(()))
    }
    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), axum::Error> {
        self.output.send(message).map_err(axum::Error::new)
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        Poll::Ready(Ok(()))
    }
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        Poll::Ready(Ok(()))
    }
}

/// Tokens are the display name, so that tests see which grant made them.
#[derive(Default)]
struct Desk {
    rejects: AtomicU32,
}

impl Host for Desk {
    fn token(&self, grant: &Grant) -> Option<String> {
        Some(format!("token of {}", grant.name))
    }
    fn rejected(&self, _: Code) {
        self.rejects.fetch_add(1, Ordering::Relaxed);
    }
}

/// A session between a client and a shard that are both this test.
struct Bench {
    client: Option<UnboundedSender<Message>>,
    seen: UnboundedReceiver<Message>,
    events: Option<mpsc::Sender<Event>>,
    mailbox: Mailbox,
    shard: ShardHandle,
    desk: Arc<Desk>,
    _poll: mio::Poll,
}

fn bench_with(change: impl FnOnce(&mut Seat)) -> Bench {
    let poll = mio::Poll::new().unwrap();
    let waker = Arc::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap());
    let (shard, mailbox) = ShardHandle::new(waker);
    let (client, input) = unbounded_channel();
    let (output, seen) = unbounded_channel();
    let (events, outbox) = mpsc::channel(1024);
    let desk = Arc::new(Desk::default());
    let mut seat = Seat {
        link: Link::new(SessionId(7), shard.clone()),
        events: outbox,
        host: Arc::<Desk>::clone(&desk),
        grant: Grant { name: "ana".to_owned(), ..Grant::default() },
        protocol: 17,
        first: vec![Out::Join(proto::JoinResponse::default())],
        drop_after_first: false,
        requests: vec![],
        offers_late: false,
    };
    change(&mut seat);
    tokio::spawn(run(Pipe { input, output }, seat));
    Bench { client: Some(client), seen, events: Some(events), mailbox, shard, desk, _poll: poll }
}

fn bench() -> Bench {
    bench_with(|_| {})
}

impl Bench {
    fn tell(&self, event: Event) {
        self.events.as_ref().unwrap().try_send(event).unwrap();
    }

    fn request(&self, message: In) {
        let request = proto::SignalRequest { message: Some(message) };
        self.frame(Message::binary(request.encode_to_vec()));
    }

    fn frame(&self, message: Message) {
        self.client.as_ref().unwrap().send(message).unwrap();
    }

    /// The next frame as a short name; `end` when the connection is gone.
    async fn next(&mut self) -> String {
        match self.seen.recv().await {
            None => "end".to_owned(),
            Some(Message::Binary(bytes)) => name(SignalResponse::decode(bytes).unwrap().message.unwrap()),
            Some(Message::Text(text)) => format!("text {text}"),
            Some(Message::Close(frame)) => format!("close {}", frame.unwrap().code),
            Some(other) => format!("{other:?}"),
        }
    }

    async fn opened(&mut self) {
        assert_eq!(self.next().await, "join");
        assert_eq!(self.next().await, "token of ana");
    }

    /// The next command of the session as debug text.
    async fn asked(&mut self) -> String {
        for _ in 0..500 {
            match self.mailbox.receiver.try_recv() {
                Ok(Mail::Command { command: Command::Session { session: SessionId(7), body }, .. }) => {
                    return format!("{body:?}");
                }
                Ok(other) => panic!("another mail: {other:?}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        }
        "nothing".to_owned()
    }

    async fn silent_shard(&mut self) {
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(self.mailbox.receiver.try_recv().is_err(), "the shard hears no more");
    }
}

fn name(message: Out) -> String {
    match message {
        Out::Join(_) => "join".to_owned(),
        Out::RefreshToken(token) => token,
        Out::Leave(leave) => format!("leave {} {}", leave.reason, leave.action),
        Out::Pong(_) => "pong".to_owned(),
        Out::TrackSubscribed(track) => format!("subscribed {}", track.track_sid),
        Out::RequestResponse(response) => format!("response {}", response.reason),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn join_comes_first_and_leave_last() {
    let mut bench = bench();
    bench.tell(Event::TrackSubscribed(Sid::from("TR_1")));
    bench.tell(Event::Leave { reason: LeaveReason::RoomDeleted, action: LeaveAction::Disconnect });
    bench.tell(Event::TrackSubscribed(Sid::from("TR_2")));
    bench.opened().await;
    assert_eq!(bench.next().await, "subscribed TR_1");
    assert_eq!(bench.next().await, "leave 5 0");
    assert_eq!(bench.next().await, "close 1000");
    bench.client = None;
    assert_eq!(bench.next().await, "end");
    assert_eq!(bench.asked().await, "SignalLost", "a leave may ask for a resume");
}

#[tokio::test]
async fn requests_of_the_join_go_first() {
    let mut bench = bench_with(|seat| {
        seat.requests = vec![
            In::AddTrack(proto::AddTrackRequest { cid: "c".to_owned(), ..Default::default() }),
            In::Offer(proto::SessionDescription { r#type: "offer".to_owned(), ..Default::default() }),
        ];
    });
    bench.request(In::Mute(proto::MuteTrackRequest::default()));
    assert!(bench.asked().await.starts_with("PublishTrack"));
    assert!(bench.asked().await.starts_with("Offer"));
    assert!(bench.asked().await.starts_with("Mute"));
}

#[tokio::test]
async fn an_offer_that_is_taken_up_late_waits_for_the_clients_first_word() {
    let late = |seat: &mut Seat| {
        seat.offers_late = true;
        seat.requests = vec![In::Offer(proto::SessionDescription { r#type: "offer".to_owned(), ..Default::default() })];
    };
    let mut bench = bench_with(late);
    bench.opened().await;
    tokio::task::yield_now().await;
    assert!(bench.mailbox.receiver.try_recv().is_err(), "the client has not spoken");
    bench.request(In::Mute(proto::MuteTrackRequest::default()));
    assert!(bench.asked().await.starts_with("Offer"));
    assert!(bench.asked().await.starts_with("Mute"));

    let mut silent = bench_with(late);
    silent.opened().await;
    assert!(silent.asked().await.starts_with("Offer"));
    silent.client = None;
    assert_eq!(silent.asked().await, "SignalLost");
}

#[tokio::test]
async fn a_vanished_client_is_a_lost_signal() {
    for goodbye in [None, Some(Message::Close(None))] {
        let mut bench = bench();
        bench.opened().await;
        if let Some(goodbye) = goodbye {
            bench.frame(goodbye);
        } else {
            bench.client = None;
        }
        assert_eq!(bench.asked().await, "SignalLost");
        assert_eq!(bench.next().await, "end");
    }
}

#[tokio::test]
async fn a_leaving_client_is_gone_for_good() {
    let mut bench = bench();
    bench.opened().await;
    bench.request(In::Leave(proto::LeaveRequest { reason: 1, ..Default::default() }));
    assert_eq!(bench.asked().await, "Leave { reason: Some(ClientInitiated) }");
    assert_eq!(bench.next().await, "close 1000");
    bench.silent_shard().await;
}

#[tokio::test]
async fn a_closed_outbox_makes_the_client_resume() {
    let mut bench = bench();
    bench.opened().await;
    bench.events = None;
    assert_eq!(bench.next().await, "close 1000");
    assert_eq!(bench.asked().await, "SignalLost");
}

#[tokio::test]
async fn a_dropped_signal_says_nothing() {
    let mut bench = bench();
    bench.opened().await;
    bench.tell(Event::DropSignal);
    assert_eq!(bench.next().await, "end");

    let mut bench = bench_with(|seat| seat.drop_after_first = true);
    assert_eq!(bench.next().await, "join");
    assert_eq!(bench.next().await, "end");
    assert_eq!(bench.asked().await, "SignalLost");
}

#[tokio::test]
async fn answers_come_in_the_clients_format() {
    let mut bench = bench();
    bench.opened().await;
    bench.request(In::Ping(1));
    assert_eq!(bench.next().await, "pong");
    bench.frame(Message::text(r#"{"ping":"1"}"#));
    assert!(bench.next().await.starts_with(r#"text {"pong":""#));
    bench.tell(Event::TrackSubscribed(Sid::from("TR_1")));
    assert_eq!(bench.next().await, r#"text {"trackSubscribed":{"trackSid":"TR_1"}}"#);
    bench.request(In::Ping(1));
    assert_eq!(bench.next().await, "pong");
}

#[tokio::test]
async fn garbage_is_counted_and_forgiven_for_a_while() {
    let mut bench = bench();
    bench.opened().await;
    for _ in 1..GARBAGE {
        bench.frame(Message::binary(vec![0xff]));
    }
    bench.request(In::Ping(1));
    assert_eq!(bench.next().await, "pong");
    bench.frame(Message::text("{"));
    assert_eq!(bench.next().await, "close 1008");
    assert_eq!(bench.desk.rejects.load(Ordering::Relaxed), GARBAGE);
}

#[tokio::test]
async fn too_long_is_too_long() {
    let mut bench = bench();
    bench.opened().await;
    bench.frame(Message::binary(vec![0; MAX_SIGNAL_BYTES + 1]));
    assert_eq!(bench.next().await, "close 1009");
    assert_eq!(bench.asked().await, "SignalLost");
}

#[tokio::test]
async fn a_busy_shard_refuses_or_costs_a_resume() {
    let mut bench = bench();
    bench.opened().await;
    while bench.shard.post(Command::Drain).is_ok() {}
    bench.request(In::AddTrack(proto::AddTrackRequest::default()));
    assert_eq!(bench.next().await, "response 3");
    bench.request(In::Mute(proto::MuteTrackRequest::default()));
    assert_eq!(bench.next().await, "close 1000");
}

#[tokio::test]
async fn changed_grants_make_fresh_tokens() {
    let mut bench = bench();
    bench.opened().await;
    bench.tell(Event::GrantChanged {
        name: "Ana B.".to_owned(),
        metadata: String::new(),
        attributes: Default::default(),
        permissions: Box::new(Permissions::default()),
    });
    assert_eq!(bench.next().await, "token of Ana B.");
}

#[tokio::test]
async fn refused_clients_get_one_message() {
    let (client, input) = unbounded_channel::<Message>();
    let (output, mut seen) = unbounded_channel();
    drop(client);
    refuse(Pipe { input, output }, outbound::unknown_session(17)).await;
    assert!(matches!(seen.recv().await, Some(Message::Binary(_))));
    assert!(matches!(seen.recv().await, Some(Message::Close(_))));
    assert!(seen.recv().await.is_none());
}
