//! LiveKit data packets, handled as bytes.
//!
//! Decoding and encoding again would lose fields that this build does not know, and newer clients
//! talk through older servers all the time. So a packet is read field by field, the few fields that
//! the server owns are replaced, and everything else is copied as it came.
//!
//! ```
//! use tandem_wire::data_packet::{DataPacketView, PacketKind, Sender, restamp};
//! let packet = [0x12, 0x03, 0x12, 0x01, b'x']; // user { payload: "x" }
//! assert_eq!(DataPacketView::parse(&packet)?.value, PacketKind::User);
//! let stamped = restamp(&packet, &Sender { sid: "PA_1", identity: "ana" }, false)?;
//! assert!(stamped.windows(3).any(|w| w == b"ana"));
//! # Ok::<(), tandem_wire::data_packet::DataPacketError>(())
//! ```

mod fields;

use fields::{Field, FieldError, Fields, put_bytes, put_message, put_uint};

/// Destinations read from one packet; more are refused.
const MAX_DESTINATIONS: usize = 4096;

/// What a packet carries (the `value` oneof of `livekit.DataPacket`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum PacketKind {
    User,
    Speaker,
    SipDtmf,
    Transcription,
    Metrics,
    ChatMessage,
    RpcRequest,
    RpcAck,
    RpcResponse,
    StreamHeader,
    StreamChunk,
    StreamTrailer,
    Encrypted,
    /// A member newer than this build, or none.
    Unknown,
}

// Field numbers of `livekit.DataPacket`, then of `livekit.UserPacket`.
const KIND: u32 = 1;
const USER: u32 = 2;
const PARTICIPANT_IDENTITY: u32 = 4;
const DESTINATIONS: u32 = 5;
const SEQUENCE: u32 = 16;
const PARTICIPANT_SID: u32 = 17;
const USER_SID: u32 = 1;
const USER_PAYLOAD: u32 = 2;
const USER_DESTINATION_SIDS: u32 = 3;
const USER_TOPIC: u32 = 4;
const USER_IDENTITY: u32 = 5;
const USER_DESTINATIONS: u32 = 6;

impl PacketKind {
    fn from_field(number: u32) -> Option<Self> {
        Some(match number {
            2 => Self::User,
            3 => Self::Speaker,
            6 => Self::SipDtmf,
            7 => Self::Transcription,
            8 => Self::Metrics,
            9 => Self::ChatMessage,
            10 => Self::RpcRequest,
            11 => Self::RpcAck,
            12 => Self::RpcResponse,
            13 => Self::StreamHeader,
            14 => Self::StreamChunk,
            15 => Self::StreamTrailer,
            18 => Self::Encrypted,
            _ => return None,
        })
    }
}

/// Why bytes are not a data packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DataPacketError {
    /// Not protobuf.
    #[error("the data packet is not well-formed protobuf")]
    Malformed,
    /// A name is not UTF-8.
    #[error("a name in the data packet is not UTF-8")]
    Text,
    /// More destinations than any room has participants.
    #[error("the data packet names more than {MAX_DESTINATIONS} destinations")]
    TooManyDestinations,
}

impl From<FieldError> for DataPacketError {
    fn from(_: FieldError) -> Self {
        Self::Malformed
    }
}

/// What the server must know of a packet to route it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataPacketView {
    /// What it carries.
    pub value: PacketKind,
    /// Receivers by identity, outer and inner together; none of both kinds means everyone.
    pub destination_identities: Vec<String>,
    /// Receivers by participant id (old clients).
    pub destination_sids: Vec<String>,
    /// Number of a reliable packet, 0 if unnumbered.
    pub sequence: u32,
}

impl DataPacketView {
    /// Reads a packet. O(bytes); allocates for destinations only.
    ///
    /// # Errors
    /// The bytes are not a well-formed packet within bounds.
    pub fn parse(data: &[u8]) -> Result<Self, DataPacketError> {
        let mut view = Self {
            value: PacketKind::Unknown,
            destination_identities: Vec::new(),
            destination_sids: Vec::new(),
            sequence: 0,
        };
        for field in Fields::new(data) {
            let field = field?;
            match field.number {
                DESTINATIONS => push(&mut view.destination_identities, &field)?,
                SEQUENCE => view.sequence = field.uint32()?,
                number => {
                    if let Some(kind) = PacketKind::from_field(number) {
                        view.value = kind;
                        if kind == PacketKind::User {
                            view.read_user(field.bytes()?)?;
                        }
                    }
                }
            }
        }
        Ok(view)
    }

