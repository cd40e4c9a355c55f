//! Input nobody sends by mistake.

use crate::rig::{Rig, channel_data, send_indication};
use proptest::prelude::*;
use std::net::SocketAddr;
use tandem_turn::{ClientId, Refused};
use tandem_wire::stun::{Builder, Class, Method, TransactionId, attribute};

/// Spellings of addresses that must not be reached.
const INSIDE: [&str; 20] = [
    "127.0.0.1:80",
    "0.0.0.0:80",
    "10.0.0.1:80",
    "172.16.0.1:80",
    "192.168.0.1:80",
    "100.64.0.1:80",
    "169.254.169.254:80",
    "224.0.0.1:80",
    "255.255.255.255:80",
    "198.18.0.1:80",
    "[::1]:80",
    "[::]:80",
    "[::ffff:127.0.0.1]:80",
    "[::ffff:169.254.169.254]:80",
    "[::127.0.0.1]:80",
    "[64:ff9b::7f00:1]:80",
    "[2002:7f00:1::]:80",
    "[2001:0:1:2:3:4:80ff:fffe]:80",
    "[fd00::1]:80",
    "[fe80::1]:80",
];

#[test]
fn nothing_inside_is_ever_reached() {
    let mut rig = Rig::new(|settings| settings.unauthorized_rate = (1e9, 1e9));
    let mut client = rig.client("4.4.4.4:1", "eve");
    client.ask(&mut rig, Method::Allocate, |b| {
        b.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
            .attribute(attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0])
    });
    for (number, peer) in (0x4000..).zip(INSIDE) {
        assert_eq!(client.permit(&mut rig, &[peer]), 403, "{peer}");
        assert_eq!(client.permit(&mut rig, &["8.8.8.8:1", peer]), 403, "beside a good one, {peer}");
        assert_eq!(client.bind(&mut rig, number, peer), 403, "{peer}");
        assert!(rig.give(client.id, &send_indication(peer, b"x")).is_empty(), "{peer}");
        assert!(rig.give(client.id, &channel_data(number, b"x")).is_empty(), "{peer}");
    }
    assert!(rig.give(client.id, &send_indication("8.8.8.8:1", b"x")).is_empty(), "all or none");
    let stats = rig.server.stats();
    assert!(
        stats.refused().all(|(why, count)| count > 0 || matches!(why, Refused::Listed | Refused::Port | Refused::Own))
    );
    assert_eq!(stats.packets_to_peers, 0);
}

#[test]
fn floods_from_everywhere_are_answered_sparingly() {
    let mut rig = Rig::new(|settings| settings.unauthorized_rate = (10.0, 50.0));
    let mut request = Vec::new();
    let _ = Builder::new(&mut request, Class::Request, Method::Allocate, TransactionId([1; 12]))
        .attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    let mut answers = 0;
    for n in 0..100_000_u32 {
        let [a, b, c, _] = n.to_be_bytes();
        let id = ClientId::Udp { listener: 0, address: SocketAddr::from(([5, a, b, c], 1)) };
        answers += rig.give(id, &request).len();
    }
    assert!(answers <= 391 * 50, "{answers}");
    let one = ClientId::Udp { listener: 0, address: SocketAddr::from(([6, 6, 6, 6], 1)) };
    assert!((0..10_000).map(|_| rig.give(one, &request).len()).sum::<usize>() <= 50);
    assert_eq!((rig.server.stats().allocations, rig.ports.count()), (0, 0));
}

#[test]
fn malformed_credentials_are_answered_as_sparingly_as_none() {
    let mut rig = Rig::new(|settings| settings.unauthorized_rate = (10.0, 50.0));
    let mut request = Vec::new();
    let _ = Builder::new(&mut request, Class::Request, Method::Allocate, TransactionId([1; 12]))
        .attribute(attribute::MESSAGE_INTEGRITY, &[]);
    let id = ClientId::Udp { listener: 0, address: SocketAddr::from(([6, 6, 6, 6], 1)) };
    assert_eq!((0..1000).map(|_| rig.give(id, &request).len()).sum::<usize>(), 50);
    assert_eq!(rig.server.stats().throttled, 950);
}

