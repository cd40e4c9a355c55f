#![allow(clippy::unwrap_used, clippy::disallowed_methods)]
use super::*;
use bytes::Bytes;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// What a handler saw.
#[derive(Debug, PartialEq, Eq)]
enum Saw {
    Opened(ConnKey),
    Received(Vec<u8>),
    Closed(ConnKey),
    Timer(ConnKey),
    Refused,
}

/// Does what mails say and tells what it saw.
struct Parrot {
    saw: Sender<Saw>,
}

enum Tell {
    Send(ConnKey, Vec<Bytes>),
    SendAs(ConnKey, Bytes, u64, usize),
    Close(ConnKey),
    Wake(ConnKey, Duration),
    Pause(ConnKey),
    Resume(ConnKey),
}

impl Handler for Parrot {
    type Mail = Tell;
    type Hello = ();

    fn opened(&mut self, key: ConnKey, (): (), _io: &mut Io) {
        let _ = self.saw.send(Saw::Opened(key));
    }

    fn received(&mut self, _key: ConnKey, bytes: &mut [u8], _io: &mut Io) {
        let _ = self.saw.send(Saw::Received(bytes.to_vec()));
    }

    fn closed(&mut self, key: ConnKey, _io: &mut Io) {
        let _ = self.saw.send(Saw::Closed(key));
    }

    fn mail(&mut self, mail: Tell, io: &mut Io) {
        match mail {
            Tell::Send(key, frames) => {
                for frame in frames {
                    if !io.send(key, frame) {
                        let _ = self.saw.send(Saw::Refused);
                    }
                }
            }
            Tell::SendAs(key, frame, kind, depth) => {
                io.send_as(key, frame, kind, depth);
            }
            Tell::Close(key) => io.close(key),
            Tell::Wake(key, after) => io.wake_at(key, io.now() + after),
            Tell::Pause(key) => io.pause(key),
            Tell::Resume(key) => io.resume(key),
        }
    }

    fn timer(&mut self, key: ConnKey, _io: &mut Io) {
        let _ = self.saw.send(Saw::Timer(key));
    }

    fn turn_ends(&mut self, _io: &mut Io) {}
}

struct Stage {
    handle: LoopHandle<Tell, ()>,
    saw: Receiver<Saw>,
    listener: TcpListener,
}

impl Stage {
    fn new(outbox_bytes: usize) -> Self {
        let (sender, saw) = channel();
        let options = LoopOptions { name: "test".to_owned(), index: 0, outbox_bytes };
        let (handle, _) = start(&options, Parrot { saw: sender }).unwrap();
        Self { handle, saw, listener: TcpListener::bind("127.0.0.1:0").unwrap() }
    }

    /// A connection: our end of it, and the loop's name for the other.
    fn connect(&self) -> (TcpStream, ConnKey) {
        let ours = TcpStream::connect(self.listener.local_addr().unwrap()).unwrap();
        ours.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let (theirs, _) = self.listener.accept().unwrap();
        theirs.set_nonblocking(true).unwrap();
        self.handle.open(Sink::Socket(theirs, Box::new(())), ());
        let Saw::Opened(key) = self.next() else { panic!("it was not opened") };
        (ours, key)
    }

    fn next(&self) -> Saw {
        self.saw.recv_timeout(Duration::from_secs(5)).unwrap()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.handle.stop();
    }
}

#[test]
fn bytes_go_both_ways_and_an_end_is_seen() {
    let stage = Stage::new(1024);
    let (mut ours, key) = stage.connect();
    ours.write_all(b"hello").unwrap();
    assert_eq!(stage.next(), Saw::Received(b"hello".to_vec()));
    stage.handle.push(Tell::Send(key, vec!["one ".into(), "two ".into(), "three".into()]));
    let mut got = [0; 13];
    ours.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"one two three");
    // The last words and the goodbye come together.
    ours.write_all(b"bye").unwrap();
    drop(ours);
    assert_eq!(stage.next(), Saw::Received(b"bye".to_vec()));
    assert_eq!(stage.next(), Saw::Closed(key));
}

