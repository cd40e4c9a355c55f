//! The hall of the house: the words every door and every room share.
//!
//! This crate holds names, ids, grants, commands, events, codes and limits. It knows no wire
//! format, no socket, no clock and no other crate of the workspace. A door turns bytes into a
//! [`Command`], a room answers with a [`Reply`] and with [`Event`]s, and the door turns those back
//! into bytes.
//!
//! ```
//! use tandem_core::{Identity, RoomName};
//! let room: RoomName = "demo".parse()?;
//! let ana: Identity = "ana".parse()?;
//! assert_eq!((room.as_str(), ana.as_str()), ("demo", "ana"));
//! # Ok::<(), tandem_core::NameError>(())
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod code;
mod command;
mod event;
mod grant;
mod info;
mod limits;
mod name;
mod redact;
mod sid;

pub use code::{Code, Reject};
pub use command::*;
pub use event::*;
pub use grant::{Grant, ParticipantKind, Permissions};
pub use info::*;
pub use limits::Limits;
pub use name::{Identity, NameError, RoomName};
pub use redact::Redacted;
pub use sid::{SessionId, Sid, SidGenerator};
