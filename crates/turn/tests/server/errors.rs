//! Every error a client can be told.

use crate::rig::{Rig, SECRET};
use std::net::SocketAddr;
use tandem_turn::{ClientId, Credentials, mint};
use tandem_wire::stun::{Class, Method, attribute};

const TRANSPORT: &[u8] = &[17, 0, 0, 0];

#[test]
fn who_it_is_must_be_proved() {
    let mut rig = Rig::new(|_| {});
    let id = |port: u16| ClientId::Udp { listener: 0, address: SocketAddr::from(([4, 4, 4, 4], port)) };
    let good = mint(SECRET, "ana", crate::rig::NOW, 60);
    let allocate = |rig: &mut Rig, port, credentials: Credentials| {
        let mut client = rig.client_at(id(port), credentials);
        client.ask(rig, Method::Allocate, |b| b.attribute(attribute::REQUESTED_TRANSPORT, TRANSPORT)).code
    };
    assert_eq!(allocate(&mut rig, 1, good.clone()), 0);
    assert_eq!(allocate(&mut rig, 2, Credentials { password: "x".to_owned(), ..good.clone() }), 401);
    assert_eq!(allocate(&mut rig, 3, Credentials { username: "9999999999:ben".to_owned(), ..good.clone() }), 401);
    assert_eq!(allocate(&mut rig, 4, mint("other", "ana", crate::rig::NOW, 60)), 401);
    assert_eq!(allocate(&mut rig, 5, mint(SECRET, "ana", crate::rig::NOW, 0)), 401, "it has ended");
    let mut client = rig.client_at(id(6), good);
    let nonce = std::mem::replace(&mut client.nonce, "AAAA".to_owned());
    let stale = client.ask(&mut rig, Method::Allocate, |b| b.attribute(attribute::REQUESTED_TRANSPORT, TRANSPORT));
    assert_eq!((stale.code, stale.message().text(attribute::NONCE).is_some()), (438, true));
    client.nonce = nonce;
    rig.pass(601);
    assert_eq!(client.refresh(&mut rig, 600).code, 438, "nonces end");
    client.realm = "elsewhere".to_owned();
}

#[test]
fn an_allocation_outlives_its_credentials_but_nobody_elses() {
    let mut rig = Rig::new(|_| {});
    let (mut ana, _) = rig.allocated("4.4.4.4:1", "ana");
    rig.pass(500);
    assert_eq!(ana.refresh(&mut rig, 3600).code, 0);
    rig.pass(3500);
    ana.learn(&mut rig);
    assert_eq!(ana.refresh(&mut rig, 3600).code, 0, "the credentials ended in between");
    let mut ben = ana.clone();
    ben.credentials = mint(SECRET, "ben", crate::rig::NOW + 4000, 3600);
    assert_eq!(ben.refresh(&mut rig, 600).code, 441);
    assert_eq!(ana.refresh(&mut rig, 0).code, 0);
    assert_eq!(ben.refresh(&mut rig, 600).code, 437);
    assert_eq!(rig.ports.count(), 0);
}

