//! Load for a running server through its LiveKit door: one publisher and many subscribers, or many
//! participants that do nothing. Prints one line of JSON.
//!
//! Each participant is a WebSocket, a UDP socket and a real WebRTC engine, all on one thread (plus
//! one for the WebSockets). Every datagram is received and counted by its RTP header; only some
//! subscribers decrypt everything and send complete feedback, the others keep their connection
//! alive.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod load;
mod measure;
mod peer;
mod signal;
mod token;

use clap::{Parser, ValueEnum};
use load::Load;
use measure::Server;
use serde_json::json;
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// One publisher, many subscribers.
    Media,
    /// Participants without media.
    Idle,
}

/// Puts load on a LiveKit-compatible server and measures its process.
#[derive(Debug, Parser)]
struct Flags {
    /// What to do
    mode: Mode,
    /// Server, for example http://127.0.0.1:7880
    #[arg(long)]
    url: String,
    /// Process of the server, measured through /proc
    #[arg(long)]
    pid: u32,
    /// Subscribers or participants
    #[arg(long, default_value_t = 100)]
    count: usize,
    /// Seconds measured
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Seconds before that
    #[arg(long, default_value_t = 3)]
    settle: u64,
    /// Bits per second of the video
    #[arg(long, default_value_t = 2_000_000)]
    bitrate: u32,
    /// UDP payload of each video packet, bytes
    #[arg(long, default_value_t = 1120)]
    packet: usize,
    /// One subscriber in so many decrypts and answers everything
    #[arg(long, default_value_t = 10)]
    full_every: usize,
    /// Let the kernel hand over runs of packets (then it does not cut them in the server's time)
    #[arg(long)]
    gro: bool,
    /// API key
    #[arg(long, default_value = "devkey")]
    key: String,
    /// API secret
    #[arg(long, default_value = "secret")]
    secret: String,
}

fn main() {
    let flags = Flags::parse();
    let server = Server::new(flags.pid, &flags.url);
    let idle_rss = server.rss_kb();
    let mut load = Load::new(&flags);
    if flags.mode == Mode::Idle {
        load.join_all(flags.count);
        load.run_for(Duration::from_secs(flags.settle));
        let rss = server.rss_kb();
        let each = rss.saturating_sub(idle_rss) as f64 / flags.count as f64;
        println!(
            "{}",
            json!({ "participants": flags.count, "rss_before_kb": idle_rss, "rss_kb": rss, "kb_each": each })
        );
        return;
    }
    load.join_publisher();
    load.join_all(flags.count);
    load.wait_for_media();
    load.run_for(Duration::from_secs(flags.settle));
    let (before, received_before) = (server.sample(), load.received());
    load.run_for(Duration::from_secs(flags.seconds));
    let (after, received_after) = (server.sample(), load.received());
    let received = received_after.since(&received_before);
    let used = after.since(&before);
    let forwarded = received.packets + received.lost;
    let cpu_us = used.cpu_ns as f64 / 1000.0;
    let per_packet = cpu_us / forwarded.max(1) as f64;
    let report = json!({
        "subscribers": flags.count,
        "seconds": used.seconds,
        "forwarded": forwarded,
        "packets_per_second": forwarded as f64 / used.seconds,
        "cpu_us_per_packet": per_packet,
        "packets_per_second_per_core": 1e6 / per_packet,
        "cpu_share": cpu_us / 1e6 / used.seconds,
        "threads": used.threads,
        "lost": received.lost,
        "loss": received.lost as f64 / forwarded.max(1) as f64,
        "resent": received.resent,
        "silent": load.silent(),
        "run_length": used.run_length(),
        "send_dropped": used.send_dropped,
        "rss_before_kb": idle_rss,
        "rss_kb": after.rss_kb,
        "kb_per_subscriber": after.rss_kb.saturating_sub(idle_rss) as f64 / (flags.count + 1) as f64,
        "client_cpu_share": load.cpu_share(),
    });
    println!("{report}");
}
