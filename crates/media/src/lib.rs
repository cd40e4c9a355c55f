//! Rooms, tracks and forwarding: the media plane as state machines without IO.
//!
//! A [`Shard`] owns rooms and the peer connections of their participants. It is driven by four
//! calls: [`Shard::apply`] for commands, [`Shard::receive`] for datagrams, [`Shard::handle_timeout`]
//! for time, and [`Shard::flush`] for what must leave. It opens no socket, starts no thread and
//! reads no clock.
//!
//! ```text
//!  datagram ─▶ Transports (4-tuple, ufrag) ─▶ Peer (ICE, DTLS, SRTP) ─▶ Room::forward
//!                                                                         │ select, rewrite
//!  TxBatch  ◀─────────── Peer of every subscriber (write, one drain) ◀────┘
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod batch;
mod dynacast;
mod keys;
mod quality;
mod rewrite;
mod room;
mod select;
mod shard;
mod speaker;
mod transport;

pub use batch::{Run, TxBatch};
pub use shard::{Shard, ShardConfig, ShardStats};
pub use str0m::net::Protocol;
