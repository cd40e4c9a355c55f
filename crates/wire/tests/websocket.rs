//! The WebSocket codec against a writer of clients' frames, in any pieces, and against garbage.

use proptest::prelude::*;
use tandem_wire::websocket::{
    Decoder, DecoderOptions, DeflateParams, Deflater, Event, Inflater, Offer, Opcode, choose, close_frame, encode,
    handshake,
};

const MAX: usize = 4096;
/// What a decoder holds besides the message.
const OTHER: usize = 512;

fn decoder() -> Decoder {
    Decoder::new(DecoderOptions { max_message_bytes: MAX, max_inflated_bytes: 4 * MAX, deflate: true })
}

/// A frame of a client.
#[derive(Debug, Clone)]
struct Frame {
    first: u8,
    mask: [u8; 4],
    payload: Vec<u8>,
}

impl Frame {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.first);
        let len = (self.payload.len() as u64).to_be_bytes();
        match self.payload.len() {
            0..126 => out.push(0x80 | len[7]),
            126..65_536 => {
                out.push(0xfe);
                out.extend(&len[6..]);
            }
            _ => {
                out.push(0xff);
                out.extend(len);
            }
        }
        out.extend(self.mask);
        out.extend(self.payload.iter().zip(self.mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    }
}

#[derive(Debug, Clone)]
struct Message {
    text: bool,
    payload: Vec<u8>,
    compress: bool,
    /// Where fragments end, as shares of the whole.
    cuts: Vec<prop::sample::Index>,
    /// After the first fragment.
    ping: Option<Vec<u8>>,
}

fn message() -> impl Strategy<Value = Message> {
    let binary = prop::collection::vec(any::<u8>(), 0..3000).prop_map(|payload| (false, payload));
    let text = any::<String>().prop_map(|text| (true, text.repeat(7).into_bytes()));
    let payload = prop_oneof![binary, text];
    let cuts = prop::collection::vec(any::<prop::sample::Index>(), 0..5);
    let ping = prop::option::of(prop::collection::vec(any::<u8>(), 0..=125));
    (payload, any::<bool>(), cuts, ping).prop_map(|((text, payload), compress, cuts, ping)| Message {
        text,
        payload,
        compress,
        cuts,
        ping,
    })
}

/// The frames of messages, and what must come of them.
fn frames(messages: &[Message], mask: [u8; 4]) -> (Vec<Frame>, Vec<Event>) {
    let (mut frames, mut events) = (Vec::new(), Vec::new());
    for message in messages {
        let pressed = Deflater::new(1).deflate_message(&message.payload, DeflateParams::FULL);
        let pressed = pressed.filter(|_| message.compress);
        let payload = pressed.as_ref().unwrap_or(&message.payload);
        let mut ends: Vec<usize> = message.cuts.iter().map(|cut| cut.index(payload.len() + 1)).collect();
        ends.sort_unstable();
        ends.push(payload.len());
        let mut begin = 0;
        for (index, end) in ends.iter().enumerate() {
            let opcode = if index > 0 { 0 } else { 2 - u8::from(message.text) };
            let rsv1 = u8::from(index == 0 && pressed.is_some()) << 6;
            let fin = u8::from(index + 1 == ends.len()) << 7;
            frames.push(Frame { first: fin | rsv1 | opcode, mask, payload: payload[begin..*end].to_vec() });
            begin = *end;
            if index + 1 == ends.len() {
                let whole = message.payload.clone().into();
                events.push(if message.text { Event::Text(whole) } else { Event::Binary(whole) });
            }
            if let Some(ping) = message.ping.clone().filter(|_| index == 0) {
                frames.push(Frame { first: 0x89, mask, payload: ping.clone() });
                events.push(Event::Ping(ping.into()));
            }
        }
    }
    (frames, events)
}

fn bytes_of(frames: &[Frame]) -> Vec<u8> {
    let mut bytes = Vec::new();
    frames.iter().for_each(|frame| frame.write(&mut bytes));
    bytes
}

/// What comes of bytes in pieces that end at these places; the close code if they are refused.
fn read(bytes: &[u8], cuts: &[prop::sample::Index]) -> (Vec<Event>, Option<u16>) {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    ends.sort_unstable();
    ends.push(bytes.len());
    let (mut decoder, mut inflater, mut events) = (decoder(), Inflater::new(), Vec::new());
    let mut begin = 0;
    for end in ends {
        let fed = decoder.feed(&mut bytes[begin..end].to_vec(), &mut inflater, &mut |event| events.push(event));
        begin = end;
        assert!(decoder.held_bytes() <= MAX + OTHER, "{} bytes are held", decoder.held_bytes());
        if let Err(error) = fed {
            assert_eq!(decoder.held_bytes(), 0);
            return (events, Some(error.code()));
        }
    }
    (events, None)
}

fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..20)
}