    fn read_user(&mut self, data: &[u8]) -> Result<(), DataPacketError> {
        for field in Fields::new(data) {
            let field = field?;
            match field.number {
                USER_DESTINATIONS => push(&mut self.destination_identities, &field)?,
                USER_DESTINATION_SIDS => push(&mut self.destination_sids, &field)?,
                _ => {}
            }
        }
        Ok(())
    }
}

fn push(list: &mut Vec<String>, field: &Field<'_>) -> Result<(), DataPacketError> {
    if list.len() >= MAX_DESTINATIONS {
        return Err(DataPacketError::TooManyDestinations);
    }
    let text = std::str::from_utf8(field.bytes()?).map_err(|_| DataPacketError::Text)?;
    if !list.iter().any(|known| known == text) {
        list.push(text.to_owned());
    }
    Ok(())
}

/// Who a packet is from; empty strings for somebody hidden.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// Participant id.
    pub sid: &'a str,
    /// Identity.
    pub identity: &'a str,
}

/// The packet with its sender replaced by the authenticated one. User packets carry sender and
/// destinations inside as well, for old clients; both places are kept in step. With
/// `keep_identity` an identity the sender set itself stays (agents speak for others).
///
/// # Errors
/// The bytes are not a well-formed packet within bounds.
pub fn restamp(data: &[u8], sender: &Sender<'_>, keep_identity: bool) -> Result<Vec<u8>, DataPacketError> {
    let view = DataPacketView::parse(data)?;
    let mut out = Vec::with_capacity(data.len() + 64);
    let mut own_identity: &[u8] = &[];
    for field in Fields::new(data) {
        let field = field?;
        match field.number {
            PARTICIPANT_IDENTITY => own_identity = field.bytes()?,
            PARTICIPANT_SID | DESTINATIONS => {}
            USER => put_message(&mut out, USER, &restamp_user(field.bytes()?, sender, &view)?),
            _ => out.extend_from_slice(field.raw),
        }
    }
    let identity = if keep_identity && !own_identity.is_empty() { own_identity } else { sender.identity.as_bytes() };
    put_bytes(&mut out, PARTICIPANT_IDENTITY, identity);
    for destination in &view.destination_identities {
        put_bytes(&mut out, DESTINATIONS, destination.as_bytes());
    }
    put_bytes(&mut out, PARTICIPANT_SID, sender.sid.as_bytes());
    Ok(out)
}

fn restamp_user(data: &[u8], sender: &Sender<'_>, view: &DataPacketView) -> Result<Vec<u8>, DataPacketError> {
    let mut out = Vec::with_capacity(data.len() + 64);
    for field in Fields::new(data) {
        let field = field?;
        if !matches!(field.number, USER_SID | USER_IDENTITY | USER_DESTINATIONS) {
            out.extend_from_slice(field.raw);
        }
    }
    put_bytes(&mut out, USER_SID, sender.sid.as_bytes());
    put_bytes(&mut out, USER_IDENTITY, sender.identity.as_bytes());
    for destination in &view.destination_identities {
        put_bytes(&mut out, USER_DESTINATIONS, destination.as_bytes());
    }
    Ok(out)
}

/// A user packet from the server itself, without a sender.
#[must_use]
pub fn server_user_packet(
    payload: &[u8],
    reliable: bool,
    topic: Option<&str>,
    identities: &[String],
    sids: &[String],
) -> Vec<u8> {
    let mut user = Vec::with_capacity(payload.len() + 64);
    put_bytes(&mut user, USER_PAYLOAD, payload);
    for sid in sids {
        put_bytes(&mut user, USER_DESTINATION_SIDS, sid.as_bytes());
    }
    if let Some(topic) = topic {
        put_message(&mut user, USER_TOPIC, topic.as_bytes());
    }
    for identity in identities {
        put_bytes(&mut user, USER_DESTINATIONS, identity.as_bytes());
    }
    let mut out = Vec::with_capacity(user.len() + 16);
    put_uint(&mut out, KIND, u64::from(!reliable));
    put_message(&mut out, USER, &user);
    for identity in identities {
        put_bytes(&mut out, DESTINATIONS, identity.as_bytes());
    }
    out
}
