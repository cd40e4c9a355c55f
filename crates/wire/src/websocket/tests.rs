use super::*;

fn client(fin: bool, rsv1: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![u8::from(fin) << 7 | u8::from(rsv1) << 6 | opcode];
    match payload.len() {
        n @ 0..126 => out.push(0x80 | u8::try_from(n).unwrap()),
        n @ 126..65_536 => {
            out.push(0x80 | 126);
            out.extend(u16::try_from(n).unwrap().to_be_bytes());
        }
        n => {
            out.push(0x80 | 127);
            out.extend((n as u64).to_be_bytes());
        }
    }
    let mask = [7, 1, 200, 99];
    out.extend(mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b));
    out
}

fn decoder(max: usize) -> Decoder {
    Decoder::new(DecoderOptions { max_message_bytes: max, max_inflated_bytes: max * 10, deflate: true })
}

/// Feeds bytes in pieces of a size; events, and the close code of an error.
fn read(bytes: &[u8], piece: usize, max: usize) -> (Vec<Event>, Option<u16>) {
    let (mut decoder, mut inflater, mut events) = (decoder(max), Inflater::new(), Vec::new());
    for piece in bytes.to_vec().chunks_mut(piece) {
        if let Err(error) = decoder.feed(piece, &mut inflater, &mut |event| events.push(event)) {
            return (events, Some(error.code()));
        }
    }
    (events, None)
}

#[test]
fn messages_in_any_pieces() {
    for size in [0, 1, 7, 125, 126, 127, 65_535, 65_536, 100_000] {
        let payload: Vec<u8> = (0..size).map(|i| u8::try_from(i % 251).unwrap()).collect();
        let bytes = [client(true, false, 2, &payload), client(true, false, 1, "héllo".as_bytes())].concat();
        let expected = vec![Event::Binary(payload.into()), Event::Text("héllo".into())];
        for piece in [1, 2, 3, 5, 13, 1000, 1_000_000] {
            assert_eq!(read(&bytes, piece, 200_000), (expected.clone(), None), "{size} in {piece}");
        }
    }
}

#[test]
fn fragments_with_a_ping_between() {
    let bytes = [
        client(false, false, 1, "h\u{e9}".as_bytes().get(..2).unwrap()),
        client(true, false, 9, b"are you there"),
        client(false, false, 0, &[0xa9]),
        client(true, false, 0, b"!"),
    ]
    .concat();
    let expected = vec![Event::Ping("are you there".into()), Event::Text("hé!".into())];
    for piece in [1, 4, 100] {
        assert_eq!(read(&bytes, piece, 100), (expected.clone(), None));
    }
}

#[test]
fn what_breaks_the_protocol() {
    let mut unmasked = client(true, false, 1, b"x");
    unmasked[1] &= 0x7f;
    let endless = [&[0x82, 0xff], &u64::MAX.to_be_bytes()[..], &[0; 4]].concat();
    let huge = [&[0x82, 0xff], &(u64::MAX >> 1).to_be_bytes()[..], &[0; 4]].concat();
    for (bytes, code) in [
        (unmasked, 1002),
        (client(true, false, 3, b""), 1002),
        (client(true, false, 11, b""), 1002),
        (client(false, false, 9, b""), 1002),
        (client(true, false, 9, &[0; 126]), 1002),
        (client(true, false, 0, b""), 1002),
        (client(true, true, 9, b""), 1002),
        ([client(false, false, 1, b""), client(true, false, 1, b"")].concat(), 1002),
        (vec![0xa1], 1002),
        (client(true, false, 8, &[3]), 1002),
        (client(true, false, 8, &1005_u16.to_be_bytes()), 1002),
        (client(true, false, 8, &999_u16.to_be_bytes()), 1002),
        (client(true, false, 8, &2000_u16.to_be_bytes()), 1002),
        (client(true, false, 8, &[0x03, 0xe8, 0xff]), 1007),
        (client(true, false, 1, &[0xff]), 1007),
        (client(true, false, 1, &[0xe2, 0x82]), 1007),
        (client(false, false, 1, &[0xf4, 0x90]), 1007),
        (client(true, false, 2, &[0; 200]), 1009),
        ([client(false, false, 2, &[0; 60]), client(false, false, 0, &[0; 60])].concat(), 1009),
        (huge, 1009),
        (endless, 1002),
        (client(true, true, 2, &[0xff, 0xff, 0xff]), 1007),
    ] {
        for piece in [1, 1000] {
            assert_eq!(read(&bytes, piece, 100).1, Some(code), "{bytes:?}");
        }
    }
    // Nothing is read after the end.
    let bytes = [client(true, false, 8, &[0x03, 0xe8]), client(true, false, 1, b"late")].concat();
    assert_eq!(read(&bytes, 100, 100).0, [Event::Close { code: Some(1000), reason: String::new() }]);
}

