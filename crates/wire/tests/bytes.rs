//! Parsers of packets against hostile bytes and against writers.

use proptest::prelude::*;
use tandem_wire::livekit::{decode_join_request, decode_request, decode_request_json, params_v0, params_v1};
use tandem_wire::rfc4571::Decoder;
use tandem_wire::rtp::{Av1, VideoCodec, Vp8, Vp9, is_keyframe, red_primary, without_trailer};
use tandem_wire::{data_track, stun};

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..100)
}

/// Writes a descriptor with the fields that are there (RFC 7741 §4.2).
fn write_vp8(d: &Vp8) -> Vec<u8> {
    let start = if d.frame_start { 0x10 } else { 0x01 };
    let mut out = vec![0x80 | if d.discardable { 0x20 } else { 0 } | start];
    let flag = |there: bool, bit: u8| if there { bit } else { 0 };
    out.push(
        flag(d.picture_id.is_some(), 0x80)
            | flag(d.tl0_pic_idx.is_some(), 0x40)
            | flag(d.temporal_id.is_some(), 0x20)
            | flag(d.key_idx.is_some(), 0x10),
    );
    match d.picture_id {
        Some(id) if d.long_picture_id => out.extend((id | 0x8000).to_be_bytes()),
        Some(id) => out.push(id.to_be_bytes()[1]),
        None => {}
    }
    out.extend(d.tl0_pic_idx);
    if d.temporal_id.is_some() || d.key_idx.is_some() {
        out.push(d.temporal_id.unwrap_or(0) << 6 | flag(d.layer_sync, 0x20) | d.key_idx.unwrap_or(0));
    }
    out
}

fn vp8() -> impl Strategy<Value = Vp8> {
    let ids = (prop::option::of(0u16..0x8000), any::<bool>(), any::<Option<u8>>());
    let layers = (prop::option::of(0u8..4), any::<bool>(), prop::option::of(0u8..32));
    (ids, layers, any::<[bool; 3]>()).prop_map(|((id, long, tl0), (temporal_id, sync, key_idx), flags)| Vp8 {
        picture_id: id.map(|id| if long { id } else { id & 0x7f }),
        long_picture_id: long && id.is_some(),
        tl0_pic_idx: tl0,
        temporal_id,
        layer_sync: sync && temporal_id.is_some(),
        key_idx,
        discardable: flags[0],
        frame_start: flags[1],
        keyframe: flags[1] && flags[2],
        header_len: 0,
    })
}

proptest! {
    #[test]
    fn vp8_descriptors_round_trip(want in vp8()) {
        let mut payload = write_vp8(&want);
        let header_len = payload.len();
        payload.push(u8::from(!want.keyframe));
        prop_assert_eq!(Vp8::parse(&payload), Some(Vp8 { header_len, ..want }));
        prop_assert_eq!(is_keyframe(VideoCodec::Vp8, &payload), want.keyframe);
    }

    #[test]
    fn no_payload_panics(payload in bytes()) {
        for codec in [VideoCodec::Vp8, VideoCodec::Vp9, VideoCodec::H264, VideoCodec::Av1, VideoCodec::H265] {
            let _ = is_keyframe(codec, &payload);
        }
        prop_assert!(Vp8::parse(&payload).is_none_or(|d| d.header_len <= payload.len()));
        let _ = (Vp9::parse(&payload), Av1::parse(&payload));
        prop_assert!(red_primary(&payload).is_none_or(|primary| payload.ends_with(primary)));
        prop_assert!(payload.starts_with(without_trailer(&payload)));
    }

    #[test]
    fn trailers_are_cut_where_they_begin(frame in bytes(), body in bytes()) {
        let mut payload = frame.clone();
        payload.extend(&body);
        payload.push(u8::try_from(body.len() + 5).unwrap_or(0) ^ 0xff);
        payload.extend(b"LKTS");
        prop_assert_eq!(without_trailer(&payload), &frame);
    }

    #[test]
    fn no_datagram_panics(mut data in bytes(), head in any::<bool>()) {
        if head && data.len() >= 20 {
            let length = u16::try_from(data.len() - 20).unwrap_or(0) & !3;
            data[..4].copy_from_slice(&[0, 1, length.to_be_bytes()[0], length.to_be_bytes()[1]]);
            data[4..8].copy_from_slice(&[0x21, 0x12, 0xa4, 0x42]);
            prop_assert!(stun::is_stun(&data));
        }
        prop_assert!(stun::local_ufrag(&data).is_none_or(|ufrag| !ufrag.is_empty() && !ufrag.contains(':')));
    }

    #[test]
    fn data_track_handles_are_replaced_alone(mut packet in bytes(), handle in 1u16..) {
        let before = packet.clone();
        if data_track::set_handle(&mut packet, handle) {
            prop_assert_eq!((&packet[..2], &packet[4..]), (&before[..2], &before[4..]));
            prop_assert!(data_track::handle(&packet).is_none_or(|found| found == handle));
            prop_assert!(data_track::Header::parse(&packet).is_none_or(|h| h.payload <= packet.len()));
        } else {
            prop_assert_eq!(packet, before);
        }
    }

    #[test]
    fn framed_packets_arrive_whole(packets in prop::collection::vec(bytes(), 0..10), portion in 1usize..50) {
        let mut stream = Vec::new();
        for packet in &packets {
            stream.extend(u16::try_from(packet.len()).unwrap_or(0).to_be_bytes());
            stream.extend(packet);
        }
        let mut decoder = Decoder::new();
        let mut got = Vec::new();
        for chunk in stream.chunks(portion) {
            prop_assert!(decoder.push(chunk).is_ok());
            got.extend(std::iter::from_fn(|| decoder.next_packet()));
        }
        let want: Vec<_> = packets.into_iter().filter(|p| !p.is_empty()).collect();
        prop_assert_eq!(got, want);
    }

    #[test]
    fn no_stream_panics(chunks in prop::collection::vec(bytes(), 0..20)) {
        let mut decoder = Decoder::new();
        for chunk in chunks {
            if decoder.push(&chunk).is_err() {
                break;
            }
            while decoder.next_packet().is_some() {}
        }
    }

    #[test]
    fn no_signal_message_panics(data in bytes(), text in "\\PC{0,60}", value in "[A-Za-z0-9_=-]{0,60}") {
        let _ = (decode_request(&data), decode_request_json(&text), decode_join_request(&value));
        let _ = (params_v0(&text), params_v1(&text), params_v1(&format!("join_request={value}")));
    }
}
