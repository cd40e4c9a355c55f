//! Messages only the browser can read: `aes128gcm` with keys of the subscription (RFC 8291).

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};

/// One record holds the whole message; what is said of its size, bytes.
const RECORD_BYTES: u32 = 4096;
/// Longest message, so that the record fits what every push service takes.
pub(super) const MESSAGE_BYTES: usize = 3000;

/// Keys of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Keys {
    /// `p256dh`: an uncompressed point, 65 bytes.
    pub(super) public: Vec<u8>,
    /// `auth`: 16 bytes.
    pub(super) auth: Vec<u8>,
}

struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

/// The body of a push request. `None` if the subscription's keys are none.
pub(super) fn encrypt(message: &[u8], keys: &Keys) -> Option<Vec<u8>> {
    let ours = PrivateKey::generate(&ECDH_P256).ok()?;
    encrypt_with(message, keys, &ours, rand::random())
}

fn encrypt_with(message: &[u8], keys: &Keys, ours: &PrivateKey, salt: [u8; 16]) -> Option<Vec<u8>> {
    if message.len() > MESSAGE_BYTES || keys.auth.len() != 16 {
        return None;
    }
    let our_public = ours.compute_public_key().ok()?;
    let their_public = UnparsedPublicKey::new(&ECDH_P256, &keys.public);
    let mut secret = Vec::new();
    agree(ours, their_public, (), |shared| {
        secret.extend_from_slice(shared);
        Ok(())
    })
    .ok()?;
    // Section 3.4: the secret is bound to both keys and to what only the browser and we know.
    let info = [b"WebPush: info\0".as_slice(), &keys.public, our_public.as_ref()];
    let input = derive(&keys.auth, &secret, &info, 32)?;
    let content_key = derive(&salt, &input, &[b"Content-Encoding: aes128gcm\0"], 16)?;
    let nonce = derive(&salt, &input, &[b"Content-Encoding: nonce\0"], 12)?;

    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &content_key).ok()?);
    let nonce = Nonce::try_assume_unique_for_key(&nonce).ok()?;
    // A single record is the last one (RFC 8188, section 2).
    let mut record = [message, &[2]].concat();
    key.seal_in_place_append_tag(nonce, Aad::empty(), &mut record).ok()?;

    let id = our_public.as_ref();
    let mut body = salt.to_vec();
    body.extend_from_slice(&RECORD_BYTES.to_be_bytes());
    body.push(u8::try_from(id.len()).ok()?);
    body.extend_from_slice(id);
    body.append(&mut record);
    Some(body)
}

fn derive(salt: &[u8], input: &[u8], info: &[&[u8]], length: usize) -> Option<Vec<u8>> {
    let key = Salt::new(HKDF_SHA256, salt).extract(input);
    let mut out = vec![0; length];
    key.expand(info, Bytes(length)).ok()?.fill(&mut out).ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;

    /// The example of RFC 8291, section 5 and appendix A.
    #[test]
    fn the_example_of_the_rfc() {
        let keys = Keys {
            public: B64
                .decode("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4")
                .unwrap(),
            auth: B64.decode("BTBZMqHH6r4Tts7J_aSIgg").unwrap(),
        };
        let private = B64.decode("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw").unwrap();
        let ours = PrivateKey::from_private_key(&ECDH_P256, &private).unwrap();
        let salt: [u8; 16] = B64.decode("DGv6ra1nlYgDCS1FRnbzlw").unwrap().try_into().unwrap();
        let body = encrypt_with(b"When I grow up, I want to be a watermelon", &keys, &ours, salt).unwrap();
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(B64.encode(body), expected);
    }

    #[test]
    fn what_is_no_key_or_too_long_is_refused() {
        let keys = Keys { public: vec![4; 65], auth: vec![0; 16] };
        assert!(encrypt(b"x", &keys).is_none());
        let keys = Keys { public: Vec::new(), auth: vec![0; 15] };
        assert!(encrypt(b"x", &keys).is_none());
    }
}
