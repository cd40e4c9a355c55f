//! What passes, and which way.

use crate::rig::{Client, Rig, channel_data, send_indication};
use std::net::SocketAddr;
use tandem_turn::{ClientId, Destination, mint};
use tandem_wire::stun::{Class, Message, Method, attribute};

/// A client with an allocation, whatever way it came.
fn allocated_at(rig: &mut Rig, id: ClientId) -> (Client, SocketAddr) {
    let mut client = rig.client_at(id, mint(crate::rig::SECRET, &format!("{id:?}"), crate::rig::NOW, 3600));
    let made = client.ask(rig, Method::Allocate, |b| b.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]));
    (client, made.address(attribute::XOR_RELAYED_ADDRESS))
}

fn to_peer(sent: &[(Destination, Vec<u8>)]) -> Vec<(SocketAddr, Vec<u8>)> {
    let peer = |(to, bytes): &(Destination, Vec<u8>)| match to {
        Destination::Peer(_, peer) => Some((*peer, bytes.clone())),
        Destination::Client(_) => None,
    };
    sent.iter().filter_map(peer).collect()
}

#[test]
fn both_ways_by_indication_and_by_channel() {
    let mut rig = Rig::new(|_| {});
    let (mut ana, relayed) = rig.allocated("4.4.4.4:1", "ana");
    let peer: SocketAddr = "8.8.8.8:7".parse().unwrap();
    assert!(rig.give(ana.id, &send_indication("8.8.8.8:7", b"early")).is_empty());
    assert!(rig.peer_sends(relayed, "8.8.8.8:7", b"early").is_empty());
    assert_eq!(ana.permit(&mut rig, &["8.8.8.8:1"]), 0);
    assert_eq!(to_peer(&rig.give(ana.id, &send_indication("8.8.8.8:7", b"hi"))), [(peer, b"hi".to_vec())]);
    let came = rig.peer_sends(relayed, "8.8.8.8:7", b"ho");
    let message = Message::parse(&came[0].1).unwrap();
    assert_eq!((message.class, message.method), (Class::Indication, Some(Method::Data)));
    assert_eq!(
        (message.get(attribute::DATA), message.address(attribute::XOR_PEER_ADDRESS)),
        (Some(&b"ho"[..]), Some(peer))
    );
    assert!(rig.peer_sends(relayed, "8.8.8.9:7", b"other").is_empty());
    assert!(rig.give(ana.id, &channel_data(0x4001, b"unbound")).is_empty());
    assert_eq!(ana.bind(&mut rig, 0x4001, "8.8.8.8:7"), 0);
    assert_eq!(to_peer(&rig.give(ana.id, &channel_data(0x4001, b"hi"))), [(peer, b"hi".to_vec())]);
    let padded = [channel_data(0x4001, b"hi"), vec![0, 0]].concat();
    assert_eq!(to_peer(&rig.give(ana.id, &padded)), [(peer, b"hi".to_vec())]);
    assert_eq!(
        rig.peer_sends(relayed, "8.8.8.8:7", b"ho"),
        [(Destination::Client(ana.id), channel_data(0x4001, b"ho"))]
    );
    let stats = rig.server.stats();
    assert_eq!((stats.packets_to_peers, stats.packets_to_clients, stats.dropped_unpermitted), (3, 2, 4));
}

#[test]
fn checks_of_browsers_pass_as_they_are() {
    let mut rig = Rig::new(|_| {});
    let (mut ana, _) = rig.allocated("4.4.4.4:1", "ana");
    ana.permit(&mut rig, &["8.8.8.8:7"]);
    // A connectivity check ends in a fingerprint; the indication around it has none.
    let check = ana.request(Method::Binding, false, |b| b);
    assert_eq!(to_peer(&rig.give(ana.id, &send_indication("8.8.8.8:7", &check))).len(), 1);
}

#[test]
fn runs_stay_runs() {
    let mut rig = Rig::new(|_| {});
    let (mut ana, relayed) = rig.allocated("4.4.4.4:1", "ana");
    ana.bind(&mut rig, 0x4001, "8.8.8.8:7");
    let run: Vec<u8> = (0..16).flat_map(|n| channel_data(0x4001, &[n; 1000])).collect();
    rig.server.client_run(rig.now, ana.id, &run, 1004, &mut rig.ports, &mut rig.out);
    let shapes: Vec<_> = rig.out.iter().map(|(run, bytes)| (run.segment, bytes.len())).collect();
    assert_eq!(shapes, [(1000, 16_000)]);
    rig.out.clear();
    let relay = rig.ports.id_of(relayed).unwrap();
    rig.server.relay_run(rig.now, relay, "8.8.8.8:7".parse().unwrap(), &[5; 16_000], 1000, &mut rig.out);
    let shapes: Vec<_> = rig.out.iter().map(|(run, bytes)| (run.segment, bytes.len())).collect();
    assert_eq!(shapes, [(1004, 16 * 1004)]);
}

