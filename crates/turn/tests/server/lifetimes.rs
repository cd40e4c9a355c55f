//! Allocations and reserved ports from first to last: what they count for, and when they end.

use crate::rig::{Answer, Client, Rig, channel_data};
use std::net::SocketAddr;
use std::time::Duration;
use tandem_wire::stun::{Builder, Class, Method, attribute};

const TRANSPORT: &[u8] = &[17, 0, 0, 0];

fn plain(rig: &mut Rig, client: &mut Client) -> Answer {
    client.ask(rig, Method::Allocate, |b| b.attribute(attribute::REQUESTED_TRANSPORT, TRANSPORT))
}

/// Asks for an even port, and for the one after it to be kept.
fn pair(rig: &mut Rig, client: &mut Client) -> Answer {
    client.ask(rig, Method::Allocate, |b| {
        b.attribute(attribute::REQUESTED_TRANSPORT, TRANSPORT).attribute(attribute::EVEN_PORT, &[0x80])
    })
}

fn both_families(builder: Builder<'_>) -> Builder<'_> {
    builder
        .attribute(attribute::REQUESTED_TRANSPORT, TRANSPORT)
        .attribute(attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0])
}

#[test]
fn a_reserved_port_is_kept_for_half_a_minute() {
    let mut rig = Rig::new(|_| {});
    let mut client = rig.client("4.4.4.4:1", "ana");
    let pair = client.ask(&mut rig, Method::Allocate, |b| {
        b.attribute(attribute::REQUESTED_TRANSPORT, TRANSPORT).attribute(attribute::EVEN_PORT, &[0x80])
    });
    assert_eq!((pair.class, rig.ports.count()), (Class::Success, 2));
    rig.pass(29);
    assert_eq!(rig.ports.count(), 2);
    rig.pass(1);
    assert_eq!(rig.ports.count(), 1);
}

#[test]
fn a_reserved_port_is_closed_with_the_allocation_that_made_it() {
    let mut rig = Rig::new(|settings| settings.user_quota = 2);
    let mut client = rig.client("4.4.4.4:1", "ana");
    for _ in 0..100 {
        assert_eq!(pair(&mut rig, &mut client).code, 0);
        assert_eq!((client.refresh(&mut rig, 0).code, rig.ports.count()), (0, 0));
    }
    assert_eq!(rig.server.poll_timeout(), None);
}

#[test]
fn a_reserved_port_counts_until_it_is_claimed_or_over() {
    let mut rig = Rig::new(|settings| settings.user_quota = 2);
    let client = |rig: &mut Rig, port: u16| rig.client(&format!("4.4.4.4:{port}"), "ana");
    let (mut first, mut second, mut third) = (client(&mut rig, 1), client(&mut rig, 2), client(&mut rig, 3));
    let made = pair(&mut rig, &mut first);
    let token = made.message().get(attribute::RESERVATION_TOKEN).unwrap().to_vec();
    assert_eq!(plain(&mut rig, &mut second).code, 486);
    let claim = |rig: &mut Rig, client: &mut Client| {
        client
            .ask(rig, Method::Allocate, |b| {
                b.attribute(attribute::REQUESTED_TRANSPORT, TRANSPORT).attribute(attribute::RESERVATION_TOKEN, &token)
            })
            .code
    };
    assert_eq!(claim(&mut rig, &mut second), 0, "its place is its own");
    assert_eq!(plain(&mut rig, &mut third).code, 486);
    assert_eq!((first.refresh(&mut rig, 0).code, rig.ports.count()), (0, 1), "a claimed port lives on");
    assert_eq!(pair(&mut rig, &mut third).code, 486, "there is room for one, not for two");
    assert_eq!(second.refresh(&mut rig, 0).code, 0);
    assert_eq!(pair(&mut rig, &mut third).code, 0);
    rig.pass(30);
    assert_eq!(plain(&mut rig, &mut second).code, 0, "the reservation is over");
}

#[test]
fn a_pair_needs_two_places_of_every_quota() {
    for (most, code) in [((1, 9, 9), 486), ((9, 1, 9), 486), ((9, 9, 1), 508), ((2, 2, 2), 0)] {
        let mut rig = Rig::new(|settings| {
            (settings.user_quota, settings.ip_quota, settings.total_quota) = most;
        });
        let mut client = rig.client("4.4.4.4:1", "ana");
        assert_eq!(pair(&mut rig, &mut client).code, code, "{most:?}");
    }
}