#[test]
fn compressed_messages() {
    let text = "the same words and the same words and the same words again ".repeat(20);
    let pressed = Deflater::new(1).deflate_message(text.as_bytes(), DeflateParams::FULL).unwrap();
    assert!(pressed.len() < text.len() / 4);
    let (first, second) = pressed.split_at(pressed.len() / 2);
    for bytes in [
        client(true, true, 1, &pressed),
        [client(false, true, 1, first), client(true, false, 0, second)].concat(),
        [client(true, true, 1, &pressed), client(true, true, 1, &pressed)].concat(),
    ] {
        let (events, error) = read(&bytes, 33, 4000);
        assert_eq!(error, None);
        assert!(events.iter().all(|event| *event == Event::Text(text.clone().into())));
    }
    let bomb = Deflater::new(9).deflate_message(&vec![0; 1_000_000], DeflateParams::FULL).unwrap();
    assert!(bomb.len() < 2000);
    assert_eq!(read(&client(true, true, 2, &bomb), 1000, 2000).1, Some(1009));
    assert!(Deflater::new(1).deflate_message(b"short", DeflateParams::FULL).is_none());
    assert!(Deflater::new(1).deflate_message(&(0..=255).collect::<Vec<u8>>(), DeflateParams::FULL).is_none());
    assert_eq!(read(&client(true, true, 2, b""), 1000, 100).0, [Event::Binary("".into())]);
}

#[test]
fn handshakes() {
    let offer = Offer { key: Some("dGhlIHNhbXBsZSBub25jZQ=="), version: Some("13"), extensions: "", deflate: true };
    assert_eq!(handshake(&offer).unwrap().accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(handshake(&Offer { version: Some("8"), ..offer }), Err(HandshakeError::Version));
    assert_eq!(handshake(&Offer { key: Some("c2hvcnQ="), ..offer }), Err(HandshakeError::Key));
    let sloppy = handshake(&Offer { key: Some("dGhlIHNhbXBsZSBub25jZR=="), ..offer });
    assert!(sloppy.is_ok(), "unused bits of the key are set");
    assert_eq!(handshake(&Offer { key: None, ..offer }), Err(HandshakeError::Key));
    let compressed = Offer { extensions: "permessage-deflate; server_max_window_bits=10", ..offer };
    let accepted = handshake(&compressed).unwrap();
    assert_eq!(accepted.deflate.map(DeflateParams::window_bits), Some(10));
    assert!(accepted.extensions.unwrap().ends_with("; server_max_window_bits=10"));
    let without = handshake(&Offer { deflate: false, ..compressed }).unwrap();
    assert_eq!((without.deflate, without.extensions), (None, None));
    assert_eq!(choose("a, centrifuge-protobuf", &["centrifuge-protobuf", "a"]), Some("a"));
    assert_eq!(choose("b", &["a"]), None);
}

#[test]
fn an_idle_decoder_is_small() {
    assert!(size_of::<Decoder>() <= 48);
}
