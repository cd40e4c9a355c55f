//! A shell without sockets, and a client that can prove who it is.

use aws_lc_rs::hmac;
use md5::{Digest, Md5};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tandem_turn::{
    ClientId, Credentials, Destination, OpenError, Opened, Outputs, RelayId, Relays, Server, Settings, Want, mint,
};
use tandem_wire::stun::{Builder, Class, Message, Method, TransactionId, attribute};

pub(crate) const NOW: u64 = 1_700_000_000;
pub(crate) const SECRET: &str = "north wind";

/// Ports of a node at 198.18.0.1, which stands for the internet here, and an address of IPv6.
#[derive(Default)]
pub(crate) struct Ports {
    pub(crate) open: Vec<Option<SocketAddr>>,
    pub(crate) none_left: bool,
    pub(crate) no_ipv6: bool,
    next: u16,
}

impl Ports {
    fn add(&mut self, address: SocketAddr) -> RelayId {
        let place = self.open.iter().position(Option::is_none).unwrap_or_else(|| {
            self.open.push(None);
            self.open.len() - 1
        });
        self.open[place] = Some(address);
        RelayId(u32::try_from(place).unwrap())
    }

    pub(crate) fn count(&self) -> usize {
        self.open.iter().flatten().count()
    }

    pub(crate) fn id_of(&self, address: SocketAddr) -> Option<RelayId> {
        let place = self.open.iter().position(|open| *open == Some(address))?;
        Some(RelayId(u32::try_from(place).unwrap()))
    }
}

impl Relays for Ports {
    fn open(&mut self, want: Want) -> Result<Opened, OpenError> {
        if self.none_left {
            return Err(OpenError::Ports);
        }
        if want.ipv6 && self.no_ipv6 {
            return Err(OpenError::Family);
        }
        self.next += 2;
        let at =
            |port| if want.ipv6 { format!("[2606::1]:{port}") } else { format!("9.9.9.9:{port}") }.parse().unwrap();
        let first: SocketAddr = at(50_000 + self.next);
        let relay = (self.add(first), first);
        let pair = want.pair.then(|| {
            let second: SocketAddr = at(50_001 + self.next);
            (self.add(second), second)
        });
        Ok(Opened { relay, pair })
    }

    fn close(&mut self, relay: RelayId) {
        assert!(self.open[relay.0 as usize].take().is_some(), "closed twice");
    }
}

pub(crate) struct Rig {
    pub(crate) server: Server,
    pub(crate) ports: Ports,
    pub(crate) now: Instant,
    pub(crate) out: Outputs,
    start: Instant,
}

/// Somebody with an address and credentials.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) id: ClientId,
    pub(crate) credentials: Credentials,
    pub(crate) realm: String,
    pub(crate) nonce: String,
    next: u8,
}

/// An answer, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) class: Class,
    pub(crate) code: u16,
}

impl Answer {
    pub(crate) fn message(&self) -> Message<'_> {
        Message::parse(&self.bytes).unwrap()
    }

    pub(crate) fn address(&self, number: u16) -> SocketAddr {
        self.message().address(number).unwrap()
    }
}

impl Rig {
    pub(crate) fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings { secrets: vec![SECRET.to_owned()], ..Settings::default() };
        change(&mut settings);
        let now = Instant::now();
        Self {
            server: Server::new(settings, &[3; 32], now, NOW),
            ports: Ports::default(),
            now,
            out: Outputs::default(),
            start: now,
        }
    }

    pub(crate) fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.server.on_timeout(self.now, &mut self.ports);
    }

    /// Everything that went out, datagram by datagram.
    pub(crate) fn sent(&mut self) -> Vec<(Destination, Vec<u8>)> {
        let all = self.out.iter().flat_map(|(run, bytes)| {
            bytes.chunks(run.segment.max(1)).map(|one| (run.to, one.to_vec())).collect::<Vec<_>>()
        });
        let all = all.collect();
        self.out.clear();
        all
    }

    pub(crate) fn give(&mut self, client: ClientId, bytes: &[u8]) -> Vec<(Destination, Vec<u8>)> {
        self.server.client_run(self.now, client, bytes, bytes.len(), &mut self.ports, &mut self.out);
        self.sent()
    }

    pub(crate) fn peer_sends(&mut self, relay: SocketAddr, peer: &str, bytes: &[u8]) -> Vec<(Destination, Vec<u8>)> {
        let Some(relay) = self.ports.id_of(relay) else { return Vec::new() };
        self.server.relay_run(self.now, relay, peer.parse().unwrap(), bytes, bytes.len(), &mut self.out);
        self.sent()
    }

    /// The one answer to a request.
    pub(crate) fn answer(&mut self, client: ClientId, bytes: &[u8]) -> Answer {
        let mut sent = self.give(client, bytes);
        assert_eq!(sent.len(), 1, "one answer");
        let (to, bytes) = sent.remove(0);
        assert_eq!(to, Destination::Client(client));
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.fingerprint(), Some(true), "the requests here have one");
        let code = message.get(attribute::ERROR_CODE).map_or(0, |v| u16::from(v[2]) * 100 + u16::from(v[3]));
        Answer { class: message.class, code, bytes: bytes.clone() }
    }

    pub(crate) fn client(&mut self, address: &str, user: &str) -> Client {
        let now = NOW + self.now.duration_since(self.start).as_secs();
        let id = ClientId::Udp { listener: 0, address: address.parse().unwrap() };
        self.client_at(id, mint(SECRET, user, now, 3600))
    }

    pub(crate) fn client_at(&mut self, id: ClientId, credentials: Credentials) -> Client {
        let mut client = Client { id, credentials, realm: String::new(), nonce: String::new(), next: 0 };
        client.learn(self);
        client
    }

    /// A client with an allocation, and the address peers reach it at.
    pub(crate) fn allocated(&mut self, address: &str, user: &str) -> (Client, SocketAddr) {
        let mut client = self.client(address, user);
        let answer =
            client.ask(self, Method::Allocate, |b| b.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]));
        assert_eq!(answer.class, Class::Success, "{}", answer.code);
        let relayed = answer.address(attribute::XOR_RELAYED_ADDRESS);
        (client, relayed)
    }
}

