//! The channel door: the Centrifuge client protocol over WebSocket (JSON and protobuf), streaming
//! HTTP and server-sent events, in both directions or only listening.
//!
//! ```text
//! accept      HTTP to connections, handed over to a loop
//! desk        what a loop does: bytes to commands, deliveries to subscribers
//! session     one connection      connect · subscribe · query · tick · operate   what it does
//! local       subscribers by channel, the fan-out      frame   messages as bytes, once for all
//! job         questions to the application's backend
//! ```

mod accept;
mod conflate;
mod connect;
mod desk;
mod downstream;
mod filter_set;
mod frame;
mod id;
mod job;
mod local;
mod operate;
mod query;
mod session;
mod settled;
mod subscribe;
mod tick;

pub use accept::routes;
pub(crate) use desk::Desk;
pub use frame::{Envelope, Face};
pub(crate) use frame::{publication_of, publication_to};
pub use job::Outcome;
pub(crate) use query::check_data;
pub(crate) use settled::Settled;
