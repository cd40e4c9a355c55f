//! The examples of RFC 5769: what others write is read, and what is written is what others read.
#![allow(clippy::unwrap_used, clippy::panic)]

use aws_lc_rs::hmac;
use md5::{Digest, Md5};
use tandem_wire::stun::{Builder, Class, Message, Method, TransactionId, attribute};

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn sha1(key: &[u8], pieces: &[&[u8]]) -> [u8; 20] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key));
    pieces.iter().for_each(|piece| context.update(piece));
    context.sign().as_ref().try_into().unwrap()
}

fn proved(message: &Message<'_>, key: &[u8]) -> bool {
    let (header, covered, proof) = message.integrity().unwrap();
    sha1(key, &[&header, covered]) == proof
}

const ID: TransactionId = TransactionId([0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae]);
const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";

#[test]
fn a_request() {
    let sample = bytes(
        "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9b1
         51263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf",
    );
    let message = Message::parse(&sample).unwrap();
    assert_eq!((message.class, message.method, message.id), (Class::Request, Some(Method::Binding), ID));
    assert_eq!(message.text(attribute::USERNAME), Some("evtj:h6vY"));
    assert_eq!(message.fingerprint(), Some(true));
    assert!(proved(&message, PASSWORD) && !proved(&message, b"another"));
    assert_eq!(message.get(attribute::FINGERPRINT), None, "what follows the proof does not count");
    for cut in 0..sample.len() {
        assert!(Message::parse(&sample[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn answers_with_addresses() {
    for (sample, address) in [
        (
            "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643000800142b91f599
             fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96",
            "192.0.2.1:32853",
        ),
        (
            "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9faa5d3f179bc25f4b5
             bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c",
            "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
        ),
    ] {
        let sample = bytes(sample);
        let message = Message::parse(&sample).unwrap();
        let address = address.parse().unwrap();
        assert_eq!(message.address(attribute::XOR_MAPPED_ADDRESS), Some(address));
        assert!(proved(&message, PASSWORD));
        assert_eq!(message.fingerprint(), Some(true));
        let mut ours = Vec::new();
        let _ = Builder::new(&mut ours, Class::Success, Method::Binding, ID)
            .attribute(attribute::SOFTWARE, b"test vector")
            .address(attribute::XOR_MAPPED_ADDRESS, address)
            .integrity(|covered| sha1(PASSWORD, &[covered]))
            .fingerprint();
        // The sample pads with spaces, we with zeros: the same message but for what proves those bytes.
        assert_eq!(ours.len(), sample.len());
        assert_eq!(ours[36..ours.len() - 32], sample[36..sample.len() - 32]);
        assert!(proved(&Message::parse(&ours).unwrap(), PASSWORD));
        assert_eq!(Message::parse(&ours).unwrap().fingerprint(), Some(true));
    }
}

#[test]
fn long_term_credentials() {
    let sample = bytes(
        "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b900000015001c662f2f3439396b39
         353464364f4c33346f4c39465354767936347341001400 0b6578616d706c652e6f72670000080014f67024656dd64a3e02b8e0712e85c9a2
         8ca89666",
    );
    let message = Message::parse(&sample).unwrap();
    let user = message.text(attribute::USERNAME).unwrap();
    let realm = message.text(attribute::REALM).unwrap();
    assert_eq!((user, realm), ("マトリックス", "example.org"));
    assert!(proved(&message, &Md5::digest(format!("{user}:{realm}:TheMatrIX"))));
    assert_eq!(message.fingerprint(), None);
}