#[test]
fn allocations_are_asked_for_as_the_rfc_says() {
    let mut rig = Rig::new(|settings| settings.user_quota = 99);
    let mut port = 0;
    let mut ask = |attributes: &[(u16, &[u8])]| {
        port += 1;
        let mut client = rig.client(&format!("4.4.4.4:{port}"), "ana");
        client.ask(&mut rig, Method::Allocate, |b| attributes.iter().fold(b, |b, (n, v)| b.attribute(*n, v)))
    };
    let transport = (attribute::REQUESTED_TRANSPORT, TRANSPORT);
    assert_eq!(ask(&[]).code, 400);
    assert_eq!(ask(&[(attribute::REQUESTED_TRANSPORT, &[6, 0, 0, 0])]).code, 442);
    assert_eq!(ask(&[transport, (attribute::DONT_FRAGMENT, &[])]).code, 420);
    let unknown = ask(&[transport, (0x7777, &[1])]);
    assert_eq!((unknown.code, unknown.message().get(attribute::UNKNOWN_ATTRIBUTES)), (420, Some(&[0x77, 0x77][..])));
    assert_eq!(ask(&[transport, (0x8777, &[1])]).code, 0, "that one may be ignored");
    assert_eq!(ask(&[transport, (attribute::REQUESTED_ADDRESS_FAMILY, &[9, 0, 0, 0])]).code, 440);
    let six = ask(&[transport, (attribute::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0])]);
    assert!(six.address(attribute::XOR_RELAYED_ADDRESS).is_ipv6());
    let both = ask(&[transport, (attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0])]);
    assert_eq!(both.message().addresses(attribute::XOR_RELAYED_ADDRESS).count(), 2);
    let pair = ask(&[transport, (attribute::EVEN_PORT, &[0x80])]);
    let token = pair.message().get(attribute::RESERVATION_TOKEN).unwrap().to_vec();
    let beside = ask(&[transport, (attribute::RESERVATION_TOKEN, &token)]);
    let ports = [&pair, &beside].map(|answer| answer.address(attribute::XOR_RELAYED_ADDRESS).port());
    assert_eq!((ports[0] % 2, ports[1]), (0, ports[0] + 1));
    assert_eq!(ask(&[transport, (attribute::RESERVATION_TOKEN, &token)]).code, 508, "a token is good once");
    assert_eq!(ask(&[transport, (attribute::RESERVATION_TOKEN, &token), (attribute::EVEN_PORT, &[0])]).code, 400);
    let even = ask(&[transport, (attribute::EVEN_PORT, &[0])]);
    assert!(even.message().get(attribute::RESERVATION_TOKEN).is_none());
    rig.ports.no_ipv6 = true;
    let mut client = rig.client("4.4.4.4:999", "ana");
    let partly = client.ask(&mut rig, Method::Allocate, |b| {
        b.attribute(attribute::REQUESTED_TRANSPORT, TRANSPORT)
            .attribute(attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0])
    });
    assert_eq!(partly.class, Class::Success);
    assert_eq!(partly.message().get(attribute::ADDRESS_ERROR_CODE).unwrap()[2..4], [4, 40]);
    rig.ports.none_left = true;
    let mut client = rig.client("4.4.4.4:998", "ana");
    assert_eq!(
        client.ask(&mut rig, Method::Allocate, |b| b.attribute(attribute::REQUESTED_TRANSPORT, TRANSPORT)).code,
        508
    );
}

#[test]
fn channels_join_one_number_and_one_peer() {
    let mut rig = Rig::new(|_| {});
    let (mut ana, _) = rig.allocated("4.4.4.4:1", "ana");
    assert_eq!(ana.bind(&mut rig, 0x4000, "8.8.8.8:1"), 0);
    assert_eq!(ana.bind(&mut rig, 0x4000, "8.8.8.8:1"), 0, "again is a refresh");
    assert_eq!(ana.bind(&mut rig, 0x4000, "8.8.8.8:2"), 400);
    assert_eq!(ana.bind(&mut rig, 0x4001, "8.8.8.8:1"), 400);
    for number in [0x3fff, 0x8000, 0xffff, 0] {
        assert_eq!(ana.bind(&mut rig, number, "8.8.8.8:3"), 400, "{number:x}");
    }
    assert_eq!(ana.bind(&mut rig, 0x4001, "[2606::9]:1"), 443);
    assert_eq!(ana.permit(&mut rig, &["[2606::9]:1"]), 443);
    assert_eq!(ana.permit(&mut rig, &[]), 400);
    let many: Vec<String> = (0..65).map(|n| format!("8.8.4.{n}:1")).collect();
    assert_eq!(ana.permit(&mut rig, &many.iter().map(String::as_str).collect::<Vec<_>>()), 508);
}

#[test]
fn quotas() {
    let mut rig = Rig::new(|settings| {
        settings.user_quota = 2;
        settings.ip_quota = 4;
        settings.total_quota = 6;
    });
    let mut ask = |address: &str, user: &str| {
        let mut client = rig.client(address, user);
        client.ask(&mut rig, Method::Allocate, |b| b.attribute(attribute::REQUESTED_TRANSPORT, TRANSPORT)).code
    };
    let codes: Vec<u16> = (1..=3).map(|n| ask(&format!("4.4.4.4:{n}"), "ana")).collect();
    assert_eq!(codes, [0, 0, 486]);
    let codes: Vec<u16> = (4..=6).map(|n| ask(&format!("4.4.4.4:{n}"), &format!("user{n}"))).collect();
    assert_eq!(codes, [0, 0, 486], "of one address");
    let codes: Vec<u16> = (1..=3).map(|n| ask(&format!("4.4.5.{n}:1"), &format!("someone{n}"))).collect();
    assert_eq!(codes, [0, 0, 508], "of all");
    assert_eq!(rig.server.stats().over_quota, 3);
}

#[test]
fn a_server_that_drains_gives_nothing_new() {
    let mut rig = Rig::new(|_| {});
    let (mut ana, _) = rig.allocated("4.4.4.4:1", "ana");
    rig.server.drain();
    assert_eq!(ana.permit(&mut rig, &["8.8.8.8:7"]), 0);
    let mut late = rig.client("4.4.9.9:9", "late");
    assert_eq!(
        late.ask(&mut rig, Method::Allocate, |b| b.attribute(attribute::REQUESTED_TRANSPORT, TRANSPORT)).code,
        508
    );
}