#[test]
fn the_relays_own_machine_is_closed_but_for_what_is_open_there() {
    let mut rig = Rig::new(|_| {});
    let (mut eve, of_eve) = rig.allocated("4.4.4.4:1", "eve");
    rig.server.is_at(["9.9.9.9".parse().unwrap(), "7.7.7.7".parse().unwrap()]);
    rig.server.allow_own(["9.9.9.9:7882".parse().unwrap()]);
    assert_eq!(eve.permit(&mut rig, &[&of_eve.to_string()]), 0, "relays and media ports are there");
    for (number, port) in (0x4000..).zip([53, 161, 3478, 11211]) {
        let peer = format!("9.9.9.9:{port}");
        assert!(rig.give(eve.id, &send_indication(&peer, b"x")).is_empty(), "{peer}");
        assert_eq!(eve.bind(&mut rig, number, &peer), 403, "{peer}");
    }
    let refused = |rig: &Rig| rig.server.stats().refused().find(|(why, _)| *why == Refused::Own).unwrap().1;
    assert_eq!((refused(&rig), rig.server.stats().dropped_unpermitted), (8, 4));
    assert_eq!(rig.give(eve.id, &send_indication("9.9.9.9:7882", b"x")).len(), 1);
    assert_eq!(eve.permit(&mut rig, &["7.7.7.7:1"]), 403, "nothing is open there");
    for spelt in ["[64:ff9b::7.7.7.7]:53", "[2002:707:707::1]:53", "[::ffff:7.7.7.7]:53"] {
        assert_eq!(eve.permit(&mut rig, &[spelt]), 403, "{spelt}");
    }
}

#[test]
fn private_peers_open_ones_own_machine_too() {
    let mut rig = Rig::new(|settings| settings.policy.allow_private = true);
    let (mut ana, _) = rig.allocated("4.4.4.4:1", "ana");
    rig.server.is_at(["127.0.0.1".parse().unwrap(), "9.9.9.9".parse().unwrap()]);
    assert_eq!((ana.bind(&mut rig, 0x4001, "127.0.0.1:3480"), ana.bind(&mut rig, 0x4002, "9.9.9.9:3480")), (0, 0));
    assert_eq!(rig.give(ana.id, &channel_data(0x4001, b"x")).len(), 1);
    assert_eq!(rig.give(ana.id, &channel_data(0x4002, b"x")).len(), 1);
}

#[test]
fn answers_to_strangers_are_no_longer_than_a_few_questions() {
    let mut rig = Rig::new(|_| {});
    let mut request = Vec::new();
    let _ = Builder::new(&mut request, Class::Request, Method::Allocate, TransactionId([1; 12]));
    let id = ClientId::Udp { listener: 0, address: SocketAddr::from(([6, 6, 6, 6], 1)) };
    let answer = rig.give(id, &request)[0].1.len();
    assert!(answer <= 120, "{answer} bytes: whoever forges an address gains little");
}

proptest! {
    #[test]
    fn no_bytes_make_it_stumble(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        segment in 1_usize..100,
        change in prop::collection::vec((0_usize..400, any::<u8>()), 0..6),
    ) {
        let mut rig = Rig::new(|_| {});
        let (mut ana, relayed) = rig.allocated("4.4.4.4:1", "ana");
        ana.bind(&mut rig, 0x4001, "8.8.8.8:7");
        rig.server.client_run(rig.now, ana.id, &bytes, segment, &mut rig.ports, &mut rig.out);
        let mut request = ana.request(Method::ChannelBind, true, |b| b
            .attribute(attribute::CHANNEL_NUMBER, &[0x40, 2, 0, 0])
            .address(attribute::XOR_PEER_ADDRESS, "8.8.8.8:9".parse().unwrap()));
        for (at, value) in change {
            let length = request.len();
            request[at % length] = value;
        }
        rig.give(ana.id, &request);
        rig.peer_sends(relayed, "8.8.8.8:7", &bytes);
        rig.server.stream_opened(1);
        rig.server.stream_data(rig.now, (1, "1.1.1.1:1".parse().unwrap()), &bytes, &mut rig.ports, &mut rig.out);
    }
}
