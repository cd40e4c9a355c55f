//! Data packets against the generated types: what is not ours to change survives, known or not.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use prost::Message;
use tandem_wire::data_packet::{DataPacketView, PacketKind, Sender, restamp, server_user_packet};
use tandem_wire::livekit::proto::data_packet::Value;
use tandem_wire::livekit::proto::{ChatMessage, DataPacket, EncryptedPacket, RpcRequest, UserPacket, data_stream};

const SENDER: Sender<'_> = Sender { sid: "PA_real", identity: "real" };
const HIDDEN: Sender<'_> = Sender { sid: "", identity: "" };

fn names() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[a-z]{1,3}", 0..4)
}

#[allow(deprecated)]
fn user() -> impl Strategy<Value = UserPacket> {
    let texts = (any::<String>(), any::<String>(), any::<Option<String>>(), any::<Option<String>>());
    let rest = (any::<Vec<u8>>(), names(), names(), any::<Option<u64>>(), any::<Vec<u8>>());
    (texts, rest).prop_map(|(texts, rest)| UserPacket {
        participant_sid: texts.0,
        participant_identity: texts.1,
        topic: texts.2,
        id: texts.3,
        payload: rest.0,
        destination_sids: rest.1,
        destination_identities: rest.2,
        start_time: rest.3,
        end_time: None,
        nonce: rest.4,
    })
}

fn value() -> impl Strategy<Value = Option<Value>> {
    let text = any::<String>();
    let bytes = any::<Vec<u8>>();
    prop_oneof![
        Just(None),
        user().prop_map(|u| Some(Value::User(u))),
        (text, any::<i64>()).prop_map(|(message, timestamp)| {
            Some(Value::ChatMessage(ChatMessage { message, timestamp, ..Default::default() }))
        }),
        text.prop_map(|method| Some(Value::RpcRequest(RpcRequest { method, ..Default::default() }))),
        (bytes.clone(), any::<u64>()).prop_map(|(content, chunk_index)| {
            Some(Value::StreamChunk(data_stream::Chunk { content, chunk_index, ..Default::default() }))
        }),
        bytes.prop_map(|iv| Some(Value::EncryptedPacket(EncryptedPacket { iv, ..Default::default() }))),
    ]
}

#[allow(deprecated)]
fn packet() -> impl Strategy<Value = DataPacket> {
    (value(), 0..2i32, any::<String>(), any::<String>(), names(), any::<u32>()).prop_map(
        |(value, kind, participant_identity, participant_sid, destination_identities, sequence)| DataPacket {
            kind,
            participant_identity,
            destination_identities,
            sequence,
            participant_sid,
            value,
        },
    )
}

/// A field that no message has, of any wire type.
fn unknown() -> impl Strategy<Value = Vec<u8>> {
    let tag = |number: u8, wire: u8| vec![(number << 3 & 0x78) | 0x80 | wire, number >> 4 | 0x40];
    (100u8..127, prop_oneof![Just(0u8), Just(1), Just(2), Just(5)], any::<[u8; 8]>()).prop_map(
        move |(number, wire, data)| {
            let mut out = tag(number, wire);
            match wire {
                0 => out.push(data[0] & 0x7f),
                1 => out.extend(data),
                2 => out.extend([3, data[0], data[1], data[2]]),
                _ => out.extend(&data[..4]),
            }
            out
        },
    )
}

fn union(a: &[String], b: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    for name in a.iter().chain(b) {
        if !all.contains(name) {
            all.push(name.clone());
        }
    }
    all.sort();
    all
}

/// What a receiver should decode.
#[allow(deprecated)]
fn stamped(mut packet: DataPacket, sender: &Sender<'_>, keep_identity: bool) -> DataPacket {
    if !keep_identity || packet.participant_identity.is_empty() {
        packet.participant_identity = sender.identity.to_owned();
    }
    packet.participant_sid = sender.sid.to_owned();
    if let Some(Value::User(user)) = &mut packet.value {
        user.participant_sid = sender.sid.to_owned();
        user.participant_identity = sender.identity.to_owned();
        let all = union(&packet.destination_identities, &user.destination_identities);
        packet.destination_identities.clone_from(&all);
        user.destination_identities = all;
    }
    sorted(packet)
}

#[allow(deprecated)]
fn sorted(mut packet: DataPacket) -> DataPacket {
    packet.destination_identities = union(&packet.destination_identities, &[]);
    if let Some(Value::User(user)) = &mut packet.value {
        user.destination_identities = union(&user.destination_identities, &[]);
    }
    packet
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|w| w == needle)
}

