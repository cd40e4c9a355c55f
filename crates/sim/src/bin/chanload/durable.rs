//! Many publishers, many channels, and every publication waits for its acknowledgement.

use crate::Target;
use crate::dialect::{command, field, frame, message};
use crate::process::cpu_ns;
use serde_json::{Value, json};
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::LocalSet;

#[derive(clap::Args)]
pub(crate) struct Durable {
    #[arg(long, default_value_t = 1000)]
    channels: usize,
    #[arg(long, default_value_t = 50)]
    publishers: usize,
    /// Publications each publisher has under way.
    #[arg(long, default_value_t = 100)]
    window: u64,
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    #[arg(long, default_value_t = 128)]
    size: usize,
}

impl Durable {
    pub(crate) async fn run(self, target: Target) -> io::Result<Value> {
        LocalSet::new().run_until(self.measure(Rc::new(target))).await
    }

    async fn measure(&self, target: Rc<Target>) -> io::Result<Value> {
        let (acknowledged, refused) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let mut publishers = Vec::new();
        let (cpu, began) = (cpu_ns(&target.pids), Instant::now());
        let until = began + Duration::from_secs_f64(self.seconds);
        let each = self.channels.div_ceil(self.publishers);
        for number in 0..self.publishers {
            let (target, window, size) = (Rc::clone(&target), self.window, self.size);
            let (acknowledged, refused) = (Rc::clone(&acknowledged), Rc::clone(&refused));
            publishers.push(tokio::task::spawn_local(async move {
                let channels: Vec<_> = (0..each).map(|i| format!("{}-{}", target.channel, number * each + i)).collect();
                publish(&target, &channels, (window, size), until, (&acknowledged, &refused)).await
            }));
        }
        for publisher in publishers {
            publisher.await??;
        }
        let took = began.elapsed().as_secs_f64();
        let cpu = cpu_ns(&target.pids) - cpu;
        let count: u64 = acknowledged.get();
        Ok(json!({
            "work": "durable", "channels": self.channels, "acknowledged": count, "refused": refused.get(),
            "acknowledged_per_second": count as f64 / took, "cpu_us_per_publication": cpu as f64 / 1e3 / count.max(1) as f64,
        }))
    }
}

async fn publish(
    target: &Target,
    channels: &[String],
    (window, size): (u64, usize),
    until: Instant,
    (acknowledged, refused): (&Cell<u64>, &Cell<u64>),
) -> io::Result<()> {
    let mut stream = target.connect().await?;
    target.enter(&mut stream, 0, false).await?;
    let (mut sent, mut answered) = (0_u64, 0_u64);
    let mut replies = Replies::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let open = Instant::now() < until;
        let mut batch = Vec::new();
        while open && sent - answered < window {
            let channel = &channels[usize::try_from(sent).unwrap_or(0) % channels.len()];
            let mut request = Vec::new();
            field(&mut request, 1, channel.as_bytes());
            field(&mut request, 2, &message(size));
            batch.extend(command(sent + 2, 7, &request));
            sent += 1;
        }
        if !batch.is_empty() {
            stream.write_all(&frame(2, &batch)).await?;
        }
        if !open && answered == sent {
            return Ok(());
        }
        let n = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut buffer)).await??;
        if n == 0 {
            return Err(io::Error::other("the server closed the connection"));
        }
        for (error, bytes) in replies.feed(&buffer[..n]) {
            // An empty message is a ping; no answer is due while we publish this fast.
            if bytes > 0 {
                answered += 1;
                let counter = if error { refused } else { acknowledged };
                counter.set(counter.get() + 1);
            }
        }
    }
}

/// Takes frames and the replies in them apart.
#[derive(Default)]
struct Replies {
    rest: Vec<u8>,
}

impl Replies {
    /// Every whole reply: whether it is an error, and its length.
    fn feed(&mut self, bytes: &[u8]) -> Vec<(bool, usize)> {
        self.rest.extend_from_slice(bytes);
        let mut found = Vec::new();
        while let Some((start, end)) = whole_frame(&self.rest) {
            let mut at = start;
            while at < end {
                let mut length = 0;
                let mut shift = 0;
                while at < end {
                    let byte = self.rest[at];
                    at += 1;
                    length |= usize::from(byte & 0x7f) << shift;
                    shift += 7;
                    if byte & 0x80 == 0 {
                        break;
                    }
                }
                let message = &self.rest[at..(at + length).min(end)];
                // Field 1 is the number of the command; an error is field 2.
                let after_id = message.iter().skip(1).position(|byte| byte & 0x80 == 0).map_or(0, |n| n + 2);
                found.push((message.get(after_id) == Some(&(2 << 3 | 2)), length));
                at += length;
            }
            self.rest.drain(..end);
        }
        found
    }
}

/// Where the payload of the first frame begins and ends, if it is all there.
fn whole_frame(bytes: &[u8]) -> Option<(usize, usize)> {
    let short = usize::from(*bytes.get(1)? & 0x7f);
    let (start, length) = match short {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        n => (2, n),
    };
    (bytes.len() >= start + length).then_some((start, start + length))
}
