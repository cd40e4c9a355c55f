//! A line on the terminal: how far, how fast, how long.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often the line is drawn.
const EVERY: Duration = Duration::from_millis(200);

pub(super) struct Progress {
    total: u64,
    began: Instant,
    at_first: u64,
    drawn: Option<Instant>,
    terminal: bool,
}

impl Progress {
    /// `done` bytes were there before.
    pub(super) fn new(total: u64, done: u64) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { total, began: Instant::now(), at_first: done, drawn: None, terminal }
    }

    pub(super) fn show(&mut self, done: u64) {
        let due = self.drawn.is_none_or(|at| at.elapsed() >= EVERY) || done == self.total;
        if !self.terminal || !due {
            return;
        }
        self.drawn = Some(Instant::now());
        let seconds = self.began.elapsed().as_secs_f64().max(0.001);
        let speed = done.saturating_sub(self.at_first) as f64 / seconds;
        let percent = (done * 100).checked_div(self.total).unwrap_or(100);
        let left = if speed > 0.0 { (self.total - done) as f64 / speed } else { 0.0 };
        let line = format!(
            "{percent:3} %  {} of {}, {}/s, {left:.0} s left",
            bytes(done),
            bytes(self.total),
            bytes(speed as u64)
        );
        let mut out = std::io::stderr();
        let _ = write!(out, "\r{line:<70}");
        if done == self.total {
            let _ = writeln!(out);
        }
        let _ = out.flush();
    }
}

/// Bytes as people read them.
pub(super) fn bytes(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 999.5 {
            return if unit == "B" { format!("{count} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

#[cfg(test)]
mod tests {
    #[test]
    fn bytes_in_words() {
        let words = [0, 999, 1000, 1_500_000, 2_000_000_000, 5_000_000_000_000].map(super::bytes);
        assert_eq!(words, ["0 B", "999 B", "1.0 kB", "1.5 MB", "2.0 GB", "5.0 TB"]);
    }
}