proptest! {
    #[test]
    fn receivers_see_the_real_sender_and_everything_else(
        packet in packet(),
        outer in unknown(),
        hidden in any::<bool>(),
        keep in any::<bool>(),
    ) {
        let mut bytes = outer.clone();
        bytes.extend(packet.encode_to_vec());
        let sender = if hidden { HIDDEN } else { SENDER };
        let out = restamp(&bytes, &sender, keep).unwrap();
        prop_assert_eq!(sorted(DataPacket::decode(out.as_slice()).unwrap()), stamped(packet, &sender, keep));
        prop_assert!(contains(&out, &outer));
        let again = restamp(&out, &sender, keep).unwrap();
        prop_assert_eq!(DataPacket::decode(again.as_slice()), DataPacket::decode(out.as_slice()), "idempotent");
    }

    #[test]
    fn unknown_fields_inside_a_user_packet_survive(user in user(), inner in unknown()) {
        let mut body = inner.clone();
        body.extend(user.encode_to_vec());
        let mut bytes = vec![0x12];
        prost::encoding::encode_varint(body.len() as u64, &mut bytes);
        bytes.extend(body);
        let out = restamp(&bytes, &SENDER, false).unwrap();
        prop_assert!(contains(&out, &inner));
        let packet = DataPacket { value: Some(Value::User(user)), ..Default::default() };
        prop_assert_eq!(sorted(DataPacket::decode(out.as_slice()).unwrap()), stamped(packet, &SENDER, false));
    }

    #[test]
    #[allow(deprecated)]
    fn the_view_agrees_with_the_decoder(packet in packet()) {
        let view = DataPacketView::parse(&packet.encode_to_vec()).unwrap();
        let (want, inner, sids) = match &packet.value {
            Some(Value::User(u)) => (PacketKind::User, u.destination_identities.clone(), u.destination_sids.clone()),
            Some(Value::ChatMessage(_)) => (PacketKind::ChatMessage, vec![], vec![]),
            Some(Value::RpcRequest(_)) => (PacketKind::RpcRequest, vec![], vec![]),
            Some(Value::StreamChunk(_)) => (PacketKind::StreamChunk, vec![], vec![]),
            Some(Value::EncryptedPacket(_)) => (PacketKind::Encrypted, vec![], vec![]),
            _ => (PacketKind::Unknown, vec![], vec![]),
        };
        prop_assert_eq!((view.value, view.sequence), (want, packet.sequence));
        prop_assert_eq!(union(&view.destination_identities, &[]), union(&packet.destination_identities, &inner));
        prop_assert_eq!(union(&view.destination_sids, &[]), union(&sids, &[]));
    }

    #[test]
    fn garbage_never_panics_and_never_forges(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(out) = restamp(&bytes, &SENDER, false)
            && let Ok(packet) = DataPacket::decode(out.as_slice())
        {
            prop_assert_eq!(packet.participant_identity, "real");
            prop_assert_eq!(packet.participant_sid, "PA_real");
        }
    }

    #[test]
    fn damaged_packets_never_forge(packet in packet(), flips in prop::collection::vec((any::<usize>(), any::<u8>()), 1..6)) {
        let mut bytes = packet.encode_to_vec();
        for (at, value) in flips {
            let length = bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(at % length) {
                *byte = value;
            }
        }
        if let Ok(out) = restamp(&bytes, &SENDER, false)
            && let Ok(packet) = DataPacket::decode(out.as_slice())
        {
            prop_assert_eq!(packet.participant_identity, "real");
            prop_assert_eq!(packet.participant_sid, "PA_real");
        }
    }

    #[test]
    #[allow(deprecated)]
    fn packets_of_the_server_decode(payload: Vec<u8>, reliable: bool, topic: Option<String>, to in names(), sids in names()) {
        let bytes = server_user_packet(&payload, reliable, topic.as_deref(), &to, &sids);
        let packet = DataPacket::decode(bytes.as_slice()).unwrap();
        let want = DataPacket {
            kind: i32::from(!reliable),
            destination_identities: to.clone(),
            value: Some(Value::User(UserPacket {
                payload,
                topic,
                destination_identities: to,
                destination_sids: sids,
                ..Default::default()
            })),
            ..Default::default()
        };
        prop_assert_eq!(packet, want);
    }
}
