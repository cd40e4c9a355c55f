//! Channels, presence and history: who hears what, without IO.
//!
//! ```text
//! namespace    what a channel's name means and allows       code     what clients are told
//! lane         channels by name ─▶ channel    history, offsets, recovery, presence
//! publication  what is published                            filter   who wants which
//! ```
//! A channel is a value: commands go in with the time, deliveries come out. Threads, locks,
//! sockets and the disk are the server's.
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

pub mod budget;
pub mod channel;
pub mod code;
pub mod filter;
pub mod lane;
pub mod namespace;
pub mod publication;
pub mod rendezvous;