#[test]
fn what_is_not_refreshed_ends() {
    let mut rig = Rig::new(|_| {});
    let (mut ana, relayed) = rig.allocated("4.4.4.4:1", "ana");
    ana.refresh(&mut rig, 3600);
    ana.bind(&mut rig, 0x4001, "8.8.8.8:7");
    rig.pass(301);
    assert!(rig.give(ana.id, &channel_data(0x4001, b"hi")).is_empty(), "the permission ended");
    assert_eq!(ana.permit(&mut rig, &["8.8.8.8:7"]), 0);
    assert_eq!(rig.give(ana.id, &channel_data(0x4001, b"hi")).len(), 1);
    rig.pass(299);
    ana.learn(&mut rig);
    assert_eq!(ana.permit(&mut rig, &["8.8.8.8:7"]), 0);
    assert!(rig.give(ana.id, &channel_data(0x4001, b"hi")).is_empty(), "the channel ended");
    assert_eq!(ana.bind(&mut rig, 0x4001, "8.8.8.8:8"), 400, "its number rests");
    rig.pass(300);
    ana.learn(&mut rig);
    assert_eq!(ana.bind(&mut rig, 0x4001, "8.8.8.8:8"), 0);
    rig.pass(3600);
    assert_eq!((rig.ports.count(), rig.server.stats().allocations), (0, 0));
    assert!(rig.peer_sends(relayed, "8.8.8.8:8", b"late").is_empty());
}

#[test]
fn two_relays_of_one_server_talk_inside() {
    // Their address is a private one: the policy would refuse it from outside.
    let mut rig = Rig::new(|settings| settings.policy.deny.push("9.9.9.9".parse().unwrap()));
    let (mut ana, of_ana) = rig.allocated("4.4.4.4:1", "ana");
    let (mut ben, of_ben) = rig.allocated("4.4.4.5:1", "ben");
    assert_eq!(ana.bind(&mut rig, 0x4001, &of_ben.to_string()), 0);
    assert!(rig.give(ana.id, &channel_data(0x4001, b"hi")).is_empty(), "ben has not permitted it");
    assert_eq!(ben.permit(&mut rig, &[&of_ana.to_string()]), 0);
    let came = rig.give(ana.id, &channel_data(0x4001, b"hi"));
    assert_eq!(came.len(), 1);
    assert_eq!(came[0].0, Destination::Client(ben.id));
    assert_eq!(Message::parse(&came[0].1).unwrap().address(attribute::XOR_PEER_ADDRESS), Some(of_ana));
    // The same holds where that address is the node's own.
    rig.server.is_at(["9.9.9.9".parse().unwrap()]);
    assert_eq!(ben.permit(&mut rig, &[&of_ana.to_string()]), 0);
    assert_eq!(rig.give(ana.id, &channel_data(0x4001, b"hi")).len(), 1);
    // Another port of that address is no relay.
    assert_eq!(ana.bind(&mut rig, 0x4002, "9.9.9.9:22"), 403);
    assert!(rig.give(ana.id, &send_indication("9.9.9.9:22", b"hi")).is_empty());
}

#[test]
fn own_media_ports_are_open_and_nothing_beside_them() {
    let mut rig = Rig::new(|_| {});
    rig.server.allow_own(["10.0.0.5:7882".parse().unwrap()]);
    let (mut ana, _) = rig.allocated("4.4.4.4:1", "ana");
    assert_eq!(ana.permit(&mut rig, &["10.0.0.5:1"]), 0);
    assert_eq!(ana.bind(&mut rig, 0x4001, "10.0.0.5:7882"), 0);
    assert_eq!(rig.give(ana.id, &channel_data(0x4001, b"hi")).len(), 1);
    assert_eq!(ana.bind(&mut rig, 0x4002, "10.0.0.5:22"), 403);
    assert!(rig.give(ana.id, &send_indication("10.0.0.5:22", b"hi")).is_empty());
    assert_eq!(ana.permit(&mut rig, &["10.0.0.6:1"]), 403);
}

