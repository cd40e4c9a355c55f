//! A simulator: whole shards and real WebRTC clients in virtual time, over networks that lose,
//! delay and reorder as a seed says. Tests of it are in `tests/`; the load generator and the
//! measure of what the machine can do at best are in `src/bin/`.
//!
//! ```
//! use std::time::Duration;
//! use tandem_sim::{ClientOptions, World};
//! let mut world = World::new(1);
//! let ana = world.join("ana", ClientOptions::default());
//! assert!(world.run_until(Duration::from_secs(5), |w| w.client(ana).is_connected()));
//! ```
//!
//! Not simulated: browsers (their SDP and their SSRCs differ from ours), sockets, threads, doors.
#![forbid(unsafe_code)]
#![warn(missing_docs)]
// A simulation that cannot go on shall stop with a trace, and its arithmetic is on its own numbers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod client;
mod media;
mod netem;
mod recorder;
mod world;

pub use client::{ClientOptions, FRAME, SimClient};
pub use media::{AudioSource, Encoding, Mark, MediaPacket, SIMULCAST, SINGLE, VideoSource, Vp8View};
pub use netem::{Datagram, Impairment, Netem, NetemStats};
pub use recorder::{Received, Recorder, Report};
pub use world::{ClientId, World};
