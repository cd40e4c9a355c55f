//! Load for message servers: fan-out, idle connections, a storm of recoveries, durable publications.
//!
//! One client for every server, so that the servers are what differs. It counts messages by a mark
//! in their body and reads frames only as far as it must. Each run prints one line of JSON.
//! CPU and memory of the server come from `/proc` by its process id.

mod dialect;
mod durable;
mod fanout;
mod idle;
mod process;
mod storm;

use clap::{Parser, Subcommand};
use dialect::Dialect;

/// Load for message servers over WebSocket.
#[derive(Parser)]
#[command(
    after_help = "Example: chanload --addr 127.0.0.1:8000 --path /connection/websocket --pid 4711 fanout --subscribers 500 --rate 40"
)]
struct Options {
    /// Where the server listens.
    #[arg(long)]
    addr: String,
    /// Path of the WebSocket.
    #[arg(long, default_value = "/connection/websocket")]
    path: String,
    /// What it speaks.
    #[arg(long, value_enum, default_value = "centrifuge")]
    dialect: Dialect,
    /// Its processes.
    #[arg(long, value_delimiter = ',', required = true)]
    pid: Vec<u32>,
    /// Channel, subject or topic.
    #[arg(long, default_value = "bench")]
    channel: String,
    /// Connection token, where one is needed.
    #[arg(long, default_value = "")]
    token: String,
    #[command(subcommand)]
    work: Work,
}

#[derive(Subcommand)]
enum Work {
    /// One publisher, many subscribers.
    Fanout(fanout::Fanout),
    /// Many connections that do nothing.
    Idle(idle::Idle),
    /// Many clients come back at once and recover what they missed (Centrifuge protocol only).
    Storm(storm::Storm),
    /// Many publishers wait for acknowledgements (Centrifuge protocol only).
    Durable(durable::Durable),
}

/// The server under load.
pub(crate) struct Target {
    addr: String,
    path: String,
    dialect: Dialect,
    pids: Vec<u32>,
    channel: String,
    token: String,
}

fn main() -> std::io::Result<()> {
    let options = Options::parse();
    process::raise_file_limit();
    let target = Target {
        addr: options.addr,
        path: options.path,
        dialect: options.dialect,
        pids: options.pid,
        channel: options.channel,
        token: options.token,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        match options.work {
            Work::Fanout(work) => work.run(target).await,
            Work::Idle(work) => work.run(target).await,
            Work::Storm(work) => work.run(target).await,
            Work::Durable(work) => work.run(target).await,
        }
    })?;
    println!("{result}");
    Ok(())
}
