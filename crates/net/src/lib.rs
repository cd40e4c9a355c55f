//! Sockets, timers and the shard thread: the thin IO shell around `tandem-media`.
//!
//! A shard is one thread that owns one UDP socket and every room placed on it. The rest of the
//! node talks to it through a [`ShardHandle`]: commands go in through a bounded mailbox, events
//! come out through each session's bounded [`Outbox`].
//!
//! ```text
//! tick: wait (socket, mailbox, deadline) ─▶ mails ─▶ due timers ─▶ receive batch ─▶ flush ─▶ send
//! ```
#![deny(unsafe_code)]
#![warn(missing_docs)]

mod mailbox;
mod shard_loop;
mod start;
pub mod stream_loop;
pub mod tcp;
pub mod turn;
mod udp;

pub use mailbox::{Mail, Mailbox, Outbox, ShardHandle, Shards, TcpPath};
pub use start::{ShardOptions, Started, outward_address, start_shards};
pub use udp::{LoopStats, segments_per_send};
