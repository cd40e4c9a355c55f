//! WebSocket (RFC 6455) with permessage-deflate (RFC 7692), the server's side, without IO.
//!
//! Made for many mostly idle connections: a [`Decoder`] at rest holds no memory of its own, and
//! frames for sending are plain bytes that many connections share. Neither side keeps a
//! compression context from one message to the next, so one [`Inflater`] and one [`Deflater`]
//! serve all connections of a thread, and a message for many is compressed once.

mod decode;
mod deflate;
mod encode;
mod error;
mod extensions;
mod handshake;
mod head;
mod mask;
#[cfg(test)]
mod tests;
mod utf8;

pub use decode::{Decoder, DecoderOptions, Event};
pub use deflate::{Deflater, Inflater};
pub use encode::{Header, Opcode, close_frame, encode, encode_compressed, header, ping_frame, pong_frame};
pub use error::ProtocolError;
pub use handshake::{Accepted, DeflateParams, HandshakeError, Offer, choose, handshake};
