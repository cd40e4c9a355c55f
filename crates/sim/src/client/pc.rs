//! One peer connection: the engine, its address, and what it wants to send.

use std::net::SocketAddr;
use std::time::Instant;
use str0m::channel::{ChannelConfig, Reliability};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

/// See the module.
pub(super) struct Pc {
    pub(super) rtc: Rtc,
    pub(super) address: SocketAddr,
    /// When it wants to be called.
    pub(super) deadline: Instant,
    /// When the connection came up.
    pub(super) connected_at: Option<Instant>,
    outgoing: Vec<Vec<u8>>,
}

fn candidate(address: SocketAddr) -> Candidate {
    Candidate::host(address, "udp").expect("a host address is a candidate")
}

impl Pc {
    pub(super) fn new(address: SocketAddr, now: Instant) -> Self {
        let config = RtcConfig::new().set_rtp_mode(true).clear_codecs().enable_opus(true, false).enable_vp8(true);
        let mut rtc = config.build(now);
        rtc.add_local_candidate(candidate(address));
        Self { rtc, address, deadline: now, connected_at: None, outgoing: Vec::new() }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connected_at.is_some() && self.rtc.is_connected()
    }

    /// The network changed; the next offer restarts ICE.
    pub(super) fn move_to(&mut self, address: SocketAddr) {
        self.rtc.direct_api().invalidate_candidate(&candidate(self.address));
        self.rtc.add_local_candidate(candidate(address));
        self.address = address;
    }

    pub(super) fn receive(&mut self, server: SocketAddr, data: &[u8], now: Instant) -> Vec<Event> {
        let receive = Receive::new(Protocol::Udp, server, self.address, data).expect("the server sends known packets");
        self.rtc.handle_input(Input::Receive(now, receive)).expect("the engine takes packets");
        self.drain(now)
    }

    pub(super) fn tick(&mut self, now: Instant) -> Vec<Event> {
        self.rtc.handle_input(Input::Timeout(now)).expect("the engine takes the time");
        self.drain(now)
    }

    fn drain(&mut self, now: Instant) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let output = self.rtc.poll_output();
            match output.unwrap_or_else(|error| panic!("{}: {error}", self.address)) {
                Output::Transmit(t) => self.outgoing.push(t.contents.to_vec()),
                Output::Event(event) => {
                    if matches!(event, Event::Connected) {
                        self.connected_at = Some(now);
                    }
                    events.push(event);
                }
                Output::Timeout(at) => {
                    self.deadline = at;
                    return events;
                }
            }
        }
    }

    /// Datagrams to the server since the last call.
    pub(super) fn take_outgoing(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.outgoing)
    }
}

/// One of LiveKit's data channels as clients open them.
pub(super) fn channel(label: &str) -> ChannelConfig {
    let ordered = label == "_reliable";
    let reliability = if ordered { Reliability::Reliable } else { Reliability::MaxRetransmits { retransmits: 0 } };
    ChannelConfig { label: label.to_owned(), ordered, reliability, negotiated: None, protocol: String::new() }
}
