//! Doors: one protocol each, all speaking the words of `tandem-core` to the rooms.

pub mod admin;
pub mod api;
pub mod centrifuge;
pub mod echo;
mod goodbye;
pub mod livekit;
pub mod rendezvous;
pub mod transfer;
pub mod twirp;
mod upgrade;
