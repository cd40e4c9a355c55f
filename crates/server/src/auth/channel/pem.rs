//! Public keys as PEM text (RFC 7468) with a SubjectPublicKeyInfo (RFC 5280, 4.1) or, for RSA, a
//! PKCS #1 key (RFC 8017, A.1.1) inside.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Why text is no key that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum PemFault {
    #[error("it is no PEM: -----BEGIN PUBLIC KEY-----, base64, -----END PUBLIC KEY-----")]
    NotPem,
    #[error("it is a private key; only the public half belongs here")]
    Private,
    #[error("the key inside cannot be read")]
    Malformed,
    #[error("the key is of a kind that tokens here are not signed with")]
    Kind,
}

/// A public key, as the cryptography wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PublicKey {
    /// Modulus and exponent, DER.
    Rsa(Vec<u8>),
    /// A point on P-256, uncompressed.
    P256(Vec<u8>),
    /// A point on P-384, uncompressed.
    P384(Vec<u8>),
    /// Ed25519.
    Ed25519(Vec<u8>),
}

const SEQUENCE: u8 = 0x30;
const OBJECT: u8 = 0x06;
const BITS: u8 = 0x03;

/// Object identifiers, without tag and length.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// Reads a public key.
pub(super) fn public_key(text: &str) -> Result<PublicKey, PemFault> {
    // Environment variables and one-line YAML hold line breaks as two characters.
    let text = text.replace("\\n", "\n");
    let (_, rest) = text.split_once("-----BEGIN ").ok_or(PemFault::NotPem)?;
    let (label, rest) = rest.split_once("-----").ok_or(PemFault::NotPem)?;
    if label.ends_with("PRIVATE KEY") {
        return Err(PemFault::Private);
    }
    let (body, _) = rest.split_once("-----END ").ok_or(PemFault::NotPem)?;
    let body: String = body.chars().filter(|letter| !letter.is_whitespace()).collect();
    let der = STANDARD.decode(body).map_err(|_| PemFault::NotPem)?;
    match label {
        "RSA PUBLIC KEY" => {
            element(&der, SEQUENCE).ok_or(PemFault::Malformed)?;
            Ok(PublicKey::Rsa(der))
        }
        "PUBLIC KEY" => key_info(&der).ok_or(PemFault::Malformed)?.ok_or(PemFault::Kind),
        _ => Err(PemFault::NotPem),
    }
}

/// The inner `None` is a key of a kind we do not use.
fn key_info(der: &[u8]) -> Option<Option<PublicKey>> {
    let (info, _) = element(der, SEQUENCE)?;
    let (algorithm, rest) = element(info, SEQUENCE)?;
    let (bits, _) = element(rest, BITS)?;
    // The first byte counts unused bits: keys have none.
    let key = bits.strip_prefix(&[0])?.to_vec();
    let (kind, parameters) = element(algorithm, OBJECT)?;
    Some(match kind {
        RSA => Some(PublicKey::Rsa(key)),
        ED25519 => Some(PublicKey::Ed25519(key)),
        EC => match element(parameters, OBJECT)?.0 {
            P256 => Some(PublicKey::P256(key)),
            P384 => Some(PublicKey::P384(key)),
            _ => None,
        },
        _ => None,
    })
}

/// What is in the element at the start, if its tag is this one, and what follows it (X.690, 8.1).
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = der.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (bytes.iter().fold(0, |all, byte| (all << 8) | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    (first == tag).then(|| rest.split_at_checked(length)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_every_kind() {
        let rsa = public_key(include_str!("fixtures/rsa.pub.pem"));
        assert!(matches!(&rsa, Ok(PublicKey::Rsa(_))));
        assert_eq!(public_key(include_str!("fixtures/rsa1.pub.pem")), rsa);
        let p256 = include_str!("fixtures/p256.pub.pem");
        assert!(matches!(public_key(p256), Ok(PublicKey::P256(point)) if point.len() == 65));
        assert!(matches!(public_key(&p256.replace('\n', "\\n")), Ok(PublicKey::P256(_))));
        assert!(matches!(public_key(include_str!("fixtures/p384.pub.pem")), Ok(PublicKey::P384(p)) if p.len() == 97));
        assert!(matches!(public_key(include_str!("fixtures/ed.pub.pem")), Ok(PublicKey::Ed25519(k)) if k.len() == 32));
        assert_eq!(public_key(include_str!("fixtures/p521.pub.pem")), Err(PemFault::Kind));
        assert_eq!(public_key(include_str!("fixtures/ed.key.pem")), Err(PemFault::Private));
    }

    #[test]
    fn what_is_no_key() {
        assert_eq!(public_key(""), Err(PemFault::NotPem));
        assert_eq!(public_key("-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----"), Err(PemFault::NotPem));
        let text = include_str!("fixtures/p256.pub.pem");
        let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(body).unwrap_or_default();
        for end in 0..der.len() {
            let short = STANDARD.encode(&der[..end]);
            let pem = format!("-----BEGIN PUBLIC KEY-----\n{short}\n-----END PUBLIC KEY-----");
            assert_eq!(public_key(&pem), Err(PemFault::Malformed), "{end}");
        }
    }
}
