//! The LiveKit door: signalling protocol 17 over WebSocket, as LiveKit server 1.13 speaks it.
//!
//! ```text
//! accept   token, parameters, join -> upgrade      (the only way in)
//! inbound  SignalRequest  -> SessionCommand        (pure)
//! outbound Event          -> SignalResponse        (pure)
//! session  the task: read, ask, write, ping        (the only async part)
//! ```
//!
//! `/rtc/v1` clients use one peer connection both ways and always offer; `/rtc` clients use two
//! and are offered the second. Supported messages and deviations: `docs/doors/livekit.md`.

mod accept;
pub(crate) mod convert;
mod error;
mod frames;
mod inbound;
mod outbound;
mod seat;
mod session;

pub use accept::routes;
