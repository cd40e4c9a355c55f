//! STUN (RFC 8489) and TURN (RFC 8656) without IO.
//!
//! A shell owns the sockets. It hands every datagram and every piece of a stream to a [`Server`]
//! with the time, opens and closes relay sockets when asked ([`Relays`]), and sends what the server
//! leaves in [`Outputs`].
//!
//! ```text
//! client ─▶ client_run ─┬─ STUN ──▶ request ─▶ allocate · refresh · permit · bind ─▶ answer
//!                       └─ data ──▶ channel ─▶ permission? peer allowed? ─▶ relay socket ─▶ peer
//! peer   ─▶ relay_run ──▶ permission? ─▶ channel or Data indication ─▶ client
//! ```
//!
//! What a relay may reach is decided by [`PeerPolicy`]: nothing inside, unless it is said so.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod allocation;
mod budget;
mod credentials;
mod output;
mod policy;
mod server;
mod settings;
mod stats;
mod stream;

pub use credentials::{Credentials, mint};
pub use output::{ClientId, Destination, Outputs, RelayId, Run};
pub use policy::{Network, PeerPolicy, Refused};
pub use server::{OpenError, Opened, Relays, Server, Want};
pub use settings::Settings;
pub use stats::Stats;