proptest! {
    #[test]
    fn any_fragments_in_any_pieces(messages in prop::collection::vec(message(), 0..5), mask: [u8; 4], cuts in cuts()) {
        let (frames, events) = frames(&messages, mask);
        prop_assert_eq!(read(&bytes_of(&frames), &cuts), (events, None));
    }

    #[test]
    fn nothing_is_held_between_messages(message in message(), mask: [u8; 4]) {
        let (mut decoder, mut inflater) = (decoder(), Inflater::new());
        for byte in bytes_of(&frames(&[message], mask).0) {
            prop_assert!(decoder.feed(&mut [byte], &mut inflater, &mut |_| ()).is_ok());
        }
        prop_assert_eq!(decoder.held_bytes(), 0);
    }

    #[test]
    fn garbage_is_the_same_garbage_in_any_pieces(bytes in prop::collection::vec(any::<u8>(), 0..300), cuts in cuts()) {
        prop_assert_eq!(read(&bytes, &cuts), read(&bytes, &[]));
    }

    #[test]
    fn frames_with_a_few_wrong_bytes(
        messages in prop::collection::vec(message(), 1..3),
        mask: [u8; 4],
        wrong in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cuts in cuts(),
    ) {
        let mut bytes = bytes_of(&frames(&messages, mask).0);
        for (place, byte) in wrong {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        prop_assert_eq!(read(&bytes, &cuts), read(&bytes, &[]));
    }

    #[test]
    fn headers_of_any_kind(first: u8, second: u8, rest in prop::collection::vec(any::<u8>(), 0..80), cuts in cuts()) {
        let bytes = [&[first, second | 0x80], &rest[..]].concat();
        let (events, code) = read(&bytes, &cuts);
        prop_assert!(events.len() <= bytes.len() / 6);
        prop_assert!(code.is_none_or(|code| matches!(code, 1002 | 1007 | 1009)));
    }

    /// A text is refused with the byte that no text can go on from.
    #[test]
    fn texts_fail_fast(good: String, bad in prop::collection::vec(any::<u8>(), 0..6), mask: [u8; 4]) {
        let payload = [good.as_bytes(), &bad].concat();
        let mut bytes = Vec::new();
        Frame { first: 0x81, mask, payload: payload.clone() }.write(&mut bytes);
        let head = bytes.len() - payload.len();
        let expected = match std::str::from_utf8(&payload) {
            Ok(_) => None,
            Err(error) => {
                let wrong = |end: &usize| std::str::from_utf8(&payload[..*end]).is_err_and(|error| error.error_len().is_some());
                let first = if error.error_len().is_some() { (0..=payload.len()).find(wrong).unwrap() } else { payload.len() };
                Some(head + first)
            }
        };
        let (mut decoder, mut inflater) = (decoder(), Inflater::new());
        let refused = bytes.iter().position(|byte| decoder.feed(&mut [*byte], &mut inflater, &mut |_| ()).is_err());
        prop_assert_eq!(refused.map(|place| place + 1), expected);
    }

    #[test]
    fn compressed_messages_round_trip(
        seed in prop::collection::vec(any::<u8>(), 1..2000),
        times in 1..8_usize,
        level in 1..=9_u32,
        bits in 8..=15_u8,
        mask: [u8; 4],
    ) {
        let offer = format!("permessage-deflate; server_max_window_bits={bits}");
        let offer = Offer { key: Some("AAAAAAAAAAAAAAAAAAAAAA=="), version: Some("13"), extensions: &offer, deflate: true };
        let params = handshake(&offer).unwrap().deflate.unwrap();
        let message = seed.repeat(times);
        let payload = Deflater::new(level).deflate_message(&message, params);
        if let Some(payload) = payload.filter(|payload| payload.len() <= MAX) {
            prop_assert!(payload.len() < message.len());
            let mut bytes = Vec::new();
            Frame { first: 0xc2, mask, payload }.write(&mut bytes);
            prop_assert_eq!(read(&bytes, &[]), (vec![Event::Binary(message.into())], None));
        }
    }

    #[test]
    fn handshakes_never_panic(key: String, extensions: String, protocols: String) {
        let offer = Offer { key: Some(&key), version: Some("13"), extensions: &extensions, deflate: true };
        let _ = handshake(&offer);
        let _ = choose(&protocols, &["a", "b"]);
    }

    #[test]
    fn close_frames_can_be_read(code in 3000..5000_u16, reason: String) {
        let mut frame = close_frame(code, &reason);
        // As a client would send it, with a mask that changes nothing.
        frame[1] |= 0x80;
        frame.splice(2..2, [0; 4]);
        let (events, error) = read(&frame, &[]);
        prop_assert_eq!(error, None);
        let [Event::Close { code: Some(read), reason: cut }] = &events[..] else { panic!("{events:?}") };
        prop_assert_eq!(*read, code);
        prop_assert!(reason.starts_with(cut.as_str()) && (cut.len() > 119 || *cut == reason));
    }

    #[test]
    fn frames_have_the_lengths_they_say(len in 0..70_000_usize) {
        let mut out = Vec::new();
        encode(Opcode::Binary, &vec![7; len], &mut out);
        let head = out.len() - len;
        prop_assert_eq!(head, match len { 0..126 => 2, 126..65_536 => 4, _ => 10 });
    }
}
