//! The message plane: channels with history and presence, the threads that own the connections of
//! their subscribers, and the disk that makes publications last.
//!
//! ```text
//! door ─▶ Desk (one per loop) ─▶ Plane ─▶ lane (lock) ─▶ Channel::publish ─▶ Delivery
//!            ▲                                                  │ disk: store ─▶ commit
//!            └────────── mail to each loop with subscribers ◀───┘
//! ```

mod durable;
mod mail;
mod operate;
mod plane;
mod start;
mod stats;
mod users;

pub use mail::{Hello, Mail, Waiter};
pub use operate::{Act, Extra, Listed, Operation, ServerSub, Whose};
pub use plane::{Plane, Subscribed, Subscriber};
pub use start::{ChannelParts, StartError, start};
pub use stats::{Counted, PlaneStats};
pub use users::{Deed, Entry};
