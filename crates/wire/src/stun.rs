//! STUN (RFC 8489): finding the owner of a datagram without looking closer, and whole messages for
//! the server that answers them ([`Message`], [`Builder`]).

mod address;
mod build;
mod message;

pub use build::Builder;
pub use message::{Attribute, Class, Malformed, Message, Method, TransactionId};

/// Bytes of the header before the attributes.
const HEADER: usize = 20;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const USERNAME: u16 = attribute::USERNAME;
/// What a fingerprint is combined with (RFC 8489 §14.7).
const FINGERPRINT_XOR: u32 = 0x5354_554e;
/// Bytes of a MESSAGE-INTEGRITY value: HMAC-SHA1.
const INTEGRITY: usize = 20;

/// Numbers of attributes (RFC 8489 §18.3, RFC 8656 §18).
#[allow(missing_docs)] // the RFCs' names
pub mod attribute {
    pub const USERNAME: u16 = 0x0006;
    pub const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub const ERROR_CODE: u16 = 0x0009;
    pub const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
    pub const CHANNEL_NUMBER: u16 = 0x000c;
    pub const LIFETIME: u16 = 0x000d;
    pub const XOR_PEER_ADDRESS: u16 = 0x0012;
    pub const DATA: u16 = 0x0013;
    pub const REALM: u16 = 0x0014;
    pub const NONCE: u16 = 0x0015;
    pub const XOR_RELAYED_ADDRESS: u16 = 0x0016;
    pub const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
    pub const EVEN_PORT: u16 = 0x0018;
    pub const REQUESTED_TRANSPORT: u16 = 0x0019;
    pub const DONT_FRAGMENT: u16 = 0x001a;
    pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub const RESERVATION_TOKEN: u16 = 0x0022;
    pub const ADDITIONAL_ADDRESS_FAMILY: u16 = 0x8000;
    pub const ADDRESS_ERROR_CODE: u16 = 0x8001;
    pub const SOFTWARE: u16 = 0x8022;
    pub const FINGERPRINT: u16 = 0x8028;
}

/// Whether a datagram is a STUN message: first byte 0 to 3 (RFC 7983), magic cookie, and a length
/// that is a multiple of four and fits the datagram.
#[must_use]
pub fn is_stun(data: &[u8]) -> bool {
    attributes(data).is_some()
}

/// The receiver's ICE user fragment: what stands before the colon of USERNAME (RFC 8445 §7.2.2).
/// Only checks from the other side carry one; responses do not.
#[must_use]
pub fn local_ufrag(data: &[u8]) -> Option<&str> {
    let mut rest = attributes(data)?;
    while let Some((head, body)) = rest.split_first_chunk::<4>() {
        let [t0, t1, l0, l1] = *head;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        if u16::from_be_bytes([t0, t1]) == USERNAME {
            let name = std::str::from_utf8(body.get(..length)?).ok()?;
            return name.split_once(':').map(|(local, _)| local).filter(|local| !local.is_empty());
        }
        rest = body.get(length.next_multiple_of(4)..)?;
    }
    None
}

fn attributes(data: &[u8]) -> Option<&[u8]> {
    let (header, body) = data.split_first_chunk::<HEADER>()?;
    let [kind, _, l0, l1, c0, c1, c2, c3, ..] = *header;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    let fits = kind < 4 && [c0, c1, c2, c3] == MAGIC_COOKIE && length.is_multiple_of(4);
    body.get(..length).filter(|_| fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(attributes: &[u8]) -> Vec<u8> {
        let mut m = vec![0, 1, 0, u8::try_from(attributes.len()).unwrap_or(0)];
        m.extend(MAGIC_COOKIE);
        m.extend([7; 12]);
        m.extend(attributes);
        m
    }

    #[test]
    fn finds_the_fragment_behind_other_attributes() {
        let m = message(b"\x00\x24\x00\x04\x01\x02\x03\x04\x00\x06\x00\x09abcd:wxyz\x00\x00\x00");
        assert!(is_stun(&m));
        assert_eq!(local_ufrag(&m), Some("abcd"));
    }

    #[test]
    fn refuses_what_is_none() {
        let good = message(b"\x00\x06\x00\x05ab:cd\x00\x00\x00");
        assert_eq!(local_ufrag(&good), Some("ab"));
        for cut in 0..good.len() {
            assert_eq!(local_ufrag(&good[..cut]), None, "cut at {cut}");
        }
        let mut rtp = good.clone();
        rtp[0] = 0x80;
        assert!(!is_stun(&rtp));
        let mut cookie = good;
        cookie[5] = 0;
        assert!(!is_stun(&cookie));
        assert_eq!(local_ufrag(&message(b"\x00\x06\x00\x04abcd")), None, "no colon");
        assert_eq!(local_ufrag(&message(b"\x00\x06\xff\xffabcd")), None, "longer than the message");
        assert!(is_stun(&message(b"")));
    }
}