#[test]
fn a_shortened_lifetime_is_honoured() {
    let mut rig = Rig::new(|settings| settings.user_quota = 1);
    let mut client = rig.client("4.4.4.4:1", "ana");
    let long = client.ask(&mut rig, Method::Allocate, |b| {
        b.attribute(attribute::REQUESTED_TRANSPORT, TRANSPORT).attribute(attribute::LIFETIME, &3600_u32.to_be_bytes())
    });
    assert_eq!((long.code, client.refresh(&mut rig, 600).code), (0, 0));
    rig.pass(601);
    assert_eq!((rig.ports.count(), rig.server.poll_timeout()), (0, None));
    let mut next = rig.client("4.4.4.4:2", "ana");
    assert_eq!(plain(&mut rig, &mut next).code, 0);
}

#[test]
fn ended_and_refreshed_allocations_leave_no_timers() {
    let mut rig = Rig::new(|settings| settings.unauthorized_rate = (1e9, 1e9));
    let mut client = rig.client("4.4.4.4:1", "ana");
    for _ in 0..100 {
        assert_eq!((plain(&mut rig, &mut client).code, client.refresh(&mut rig, 0).code), (0, 0));
        assert_eq!(rig.server.poll_timeout(), None);
    }
    assert_eq!(plain(&mut rig, &mut client).code, 0);
    for _ in 0..5 {
        rig.pass(500);
        client.learn(&mut rig);
        assert_eq!(client.refresh(&mut rig, 600).code, 0);
        assert_eq!(rig.server.poll_timeout(), Some(rig.now + Duration::from_secs(600)));
    }
}

#[test]
fn one_family_of_two_ends_alone() {
    let mut rig = Rig::new(|_| {});
    let mut client = rig.client("4.4.4.4:1", "ana");
    let both = client.ask(&mut rig, Method::Allocate, both_families);
    let relays: Vec<SocketAddr> = both.message().addresses(attribute::XOR_RELAYED_ADDRESS).flatten().collect();
    assert_eq!(client.bind(&mut rig, 0x4000, "8.8.8.8:7"), 0);
    assert_eq!(client.bind(&mut rig, 0x4001, "[2606::9]:7"), 0);
    let end = |rig: &mut Rig, client: &mut Client, family: u8| {
        client
            .ask(rig, Method::Refresh, |b| {
                b.attribute(attribute::LIFETIME, &[0; 4])
                    .attribute(attribute::REQUESTED_ADDRESS_FAMILY, &[family, 0, 0, 0])
            })
            .code
    };
    assert_eq!((end(&mut rig, &mut client, 2), rig.ports.count()), (0, 1));
    assert!(rig.ports.id_of(relays[1]).is_none(), "IPv6 is closed");
    assert_eq!(rig.give(client.id, &channel_data(0x4000, b"x")).len(), 1);
    assert!(rig.give(client.id, &channel_data(0x4001, b"x")).is_empty());
    assert_eq!(client.bind(&mut rig, 0x4001, "8.8.8.8:9"), 0, "its number is free");
    assert_eq!((end(&mut rig, &mut client, 2), client.permit(&mut rig, &["[2606::9]:7"])), (443, 443));
    assert_eq!((end(&mut rig, &mut client, 1), rig.ports.count()), (0, 0), "the last one takes the rest along");
    assert_eq!(client.refresh(&mut rig, 600).code, 437);
}

#[test]
fn an_answer_that_comes_again_still_says_which_family_is_missing() {
    let mut rig = Rig::new(|_| {});
    rig.ports.no_ipv6 = true;
    let mut client = rig.client("4.4.4.4:1", "ana");
    let bytes = client.request(Method::Allocate, true, both_families);
    let first = rig.answer(client.id, &bytes);
    assert_eq!(first.message().get(attribute::ADDRESS_ERROR_CODE).unwrap()[2..4], [4, 40]);
    assert_eq!(rig.answer(client.id, &bytes).bytes, first.bytes);
}

#[test]
fn a_request_that_comes_again_gets_the_same_answer() {
    let mut rig = Rig::new(|_| {});
    let mut client = rig.client("4.4.4.4:1", "ana");
    let bytes = client.request(Method::Allocate, true, |b| b.attribute(attribute::REQUESTED_TRANSPORT, TRANSPORT));
    let first = rig.answer(client.id, &bytes);
    rig.pass(20);
    assert_eq!(rig.answer(client.id, &bytes).bytes, first.bytes);
    assert_eq!(rig.ports.count(), 1);
    let another = client.ask(&mut rig, Method::Allocate, |b| b.attribute(attribute::REQUESTED_TRANSPORT, TRANSPORT));
    assert_eq!(another.code, 437);
    rig.pass(41);
    assert_eq!(rig.answer(client.id, &bytes).code, 437);
}
