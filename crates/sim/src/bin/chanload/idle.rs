//! Many connections that do nothing: how fast they get in, and what each costs in memory.

use crate::Target;
use crate::process::{cpu_ns, private_bytes, rest};
use serde_json::{Value, json};
use std::io;
use std::rc::Rc;
use std::time::Instant;
use tokio::sync::Semaphore;
use tokio::task::LocalSet;

/// Handshakes under way at once.
const AT_ONCE: usize = 64;

#[derive(clap::Args)]
pub(crate) struct Idle {
    #[arg(long, default_value_t = 20_000)]
    connections: usize,
    /// They listen to the channel too.
    #[arg(long)]
    subscribe: bool,
}

impl Idle {
    pub(crate) async fn run(self, target: Target) -> io::Result<Value> {
        LocalSet::new().run_until(self.measure(Rc::new(target))).await
    }

    async fn measure(&self, target: Rc<Target>) -> io::Result<Value> {
        let (memory, cpu, began) = (private_bytes(&target.pids), cpu_ns(&target.pids), Instant::now());
        let gate = Rc::new(Semaphore::new(AT_ONCE));
        let mut entering = Vec::new();
        for id in 0..self.connections {
            let (target, gate, listen) = (Rc::clone(&target), Rc::clone(&gate), self.subscribe);
            entering.push(tokio::task::spawn_local(async move {
                let _slot = gate.acquire().await;
                let mut stream = target.connect().await?;
                target.enter(&mut stream, id, listen).await?;
                io::Result::Ok(stream)
            }));
        }
        let mut open = Vec::new();
        let mut failed = None;
        for task in entering {
            match task.await? {
                Ok(stream) => open.push(stream),
                Err(error) => failed = Some(error.to_string()),
            }
        }
        let took = began.elapsed().as_secs_f64();
        let cpu = cpu_ns(&target.pids) - cpu;
        rest(&target.pids).await;
        let each = private_bytes(&target.pids).saturating_sub(memory) / open.len().max(1) as u64;
        Ok(json!({
            "work": "idle", "connections": open.len(), "failed": failed, "bytes_per_connection": each,
            "accepts_per_second": open.len() as f64 / took,
            "cpu_us_per_accept": cpu as f64 / 1e3 / open.len().max(1) as f64,
        }))
    }
}