impl Client {
    /// Asks without proof, and keeps realm and nonce of the refusal.
    pub(crate) fn learn(&mut self, rig: &mut Rig) {
        let bytes = self.request(Method::Allocate, false, |b| b);
        let answer = rig.answer(self.id, &bytes);
        assert_eq!(answer.code, 401);
        self.realm = answer.message().text(attribute::REALM).unwrap().to_owned();
        self.nonce = answer.message().text(attribute::NONCE).unwrap().to_owned();
    }

    pub(crate) fn request(
        &mut self,
        method: Method,
        proof: bool,
        with: impl FnOnce(Builder<'_>) -> Builder<'_>,
    ) -> Vec<u8> {
        self.next = self.next.wrapping_add(1);
        let mut out = Vec::new();
        let mut builder = with(Builder::new(&mut out, Class::Request, method, TransactionId([self.next; 12])));
        if proof {
            let text = format!("{}:{}:{}", self.credentials.username, self.realm, self.credentials.password);
            let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &Md5::digest(text));
            builder = builder
                .attribute(attribute::USERNAME, self.credentials.username.as_bytes())
                .attribute(attribute::REALM, self.realm.as_bytes())
                .attribute(attribute::NONCE, self.nonce.as_bytes())
                .integrity(|covered| hmac::sign(&key, covered).as_ref().try_into().unwrap());
        }
        let _ = builder.fingerprint();
        out
    }

    pub(crate) fn ask(
        &mut self,
        rig: &mut Rig,
        method: Method,
        with: impl FnOnce(Builder<'_>) -> Builder<'_>,
    ) -> Answer {
        let bytes = self.request(method, true, with);
        rig.answer(self.id, &bytes)
    }

    /// The code of the answer, 0 for success.
    pub(crate) fn permit(&mut self, rig: &mut Rig, peers: &[&str]) -> u16 {
        self.ask(rig, Method::CreatePermission, |builder| {
            peers.iter().fold(builder, |b, peer| b.address(attribute::XOR_PEER_ADDRESS, peer.parse().unwrap()))
        })
        .code
    }

    pub(crate) fn bind(&mut self, rig: &mut Rig, number: u16, peer: &str) -> u16 {
        let [n0, n1] = number.to_be_bytes();
        self.ask(rig, Method::ChannelBind, |builder| {
            builder
                .attribute(attribute::CHANNEL_NUMBER, &[n0, n1, 0, 0])
                .address(attribute::XOR_PEER_ADDRESS, peer.parse().unwrap())
        })
        .code
    }

    pub(crate) fn refresh(&mut self, rig: &mut Rig, seconds: u32) -> Answer {
        self.ask(rig, Method::Refresh, |b| b.attribute(attribute::LIFETIME, &seconds.to_be_bytes()))
    }
}

pub(crate) fn channel_data(number: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    bytes.extend(payload);
    bytes
}

pub(crate) fn send_indication(peer: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let _ = Builder::new(&mut out, Class::Indication, Method::Send, TransactionId([1; 12]))
        .address(attribute::XOR_PEER_ADDRESS, peer.parse().unwrap())
        .attribute(attribute::DATA, payload);
    out
}
