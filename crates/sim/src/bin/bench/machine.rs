//! The machine, and a server running on it.

use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// Prints what the numbers were measured on.
pub(crate) fn describe(tandem: &Path) {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let models: Vec<&str> = info.lines().filter(|l| l.starts_with("model name")).collect();
    let model = models.first().and_then(|l| l.split(": ").nth(1)).unwrap_or("unknown");
    println!("machine   {} x {model}", models.len());
    println!("kernel    {}", read("/proc/sys/kernel/osrelease").trim());
    println!("load      {} (1, 5, 15 minutes)", read("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" "));
    println!("server    {}, one shard, on a core of its own; loopback, clients on another core", tandem.display());
    println!("work      VP8 2 Mbit/s at 30 fps, packets of 1120 bytes in one burst per frame");
    println!();
}

/// A server process; it ends when this goes.
pub(crate) struct Running {
    child: Child,
    data: PathBuf,
    pub(crate) url: String,
    pub(crate) ready_ms: f64,
}

impl Running {
    /// Starts a server on a core and waits for its ready line.
    pub(crate) fn start(tandem: &Path, core: usize) -> Self {
        let data = std::env::temp_dir().join(format!("tandem-bench-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&data);
        let began = Instant::now();
        let mut child = Command::new("taskset")
            .args(["-c", &core.to_string()])
            .arg(tandem)
            .args(["serve", "--dev", "--port", "0", "--udp-port", "0", "--tcp-port", "0", "--turn-port", "0"])
            .args(["--shards", "1", "--log-level", "warn", "--data"])
            .arg(&data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("taskset (util-linux) runs");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("the server writes a line");
        let ready_ms = began.elapsed().as_secs_f64() * 1000.0;
        let ready: Value = serde_json::from_str(&line).expect("the ready line is JSON");
        let url = ready["http"].as_str().expect("the ready line names its URL").to_owned();
        Self { child, data, url, ready_ms }
    }

    pub(crate) fn pid(&self) -> u32 {
        // taskset becomes what it starts.
        self.child.id()
    }

    pub(crate) fn rss_kb(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(f64::NAN)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}
