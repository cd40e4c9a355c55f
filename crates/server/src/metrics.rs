//! What the node counts, as Prometheus text.

use crate::channels::Plane;
use crate::door::rendezvous::Rendezvous;
use crate::door::transfer::Transfers;
use crate::relay::Relay;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use tandem_core::{Code, Notice};
use tandem_media::ShardStats;
use tandem_net::LoopStats;
use tokio::sync::watch;

/// The protocol fronts that refuse things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Door {
    Livekit,
    Twirp,
    Join,
    Admin,
    Centrifuge,
    Api,
    Push,
    Relay,
    PeerJs,
    Topics,
    Transfer,
}

impl Door {
    fn name(self) -> &'static str {
        match self {
            Self::Livekit => "livekit",
            Self::Twirp => "twirp",
            Self::Join => "join",
            Self::Admin => "admin",
            Self::Centrifuge => "centrifuge",
            Self::Api => "api",
            Self::Push => "push",
            Self::Relay => "relay",
            Self::PeerJs => "peerjs",
            Self::Topics => "topics",
            Self::Transfer => "transfer",
        }
    }
}

/// Counters of everything that is not a shard. Shards count for themselves, without locks.
#[derive(Debug, Default)]
pub struct Metrics {
    rejects: Mutex<BTreeMap<(Door, &'static str), u64>>,
    /// By hundreds of the status.
    requests: [AtomicU64; 6],
    connections: watch::Sender<u64>,
    joins: AtomicU64,
    leaves: AtomicU64,
    published: AtomicU64,
}

impl Metrics {
    /// A door refused something.
    pub fn rejected(&self, door: Door, code: Code) {
        let mut rejects = self.rejects.lock().unwrap_or_else(PoisonError::into_inner);
        *rejects.entry((door, code.name())).or_default() += 1;
    }

