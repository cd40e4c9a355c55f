//! The server's process, seen from outside: CPU from `/proc/PID/task/*/schedstat`, memory from
//! `/proc/PID/status`, sending from its `/metrics`.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A server to be measured.
pub(crate) struct Server {
    pid: u32,
    authority: String,
}

/// Counters at one moment.
pub(crate) struct Sample {
    at: Instant,
    cpu_ns: u64,
    by_thread: BTreeMap<String, u64>,
    pub(crate) rss_kb: u64,
    metrics: BTreeMap<String, f64>,
}

/// What happened between two samples.
pub(crate) struct Used {
    pub(crate) seconds: f64,
    pub(crate) cpu_ns: u64,
    /// CPU share by name of thread, of those that used any.
    pub(crate) threads: BTreeMap<String, f64>,
    datagrams: f64,
    calls: f64,
    pub(crate) send_dropped: f64,
}

impl Server {
    pub(crate) fn new(pid: u32, url: &str) -> Self {
        let authority = url.split("://").last().unwrap_or(url).trim_end_matches('/').to_owned();
        Self { pid, authority }
    }

    pub(crate) fn rss_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("the server runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).expect("the kernel says VmRSS")
    }

    pub(crate) fn sample(&self) -> Sample {
        let mut by_thread = BTreeMap::new();
        let mut cpu_ns = 0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.pid)).expect("the server runs").flatten() {
            let read = |name: &str| std::fs::read_to_string(task.path().join(name)).unwrap_or_default();
            let ns: u64 = read("schedstat").split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0);
            *by_thread.entry(read("comm").trim().to_owned()).or_default() += ns;
            cpu_ns += ns;
        }
        Sample { at: Instant::now(), cpu_ns, by_thread, rss_kb: self.rss_kb(), metrics: self.metrics() }
    }

    /// The server's own counters, summed over labels; empty if it has none.
    fn metrics(&self) -> BTreeMap<String, f64> {
        let Ok(mut stream) = TcpStream::connect(&self.authority) else { return BTreeMap::new() };
        let request = format!("GET /metrics HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.authority);
        let mut text = String::new();
        let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
        if stream.write_all(request.as_bytes()).is_err() || stream.read_to_string(&mut text).is_err() {
            return BTreeMap::new();
        }
        let mut sums = BTreeMap::new();
        for (name, value) in text.lines().filter_map(|line| line.rsplit_once(' ')) {
            if let Ok(value) = value.parse::<f64>() {
                *sums.entry(name.to_owned()).or_default() += value;
            }
        }
        sums
    }
}

impl Sample {
    pub(crate) fn since(&self, before: &Self) -> Used {
        let seconds = self.at.duration_since(before.at).as_secs_f64();
        let metric = |name: &str| {
            let value = |s: &Self| s.metrics.get(name).copied().unwrap_or(0.0);
            value(self) - value(before)
        };
        let share = |(name, ns): (&String, &u64)| {
            let used = ns.saturating_sub(before.by_thread.get(name).copied().unwrap_or(0)) as f64;
            (name.clone(), (used / 1e9 / seconds * 1000.0).round() / 1000.0)
        };
        Used {
            seconds,
            cpu_ns: self.cpu_ns - before.cpu_ns,
            threads: self.by_thread.iter().map(share).filter(|(_, share)| *share > 0.0).collect(),
            datagrams: metric("tandem_datagrams_sent_total"),
            calls: metric("tandem_send_calls_total"),
            send_dropped: metric("tandem_packets_dropped_total{reason=\"send\"}"),
        }
    }
}

impl Used {
    /// Datagrams per system call of the server, as it says itself.
    pub(crate) fn run_length(&self) -> f64 {
        if self.calls > 0.0 { self.datagrams / self.calls } else { 1.0 }
    }
}
