//! Bytes to structs and back, without policy.
//!
//! Everything a door or a room reads from the network passes through here first: LiveKit signal
//! and data messages, SDP, RTP payload descriptors, STUN, framing. Each function is bounded in
//! time and memory by the size of its input, takes hostile bytes, and answers with a value or a
//! typed error. Nothing here opens a socket, reads a clock or decides who may do what.
//!
//! ```
//! use tandem_wire::rtp::{VideoCodec, is_keyframe};
//! assert!(is_keyframe(VideoCodec::H264, &[0x65, 0x88]));
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

pub mod centrifuge;
pub mod data_packet;
pub mod data_track;
pub mod files;
pub mod fossil;
pub mod livekit;
pub mod peerjs;
pub mod rfc4571;
pub mod rtp;
pub mod sdp;
pub mod stun;
pub mod topics;
pub mod websocket;
