//! Doors: one protocol each, all speaking the words of `tandem-core` to the rooms.

pub mod livekit;