#[test]
fn closing_sends_what_waits_first() {
    let stage = Stage::new(1024);
    let (mut ours, key) = stage.connect();
    stage.handle.push(Tell::Send(key, vec!["last words".into()]));
    stage.handle.push(Tell::Close(key));
    let mut text = String::new();
    ours.read_to_string(&mut text).unwrap();
    assert_eq!(text, "last words");
    // The key is not valid any more, also for whoever gets the place next.
    drop(ours);
    let (_other, again) = stage.connect();
    assert_ne!(key, again);
}

#[test]
fn who_does_not_read_has_a_bounded_outbox() {
    let stage = Stage::new(64 * 1024);
    let (ours, key) = stage.connect();
    let frame = Bytes::from(vec![0; 16 * 1024]);
    // Far more than the kernel's buffers and the outbox hold.
    for _ in 0..1000 {
        stage.handle.push(Tell::Send(key, vec![frame.clone()]));
    }
    assert_eq!(stage.next(), Saw::Refused);
    drop(ours);
}

#[test]
fn a_slow_reader_skips_what_has_become_old() {
    let stage = Stage::new(80 * 1024 * 1024);
    let (mut ours, key) = stage.connect();
    // Fills the kernel's buffers, so that what follows waits.
    stage.handle.push(Tell::Send(key, vec![Bytes::from(vec![b'.'; 60 * 1024 * 1024])]));
    // Mails are taken in order: this one's answer comes a turn after the buffers are full.
    stage.handle.push(Tell::Wake(key, Duration::from_millis(50)));
    assert_eq!(stage.next(), Saw::Timer(key));
    for number in 0..100_u32 {
        stage.handle.push(Tell::SendAs(key, format!("<{number}>").into(), 7, 1));
    }
    // All of them are in before the first byte is read.
    stage.handle.push(Tell::Wake(key, Duration::ZERO));
    assert_eq!(stage.next(), Saw::Timer(key));
    stage.handle.push(Tell::Close(key));
    let mut text = String::new();
    ours.read_to_string(&mut text).unwrap();
    assert_eq!(text.trim_start_matches('.'), "<99>");
}

#[test]
fn nothing_is_read_while_paused() {
    let stage = Stage::new(1024);
    let (mut ours, key) = stage.connect();
    stage.handle.push(Tell::Pause(key));
    // Mails are taken in order, so the answer to this one comes after the pause.
    stage.handle.push(Tell::Wake(key, Duration::ZERO));
    assert_eq!(stage.next(), Saw::Timer(key));
    ours.write_all(b"later").unwrap();
    assert!(stage.saw.recv_timeout(Duration::from_millis(100)).is_err());
    stage.handle.push(Tell::Resume(key));
    assert_eq!(stage.next(), Saw::Received(b"later".to_vec()));
}

#[test]
fn timers_come_once_and_not_early() {
    let stage = Stage::new(1024);
    let (_ours, key) = stage.connect();
    let began = Instant::now();
    stage.handle.push(Tell::Wake(key, Duration::from_millis(80)));
    stage.handle.push(Tell::Wake(key, Duration::from_millis(500)));
    assert_eq!(stage.next(), Saw::Timer(key));
    assert!(began.elapsed() >= Duration::from_millis(80));
    assert!(began.elapsed() < Duration::from_millis(400), "the earlier wish stands");
}

#[test]
fn bodies_get_everything_of_a_turn_at_once_and_wait_for_room() {
    let stage = Stage::new(1024);
    let (sender, mut chunks) = tokio::sync::mpsc::channel(1);
    let waits = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    stage.handle.open(Sink::Body(sender, std::sync::Arc::clone(&waits)), ());
    let Saw::Opened(key) = stage.next() else { panic!("it was not opened") };
    stage.handle.push(Tell::Send(key, vec!["a".into(), "b".into()]));
    let until = Instant::now() + Duration::from_secs(5);
    while chunks.is_empty() && Instant::now() < until {
        std::thread::yield_now();
    }
    stage.handle.push(Tell::Send(key, vec!["c".into()]));
    while !waits.load(std::sync::atomic::Ordering::SeqCst) && Instant::now() < until {
        std::thread::yield_now();
    }
    assert_eq!(chunks.blocking_recv().unwrap(), "ab");
    waits.store(false, std::sync::atomic::Ordering::SeqCst);
    stage.handle.body_taken(key);
    assert_eq!(chunks.blocking_recv().unwrap(), "c");
    stage.handle.body_gone(key);
    assert_eq!(stage.next(), Saw::Closed(key));
}