#[test]
fn over_a_stream() {
    let mut rig = Rig::new(|_| {});
    let address: SocketAddr = "4.4.4.4:1".parse().unwrap();
    let id = ClientId::Stream { id: 7, address };
    rig.server.stream_opened(7);
    let mut ana: Client = rig.client_at(id, mint(crate::rig::SECRET, "ana", crate::rig::NOW, 60));
    let allocate = ana.request(Method::Allocate, true, |b| b.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]));
    let mut sent = Vec::new();
    for piece in allocate.chunks(7) {
        rig.server.stream_data(rig.now, (7, address), piece, &mut rig.ports, &mut rig.out);
        sent.extend(rig.sent());
    }
    let relayed = Message::parse(&sent[0].1).unwrap().address(attribute::XOR_RELAYED_ADDRESS).unwrap();
    assert_eq!(ana.bind(&mut rig, 0x4001, "8.8.8.8:7"), 0);
    let data = [channel_data(0x4001, b"hi"), vec![0, 0], channel_data(0x4001, b"four")].concat();
    rig.server.stream_data(rig.now, (7, address), &data, &mut rig.ports, &mut rig.out);
    assert_eq!(to_peer(&rig.sent()).len(), 2);
    let came = rig.peer_sends(relayed, "8.8.8.8:7", b"hi");
    assert_eq!(came[0].1, [channel_data(0x4001, b"hi"), vec![0, 0]].concat(), "padded");
    rig.server.stream_data(rig.now, (7, address), b"\x40", &mut rig.ports, &mut rig.out);
    rig.server.stream_data(rig.now, (7, address), b"GET / HTTP/1.1\r\n", &mut rig.ports, &mut rig.out);
    rig.server.stream_closed(7, address, &mut rig.ports);
    assert_eq!(rig.ports.count(), 0);
    rig.server.stream_opened(8);
    rig.server.stream_data(rig.now, (8, address), b"GET / HTTP/1.1\r\n", &mut rig.ports, &mut rig.out);
    assert_eq!(rig.out.closed(), [8]);
}

#[test]
fn what_is_too_long_for_its_header_is_dropped() {
    let mut rig = Rig::new(|_| {});
    let stream = |id: u64| ClientId::Stream { id, address: SocketAddr::from(([5, 5, 5, 5], 1)) };
    let udp = |port: u16| ClientId::Udp { listener: 0, address: SocketAddr::from(([4, 4, 4, 4], port)) };
    let (eve, from) = allocated_at(&mut rig, stream(1));
    let mut longest = |number: u16, to: ClientId, channel: bool| {
        let (mut ana, relayed) = allocated_at(&mut rig, to);
        assert_eq!(eve.clone().bind(&mut rig, number, &relayed.to_string()), 0);
        assert_eq!(ana.permit(&mut rig, &[&from.to_string()]), 0);
        if channel {
            assert_eq!(ana.bind(&mut rig, 0x4001, &from.to_string()), 0);
        }
        let mut passes = |length: usize| {
            let sent = rig.give(eve.id, &channel_data(number, &vec![7; length]));
            for (_, bytes) in &sent {
                let said = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
                let header = if channel { 4 } else { 20 };
                assert!(bytes.len() - header - said < 4, "{said} and {} bytes", bytes.len());
                assert!(matches!(to, ClientId::Stream { .. }) || bytes.len() <= 65_507);
            }
            !sent.is_empty()
        };
        (65_400..=65_535).filter(|length| passes(*length)).max()
    };
    assert_eq!(longest(0x4010, udp(1), true), Some(65_503));
    assert_eq!(longest(0x4011, udp(2), false), Some(65_468));
    assert_eq!(longest(0x4012, stream(2), true), Some(65_535));
    assert_eq!(longest(0x4013, stream(3), false), Some(65_516));
    assert_eq!(rig.server.stats().dropped_oversized, 32 + 67 + 19);
}

#[test]
fn bandwidth_is_bounded() {
    let mut rig = Rig::new(|settings| {
        settings.allocation_bps = 80_000;
        settings.user_bps = 120_000;
    });
    let mut through = |address: &str| {
        let (mut client, _) = rig.allocated(address, "ana");
        client.bind(&mut rig, 0x4001, "8.8.8.8:7");
        (0..100).filter(|_| !rig.give(client.id, &channel_data(0x4001, &[0; 1000])).is_empty()).count()
    };
    assert_eq!((through("4.4.4.4:1"), through("4.4.4.4:2")), (10, 5));
    assert!(rig.server.stats().dropped_bandwidth > 0);
}
