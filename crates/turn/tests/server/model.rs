//! The server against a model that is a few maps: nothing is ever relayed without a live
//! permission, and everything that has one is.

use crate::rig::{Client, Rig, channel_data, send_indication};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tandem_turn::{ClientId, Destination};
use tandem_wire::stun::{Method, attribute};

#[derive(Debug, Clone)]
enum Step {
    Allocate(usize),
    Release(usize),
    Permit(usize, u8),
    Bind(usize, u16, u8),
    Send(usize, u8),
    Data(usize, u16),
    Come(usize, u8),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let client = 0_usize..3;
    let step = prop_oneof![
        client.clone().prop_map(Step::Allocate),
        client.clone().prop_map(Step::Release),
        (client.clone(), 0_u8..4).prop_map(|(c, p)| Step::Permit(c, p)),
        (client.clone(), 0_u16..4, 0_u8..4).prop_map(|(c, n, p)| Step::Bind(c, n, p)),
        (client.clone(), 0_u8..4).prop_map(|(c, p)| Step::Send(c, p)),
        (client.clone(), 0_u16..4).prop_map(|(c, n)| Step::Data(c, n)),
        (client, 0_u8..4).prop_map(|(c, p)| Step::Come(c, p)),
        (0_u64..400).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..80)
}

/// Of one client: until when its allocation lives, which peers it permits, which numbers they have.
#[derive(Default)]
struct Model {
    until: u64,
    permitted: BTreeMap<u8, u64>,
    channels: BTreeMap<u16, (u8, u64)>,
}

impl Model {
    fn lives(&self, now: u64) -> bool {
        self.until > now
    }

    fn permits(&self, peer: u8, now: u64) -> bool {
        self.lives(now) && self.permitted.get(&peer).is_some_and(|until| *until > now)
    }

    fn may_bind(&self, number: u16, peer: u8, now: u64) -> bool {
        self.channels.iter().all(|(n, (p, until))| (*n == number) == (*p == peer) || until + 300 <= now)
    }
}

fn peer(n: u8) -> String {
    format!("8.8.8.{n}:7")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn only_what_is_permitted_passes(steps in steps()) {
        let mut rig = Rig::new(|settings| settings.unauthorized_rate = (1e9, 1e9));
        // Credentials have tests of their own, too.
        let ever = |n: u8| tandem_turn::mint(crate::rig::SECRET, &format!("user{n}"), crate::rig::NOW, 1_000_000);
        let at = |n: u8| ClientId::Udp { listener: 0, address: SocketAddr::from(([4, 4, 4, n], 1)) };
        let mut clients: Vec<Client> = (1..4).map(|n| rig.client_at(at(n), ever(n))).collect();
        let mut relayed: Vec<Option<SocketAddr>> = vec![None; 3];
        let mut models: Vec<Model> = (0..3).map(|_| Model::default()).collect();
        let mut now = 0;
        for step in steps {
            match step {
                Step::Allocate(c) => {
                    clients[c].learn(&mut rig);
                    let answer = clients[c].ask(&mut rig, Method::Allocate, |b| b.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]));
                    prop_assert_eq!(answer.code, if models[c].lives(now) { 437 } else { 0 });
                    if answer.code == 0 {
                        relayed[c] = Some(answer.address(attribute::XOR_RELAYED_ADDRESS));
                        models[c] = Model { until: now + 600, ..Model::default() };
                    }
                }
                Step::Release(c) => {
                    let code = again(&mut clients[c], &mut rig, |client, rig| client.refresh(rig, 0).code);
                    prop_assert_eq!(code, if models[c].lives(now) { 0 } else { 437 });
                    models[c].until = 0;
                }
                Step::Permit(c, p) => {
                    let code = again(&mut clients[c], &mut rig, |client, rig| client.permit(rig, &[&peer(p)]));
                    prop_assert_eq!(code, if models[c].lives(now) { 0 } else { 437 });
                    if code == 0 { models[c].permitted.insert(p, now + 300); }
                }
                Step::Bind(c, n, p) => {
                    let code = again(&mut clients[c], &mut rig, |client, rig| client.bind(rig, 0x4000 + n, &peer(p)));
                    let expected = match &models[c] {
                        model if !model.lives(now) => 437,
                        model if !model.may_bind(n, p, now) => 400,
                        _ => 0,
                    };
                    prop_assert_eq!(code, expected);
                    if code == 0 {
                        models[c].channels.retain(|_, (_, until)| *until + 300 > now);
                        models[c].channels.insert(n, (p, now + 600));
                        models[c].permitted.insert(p, now + 300);
                    }
                }
                Step::Send(c, p) => {
                    let sent = rig.give(clients[c].id, &send_indication(&peer(p), b"x"));
                    prop_assert_eq!(sent.len(), usize::from(models[c].permits(p, now)));
                }
                Step::Data(c, n) => {
                    let sent = rig.give(clients[c].id, &channel_data(0x4000 + n, b"x"));
                    let to = models[c].channels.get(&n).filter(|(p, until)| *until > now && models[c].permits(*p, now));
                    prop_assert_eq!(sent.len(), usize::from(to.is_some()));
                    if let (Some((p, _)), Some((Destination::Peer(_, address), _))) = (to, sent.first()) {
                        prop_assert_eq!(address.to_string(), peer(*p));
                    }
                }
                Step::Come(c, p) => {
                    let came = relayed[c].map(|relayed| rig.peer_sends(relayed, &peer(p), b"x")).unwrap_or_default();
                    prop_assert_eq!(came.len(), usize::from(models[c].permits(p, now)));
                    prop_assert!(came.iter().all(|(to, _)| *to == Destination::Client(clients[c].id)));
                }
                Step::Pass(seconds) => {
                    now += seconds;
                    rig.pass(seconds);
                }
            }
            let alive = models.iter().filter(|model| model.lives(now)).count();
            prop_assert_eq!(rig.server.stats().allocations, alive as u64);
            prop_assert_eq!(rig.ports.count(), alive);
        }
    }
}

/// Asks with a new nonce: they have tests of their own.
fn again(client: &mut Client, rig: &mut Rig, ask: impl FnOnce(&mut Client, &mut Rig) -> u16) -> u16 {
    client.learn(rig);
    ask(client, rig)
}
