//! One publisher, many subscribers: CPU of the server per delivery, latency, loss.

use crate::Target;
use crate::dialect::{Dialect, MARK, frame, message};
use crate::process::{cpu_ns, now_ns, private_bytes, rest};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, sleep_until};

/// Handshakes under way at once.
const AT_ONCE: usize = 8;

#[derive(clap::Args)]
pub(crate) struct Fanout {
    #[arg(long, default_value_t = 500)]
    subscribers: usize,
    /// Publications in a second.
    #[arg(long, default_value_t = 40.0)]
    rate: f64,
    /// Publications written together.
    #[arg(long, default_value_t = 1)]
    burst: usize,
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Bytes of a message.
    #[arg(long, default_value_t = 128)]
    size: usize,
}

/// What all subscribers together have seen.
#[derive(Default)]
struct Seen {
    messages: Cell<u64>,
    measuring_since: Cell<u64>,
    latencies_us: RefCell<Vec<u32>>,
}

impl Fanout {
    pub(crate) async fn run(self, target: Target) -> io::Result<Value> {
        LocalSet::new().run_until(self.measure(Rc::new(target))).await
    }

    async fn measure(&self, target: Rc<Target>) -> io::Result<Value> {
        let seen = Rc::new(Seen::default());
        seen.measuring_since.set(u64::MAX);
        let before = private_bytes(&target.pids);
        let gate = Rc::new(Semaphore::new(AT_ONCE));
        let entering = (0..self.subscribers).map(|id| {
            let (target, gate, seen) = (Rc::clone(&target), Rc::clone(&gate), Rc::clone(&seen));
            tokio::task::spawn_local(async move {
                let _slot = gate.acquire().await;
                let mut stream = target.connect().await?;
                target.enter(&mut stream, id, true).await?;
                tokio::task::spawn_local(listen(stream, seen, target.dialect));
                io::Result::Ok(())
            })
        });
        for task in entering.collect::<Vec<_>>() {
            task.await??;
        }
        let mut publisher = target.connect().await?;
        target.enter(&mut publisher, usize::MAX, false).await?;
        let (mut answers, mut publisher) = publisher.into_split();
        tokio::task::spawn_local(async move {
            let mut buffer = vec![0; 65_536];
            while matches!(answers.read(&mut buffer).await, Ok(n) if n > 0) {}
        });
        rest(&target.pids).await;
        let idle = private_bytes(&target.pids);
        for id in 0..20 {
            publisher.write_all(&target.publication(id + 3, &message(self.size))).await?;
            sleep(Duration::from_millis(10)).await;
        }
        let warm = 20 * self.subscribers as u64;
        for _ in 0..50 {
            sleep(Duration::from_millis(100)).await;
            if seen.messages.get() >= warm {
                break;
            }
        }
        if seen.messages.get() == 0 {
            return Err(io::Error::other("nothing was delivered"));
        }
        let (cpu, got, began) = (cpu_ns(&target.pids), seen.messages.get(), Instant::now());
        seen.measuring_since.set(now_ns());
        let total = (self.rate * self.seconds) as u64;
        let mut sent = 0;
        while sent < total && began.elapsed().as_secs_f64() < self.seconds * 3.0 {
            sleep_until(began + Duration::from_secs_f64(sent as f64 / self.rate)).await;
            let mut together = Vec::new();
            for _ in 0..self.burst {
                together.extend(target.publication(sent + 100, &message(self.size)));
                sent += 1;
            }
            publisher.write_all(&together).await?;
        }
        let expected = sent * self.subscribers as u64;
        for _ in 0..50 {
            if seen.messages.get() - got >= expected {
                break;
            }
            sleep(Duration::from_millis(100)).await;
        }
        let took = began.elapsed().as_secs_f64();
        let (cpu, got) = (cpu_ns(&target.pids) - cpu, seen.messages.get() - got);
        let mut latencies = seen.latencies_us.take();
        latencies.sort_unstable();
        let at = |share: f64| latencies.get((latencies.len().saturating_sub(1) as f64 * share) as usize).copied();
        Ok(json!({
            "work": "fanout", "subscribers": self.subscribers, "published": sent, "burst": self.burst,
            "delivered": got, "loss": 1.0 - got as f64 / expected as f64,
            "cpu_us_per_delivery": cpu as f64 / 1e3 / got.max(1) as f64,
            "cores": cpu as f64 / 1e9 / took, "deliveries_per_second": got as f64 / took,
            "p50_us": at(0.5), "p99_us": at(0.99), "max_us": at(1.0),
            "bytes_per_connection": idle.saturating_sub(before) / (self.subscribers as u64 + 1),
        }))
    }
}

async fn listen(mut stream: TcpStream, seen: Rc<Seen>, dialect: Dialect) {
    let mut buffer = vec![0; 16 * 1024];
    let (mut have, mut count) = (0, 0_u64);
    while let Ok(n) = stream.read(&mut buffer[have..]).await {
        if n == 0 {
            return;
        }
        have += n;
        let (mut at, mut done) = (0, 0);
        while at + 16 <= have {
            if buffer[at] != MARK[0] || buffer[at..at + 8] != MARK {
                at += 1;
                continue;
            }
            seen.messages.set(seen.messages.get() + 1);
            count += 1;
            let sent = u64::from_le_bytes(buffer[at + 8..at + 16].try_into().unwrap_or_default());
            if count % 16 == 0 && sent > seen.measuring_since.get() {
                let us = u32::try_from((now_ns() - sent) / 1000).unwrap_or(u32::MAX);
                seen.latencies_us.borrow_mut().push(us);
            }
            at += 16;
            done = at;
        }
        match dialect {
            Dialect::Nats if buffer[..have].windows(6).any(|w| w == b"PING\r\n") => {
                let _ = stream.write_all(&frame(2, b"PONG\r\n")).await;
            }
            // A ping is an empty message, and so is its answer.
            Dialect::Centrifuge if buffer[..have].ends_with(&[0x82, 1, 0]) => {
                let _ = stream.write_all(&frame(2, &[0])).await;
            }
            _ => {}
        }
        let keep = done.max(have.saturating_sub(15));
        buffer.copy_within(keep..have, 0);
        have -= keep;
    }
}