    /// An HTTP request was answered.
    pub fn answered(&self, status: u16) {
        if let Some(counter) = self.requests.get(usize::from(status / 100)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A TCP connection opened.
    pub fn opened(&self) {
        self.connections.send_modify(|open| *open += 1);
    }

    /// A TCP connection closed.
    pub fn closed(&self) {
        self.connections.send_modify(|open| *open = open.saturating_sub(1));
    }

    /// Open TCP connections, upgraded ones included, as they change.
    #[must_use]
    pub fn connections(&self) -> watch::Receiver<u64> {
        self.connections.subscribe()
    }

    /// Something happened in a room.
    pub fn noticed(&self, notice: &Notice) {
        let counter = match notice {
            Notice::ParticipantJoined { .. } => &self.joins,
            Notice::ParticipantLeft { .. } => &self.leaves,
            Notice::TrackPublished { .. } => &self.published,
            Notice::RoomStarted(_) | Notice::RoomFinished(_) | Notice::TrackUnpublished { .. } => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Everything as text (Prometheus exposition format 0.0.4).
    #[must_use]
    pub fn text(&self, shards: &[(ShardStats, LoopStats)], channels: &Plane, others: &Others<'_>) -> String {
        let mut page = Page(String::new());
        self.own(&mut page);
        of_shards(&mut page, shards);
        of_channels(&mut page, channels);
        if let Some(relay) = others.relay {
            of_relay(&mut page, relay);
        }
        of_meetings(&mut page, others);
        page.0
    }

    fn own(&self, page: &mut Page) {
        page.head("tandem_rejects_total", "counter", "Requests refused, by door and reason.");
        for ((door, code), count) in self.rejects.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            page.value("tandem_rejects_total", &format!("{{door=\"{}\",code=\"{code}\"}}", door.name()), *count);
        }
        page.head("tandem_http_requests_total", "counter", "HTTP requests answered, by class of status.");
        for (class, counter) in self.requests.iter().enumerate().skip(1) {
            let labels = format!("{{status=\"{class}xx\"}}");
            page.value("tandem_http_requests_total", &labels, counter.load(Ordering::Relaxed));
        }
        let open = *self.connections.borrow();
        page.one("tandem_http_connections", "gauge", "Open TCP connections to the HTTP port.", open);
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        page.one("tandem_participants_joined_total", "counter", "Participants that joined.", load(&self.joins));
        page.one("tandem_participants_left_total", "counter", "Participants that left.", load(&self.leaves));
        page.one("tandem_tracks_published_total", "counter", "Tracks published.", load(&self.published));
    }
}

/// One value of a shard: name behind `tandem_`, kind, meaning, and where it is.
type Column = (&'static str, &'static str, &'static str, fn(&(ShardStats, LoopStats)) -> u64);

const SUMMED: [Column; 15] = [
    ("rooms", "gauge", "Rooms.", |s| s.0.rooms),
    ("participants", "gauge", "Participants.", |s| s.0.participants),
    ("tracks", "gauge", "Published tracks.", |s| s.0.tracks),
    ("subscriptions", "gauge", "Subscriptions to tracks.", |s| s.0.subscriptions),
    ("transports", "gauge", "Peer connections.", |s| s.0.transports),
    ("datagrams_received_total", "counter", "Datagrams received.", |s| s.0.datagrams_in),
    ("received_bytes_total", "counter", "Bytes received.", |s| s.0.bytes_in),
    ("rtp_packets_received_total", "counter", "RTP packets received and decrypted.", |s| s.0.packets_in),
    ("data_messages_received_total", "counter", "Data channel messages received.", |s| s.0.data_in),
    ("datagrams_sent_total", "counter", "Datagrams sent.", |s| s.1.datagrams_out),
    ("sent_bytes_total", "counter", "Bytes sent.", |s| s.1.bytes_out),
    ("send_calls_total", "counter", "System calls that sent them.", |s| s.1.sends),
    ("outbox_overflows_total", "counter", "Sessions closed because they did not read.", |s| s.1.outbox_overflows),
    ("shard_ticks_total", "counter", "Turns of the shard loops.", |s| s.1.ticks),
    ("shard_slow_ticks_total", "counter", "Turns longer than two milliseconds.", |s| s.1.slow_ticks),
];

fn of_shards(page: &mut Page, shards: &[(ShardStats, LoopStats)]) {
    for (name, kind, help, value) in SUMMED {
        page.one(&format!("tandem_{name}"), kind, help, shards.iter().map(value).sum());
    }
    let name = "tandem_packets_dropped_total";
    page.head(name, "counter", "Datagrams not processed or not sent.");
    page.value(name, "{reason=\"unknown_source\"}", shards.iter().map(|s| s.0.dropped_unknown).sum());
    page.value(name, "{reason=\"send\"}", shards.iter().map(|s| s.1.send_dropped).sum());
}

/// What is counted beside rooms and channels.
pub struct Others<'a> {
    /// The relay, if there is one.
    pub relay: Option<&'a Relay>,
    /// PeerJS and topics.
    pub rendezvous: &'a Rendezvous,
    /// Files.
    pub transfers: &'a Transfers,
}

fn of_meetings(page: &mut Page, others: &Others<'_>) {
    let (desk, topics) = others.rendezvous.seen();
    let (offers, pipes, bytes) = others.transfers.counted();
    page.all(&[
        ("peerjs_peers", "gauge", "PeerJS clients.", desk.peers),
        ("peerjs_forwarded_total", "counter", "Messages passed on.", desk.forwarded),
        ("peerjs_expired_total", "counter", "Messages for somebody who did not come.", desk.expired),
        ("peerjs_dropped_total", "counter", "Messages over a bound, or none.", desk.dropped),
        ("peerjs_taken_over_total", "counter", "Ids that changed hands.", desk.taken_over),
        ("topics_connections", "gauge", "Connections to topic signalling.", topics.connections),
        ("topics", "gauge", "Topics somebody hears.", topics.topics),
        ("topics_delivered_total", "counter", "Messages delivered.", topics.delivered),
        ("topics_dropped_total", "counter", "Messages over a bound, or none.", topics.dropped),
        ("transfer_offers", "gauge", "Offers of files.", offers),
        ("transfer_pipes", "gauge", "Pipes between two who exchange files.", pipes),
        ("transfer_bytes_total", "counter", "Bytes through them.", bytes),
    ]);
}

fn of_relay(page: &mut Page, relay: &Relay) {
    let stats = relay.handle.stats();
    page.all(&[
        ("turn_allocations", "gauge", "Relayed addresses in use.", stats.allocations),
        ("turn_allocations_total", "counter", "Relayed addresses given.", stats.allocations_made),
        ("turn_bindings_total", "counter", "Binding requests answered (STUN).", stats.bindings),
        ("turn_unauthorized_total", "counter", "Requests without valid credentials.", stats.unauthorized),
        ("turn_stale_nonces_total", "counter", "Requests that were asked to try again.", stats.stale_nonces),
        ("turn_over_quota_total", "counter", "Requests over a bound.", stats.over_quota),
        ("turn_throttled_total", "counter", "Requests left unanswered: too many.", stats.throttled),
    ]);
    let both = |page: &mut Page, name: &str, help: &str, (peers, clients): (u64, u64)| {
        page.head(name, "counter", help);
        page.value(name, "{to=\"peer\"}", peers);
        page.value(name, "{to=\"client\"}", clients);
    };
    let packets = (stats.packets_to_peers, stats.packets_to_clients);
    both(page, "tandem_turn_packets_total", "Packets relayed.", packets);
    both(page, "tandem_turn_bytes_total", "Bytes relayed.", (stats.bytes_to_peers, stats.bytes_to_clients));
    let name = "tandem_turn_dropped_total";
    page.head(name, "counter", "Packets and requests not relayed.");
    page.value(name, "{reason=\"unpermitted\"}", stats.dropped_unpermitted);
    page.value(name, "{reason=\"oversized\"}", stats.dropped_oversized);
    page.value(name, "{reason=\"bandwidth\"}", stats.dropped_bandwidth);
    page.value(name, "{reason=\"kernel\"}", stats.dropped_by_kernel);
    page.value(name, "{reason=\"malformed\"}", stats.malformed);
    let name = "tandem_turn_refused_peers_total";
    page.head(name, "counter", "Peers that relays may not reach, by reason.");
    for (why, count) in stats.refused() {
        page.value(name, &format!("{{reason=\"{}\"}}", why.name()), count);
    }
}

fn of_channels(page: &mut Page, channels: &Plane) {
    let counted = channels.stats.now();
    let (connections, users) = channels.population();
    page.all(&[
        ("channel_connections", "gauge", "Connections of channel clients in service.", connections),
        ("channel_users", "gauge", "Different users with a name among them.", users),
        ("channel_subscriptions", "gauge", "Subscriptions to channels.", counted.subscriptions),
        ("channels", "gauge", "Channels that are kept, every five seconds.", counted.channels),
        (
            "channel_connects_total",
            "counter",
            "Connections of channel clients that came into service.",
            counted.connections_opened,
        ),
        ("channel_commands_total", "counter", "Commands of channel clients.", counted.commands),
        ("publications_total", "counter", "Publications in channels.", counted.published),
        ("publications_delivered_total", "counter", "Publications handed to subscribers.", counted.delivered),
    ]);
    let name = "tandem_channel_codes_total";
    page.head(name, "counter", "Errors, disconnects and unsubscribes sent to channel clients, by code.");
    for ((kind, code), count) in &counted.codes {
        page.value(name, &format!("{{kind=\"{kind}\",code=\"{code}\"}}"), *count);
    }
    let loops = channels.stats.loops();
    let sum = |of: fn(&tandem_net::stream_loop::StreamStats) -> u64| loops.iter().map(of).sum();
    page.one(
        "tandem_channel_loop_turns_total",
        "counter",
        "Turns of the loops that own channel connections.",
        sum(|s| s.turns),
    );
    page.one("tandem_channel_writes_total", "counter", "System calls that wrote to them.", sum(|s| s.writes));
    page.one("tandem_channel_received_bytes_total", "counter", "Bytes read from them.", sum(|s| s.bytes_in));
    let Some(store) = channels.store().map(crate::store::Store::stats) else { return };
    page.one("tandem_store_queue_records", "gauge", "Publications that wait for the disk.", store.queued);
    page.one("tandem_store_commits_total", "counter", "Groups written to the disk.", store.commits);
    page.one("tandem_store_records_total", "counter", "Publications in them.", store.records);
    page.one("tandem_store_failures_total", "counter", "Groups that could not be written.", store.failures);
    page.one("tandem_store_log_bytes", "gauge", "Bytes of history on the disk.", store.log_bytes);
    page.one("tandem_store_file_bytes", "gauge", "Bytes of the file that they are in.", store.file_bytes);
    page.one("tandem_store_snapshots_total", "counter", "How often what is alive was written anew.", store.snapshots);
    let micros = u64::try_from(store.last_commit.as_micros()).unwrap_or(u64::MAX);
    page.one("tandem_store_last_commit_microseconds", "gauge", "How long the last group took.", micros);
}

/// A page of text; writing to a string cannot fail.
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn value(&mut self, name: &str, labels: &str, value: u64) {
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.head(name, kind, help);
        self.value(name, "", value);
    }

    /// Name behind `tandem_`, kind, meaning and value of each.
    fn all(&mut self, metrics: &[(&str, &str, &str, u64)]) {
        for (name, kind, help, value) in metrics {
            self.one(&format!("tandem_{name}"), kind, help, *value);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_page_of_metrics() {
        let metrics = Metrics::default();
        metrics.rejected(Door::Livekit, Code::Unauthenticated);
        metrics.rejected(Door::Livekit, Code::Unauthenticated);
        metrics.answered(204);
        metrics.answered(999);
        let shard =
            (ShardStats { rooms: 2, ..ShardStats::default() }, LoopStats { send_dropped: 3, ..LoopStats::default() });
        let channels = Plane::new(crate::config::Config::default().channel_settings().unwrap());
        let (rendezvous, transfers) = (Rendezvous::new(Default::default()), Transfers::default());
        let others = Others { relay: None, rendezvous: &rendezvous, transfers: &transfers };
        let text = metrics.text(&[shard, shard], &channels, &others);
        for line in [
            "tandem_rejects_total{door=\"livekit\",code=\"unauthenticated\"} 2",
            "tandem_http_requests_total{status=\"2xx\"} 1",
            "tandem_rooms 4",
            "# TYPE tandem_rooms gauge",
            "tandem_packets_dropped_total{reason=\"send\"} 6",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
