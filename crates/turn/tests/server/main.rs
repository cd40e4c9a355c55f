//! The server as a client sees it, with a fake shell and a fake clock.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

mod errors;
mod hostile;
mod lifetimes;
mod model;
mod relaying;
mod rig;
