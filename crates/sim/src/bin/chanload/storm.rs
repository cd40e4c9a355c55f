//! Many clients come back at once, each with the same hole in what it has seen.

use crate::Target;
use crate::dialect::{MARK, command, field, frame, message, number};
use crate::process::{cpu_ns, rest};
use serde_json::{Value, json};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::task::LocalSet;

/// Handshakes under way at once.
const AT_ONCE: usize = 256;
/// A client that has not everything by then has lost something.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
pub(crate) struct Storm {
    #[arg(long, default_value_t = 5000)]
    clients: usize,
    /// Publications each of them missed.
    #[arg(long, default_value_t = 100)]
    missed: u64,
    #[arg(long, default_value_t = 128)]
    size: usize,
}

impl Storm {
    pub(crate) async fn run(self, target: Target) -> io::Result<Value> {
        LocalSet::new().run_until(self.measure(Rc::new(target))).await
    }

    async fn measure(&self, target: Rc<Target>) -> io::Result<Value> {
        let mut publisher = target.connect().await?;
        target.enter(&mut publisher, usize::MAX, false).await?;
        // The position before the hole: from a subscription of our own.
        let mut subscribe = Vec::new();
        field(&mut subscribe, 1, target.channel.as_bytes());
        publisher.write_all(&frame(2, &command(2, 5, &subscribe))).await?;
        let mut answer = vec![0; 64 * 1024];
        let n = publisher.read(&mut answer).await?;
        let (epoch, offset) = position(&answer[..n]).ok_or_else(|| io::Error::other("the channel has no history"))?;
        for id in 0..self.missed {
            let mut body = message(self.size.max(24));
            body[16..24].copy_from_slice(&id.to_le_bytes());
            publisher.write_all(&target.publication(id + 3, &body)).await?;
        }
        rest(&target.pids).await;
        let (cpu, began) = (cpu_ns(&target.pids), Instant::now());
        let gate = Rc::new(Semaphore::new(AT_ONCE));
        let mut clients = Vec::new();
        for id in 0..self.clients {
            let (target, gate, epoch, missed) = (Rc::clone(&target), Rc::clone(&gate), epoch.clone(), self.missed);
            clients.push(tokio::task::spawn_local(async move {
                let _slot = gate.acquire().await;
                come_back(&target, id, (&epoch, offset), missed).await
            }));
        }
        let (mut whole, mut lost, mut twice, mut open) = (0, 0, 0, Vec::new());
        for client in clients {
            match client.await? {
                Ok((stream, missing, repeated)) => {
                    whole += u64::from(missing == 0 && repeated == 0);
                    lost += missing;
                    twice += repeated;
                    open.push(stream);
                }
                Err(_) => lost += self.missed,
            }
        }
        let took = began.elapsed().as_secs_f64();
        Ok(json!({
            "work": "storm", "clients": self.clients, "missed": self.missed, "whole": whole, "lost": lost,
            "twice": twice, "seconds": took, "cpu_seconds": (cpu_ns(&target.pids) - cpu) as f64 / 1e9,
        }))
    }
}

/// Connects, recovers, and counts what came: the connection, publications missing and repeated.
async fn come_back(
    target: &Target,
    id: usize,
    (epoch, offset): (&[u8], u64),
    missed: u64,
) -> io::Result<(tokio::net::TcpStream, u64, u64)> {
    let mut stream = target.connect().await?;
    target.enter(&mut stream, id, false).await?;
    let mut subscribe = Vec::new();
    field(&mut subscribe, 1, target.channel.as_bytes());
    number(&mut subscribe, 3, 1);
    field(&mut subscribe, 6, epoch);
    number(&mut subscribe, 7, offset);
    stream.write_all(&frame(2, &command(2, 5, &subscribe))).await?;
    let mut seen = vec![0_u8; usize::try_from(missed).unwrap_or(0)];
    let (mut buffer, mut have) = (vec![0; 64 * 1024], 0);
    let until = tokio::time::Instant::now() + PATIENCE;
    while seen.contains(&0) {
        let n = match tokio::time::timeout_at(until, stream.read(&mut buffer[have..])).await {
            Ok(Ok(n)) if n > 0 => n,
            _ => break,
        };
        have += n;
        let (mut at, mut done) = (0, 0);
        while at + 24 <= have {
            if buffer[at] == MARK[0] && buffer[at..at + 8] == MARK {
                let number = u64::from_le_bytes(buffer[at + 16..at + 24].try_into().unwrap_or_default());
                if let Some(count) = usize::try_from(number).ok().and_then(|n| seen.get_mut(n)) {
                    *count = count.saturating_add(1);
                }
                at += 24;
                done = at;
            } else {
                at += 1;
            }
        }
        let keep = done.max(have.saturating_sub(23));
        buffer.copy_within(keep..have, 0);
        have -= keep;
    }
    let missing = seen.iter().filter(|count| **count == 0).count() as u64;
    let repeated = seen.iter().filter(|count| **count > 1).count() as u64;
    Ok((stream, missing, repeated))
}

/// Epoch and offset of a subscribe result: the fields 6 (text) and 9 (number) of the reply's field 6.
fn position(bytes: &[u8]) -> Option<(Vec<u8>, u64)> {
    // The frame's header, the message's length, then the reply.
    let header = if bytes.get(1)? & 0x7f == 126 { 4 } else { 2 };
    let mut rest = bytes.get(header..)?;
    let length = usize::try_from(take_varint(&mut rest)?).ok()?;
    let result = find(rest.get(..length)?, 6)?;
    let epoch = find(result, 6)?.to_vec();
    let offset = find_number(result, 9).unwrap_or(0);
    Some((epoch, offset))
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let (mut value, mut shift) = (0_u64, 0);
    loop {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 || shift > 63 {
            return Some(value);
        }
    }
}

/// Walks over the fields of a message until one fits.
fn walk<'a, T>(mut rest: &'a [u8], mut fits: impl FnMut(u64, Option<&'a [u8]>, u64) -> Option<T>) -> Option<T> {
    while !rest.is_empty() {
        let tag = take_varint(&mut rest)?;
        let value = take_varint(&mut rest)?;
        let bytes = if tag & 7 == 2 {
            let (bytes, tail) = rest.split_at_checked(usize::try_from(value).ok()?)?;
            rest = tail;
            Some(bytes)
        } else {
            None
        };
        if let Some(found) = fits(tag >> 3, bytes, value) {
            return Some(found);
        }
    }
    None
}

fn find(message: &[u8], field: u64) -> Option<&[u8]> {
    walk(message, |number, bytes, _| bytes.filter(|_| number == field))
}

fn find_number(message: &[u8], field: u64) -> Option<u64> {
    walk(message, |number, bytes, value| (number == field && bytes.is_none()).then_some(value))
}
