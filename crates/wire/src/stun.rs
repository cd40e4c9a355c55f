//! Just enough STUN (RFC 8489) to find the owner of a datagram: no allocation, no verification.

/// Bytes of the header before the attributes.
const HEADER: usize = 20;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const USERNAME: u16 = 0x0006;

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
