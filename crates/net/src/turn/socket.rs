//! UDP sockets whose datagrams come and go in runs (GRO and GSO), many runs with one system call.
//!
//! A relay has a socket for each allocation, and most of what it does is one packet in and one
//! packet out. There the general `quinn-udp` costs a fifth more: it asks the kernel for
//! timestamps, destinations and marks that a relay has no use for, and sends one run at a time.
//! On Linux the calls are made in [`linux`]; elsewhere `quinn-udp` makes them.

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "portable.rs"]
mod system;

// Where it is not used it is tested all the same.
#[cfg(all(test, target_os = "linux"))]
#[allow(dead_code)]
#[path = "portable.rs"]
mod portable;

pub(super) use system::{Buffers, Datagrams, Sender};

use std::io;
use std::net::{SocketAddr, UdpSocket};

/// Runs received by one system call.
const SLOTS: usize = 16;

/// How much is likely to wait at a socket: what is prepared for one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    /// Many clients send to one listener.
    Many,
    /// A relay socket has its few peers.
    Few,
}

impl Expect {
    fn slots(self) -> usize {
        match self {
            Self::Many => SLOTS,
            Self::Few => 4,
        }
    }
}
/// A run with its headers fits into one IP packet.
const RUN_BYTES: usize = 65_000;
/// The largest run the kernel hands out.
const SLOT_BYTES: usize = 65_536;

/// A run that goes out: datagrams of `segment` bytes each but for the last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outgoing<'a> {
    pub(super) to: SocketAddr,
    pub(super) segment: usize,
    pub(super) bytes: &'a [u8],
}

impl<'a> Outgoing<'a> {
    /// How many datagrams it is; an empty one is one, too.
    fn datagrams(&self) -> u64 {
        self.bytes.len().div_ceil(self.segment.max(1)).max(1) as u64
    }

    /// The same in runs of at most so many datagrams, none longer than a call takes.
    fn in_runs_of(self, most: usize) -> impl Iterator<Item = Outgoing<'a>> {
        let segment = self.segment.max(1);
        let run = segment * most.min(RUN_BYTES / segment).max(1);
        let pieces = self.bytes.chunks(run).chain(self.bytes.is_empty().then_some(self.bytes));
        pieces.map(move |bytes| Self { bytes, ..self })
    }
}

/// Binds; `buffer` bytes are asked of the kernel, 0 for its default. IPv6 sockets take no IPv4.
fn bound(address: SocketAddr, buffer: usize) -> io::Result<UdpSocket> {
    let domain = if address.is_ipv4() { socket2::Domain::IPV4 } else { socket2::Domain::IPV6 };
    let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, Some(socket2::Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if buffer > 0 {
        // Best effort: a smaller buffer loses bursts, it does not stop calls.
        let _ = socket.set_recv_buffer_size(buffer);
        let _ = socket.set_send_buffer_size(buffer);
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use std::time::{Duration, Instant};

    /// Everything a socket must do, for both ways of doing it.
    macro_rules! keeps_its_word {
        ($name:ident, $way:ident) => {
            mod $name {
                use super::super::$way::{Buffers, Datagrams, Sender};
                use super::*;

                /// What comes until `count` datagrams are there: from whom, and each one's bytes.
                fn come(socket: &Datagrams, count: usize) -> Vec<(SocketAddr, Vec<u8>)> {
                    let (mut buffers, mut all) = (Buffers::new(), Vec::new());
                    let patience = Instant::now() + Duration::from_secs(5);
                    while all.len() < count && Instant::now() < patience {
                        let (runs, _) = socket.receive(&mut buffers, Expect::Few);
                        for (from, bytes, stride) in buffers.runs(runs) {
                            if bytes.is_empty() {
                                all.push((from, Vec::new()));
                            }
                            all.extend(bytes.chunks(stride).map(|datagram| (from, datagram.to_vec())));
                        }
                    }
                    all
                }

                fn pair(ip: &str) -> (Datagrams, Datagrams) {
                    let bind = || Datagrams::bind(SocketAddr::new(ip.parse().unwrap(), 0), 1 << 20).unwrap();
                    (bind(), bind())
                }

                #[test]
                fn runs_arrive_whole_and_in_order() {
                    for ip in ["127.0.0.1", "::1"] {
                        let (a, b) = pair(ip);
                        let to = b.local().unwrap();
                        let long: Vec<u8> = (0..70_000_u32).flat_map(u32::to_be_bytes).collect();
                        // One alone, none at all, a run with a short end, and one longer than a call takes.
                        let wanted = [(200, 200), (1, 0), (100, 1_550), (1_200, 150_000)];
                        let runs: Vec<_> = wanted
                            .iter()
                            .map(|(segment, end)| Outgoing { to, segment: *segment, bytes: &long[..*end] })
                            .collect();
                        let expected: Vec<Vec<u8>> = runs
                            .iter()
                            .flat_map(|run| {
                                let empty = run.bytes.is_empty().then(Vec::new);
                                run.bytes.chunks(run.segment).map(<[u8]>::to_vec).chain(empty)
                            })
                            .collect();
                        assert_eq!(a.send(runs.into_iter(), &mut Sender::new()), 0);
                        let got = come(&b, expected.len());
                        assert!(got.iter().all(|(from, _)| *from == a.local().unwrap()), "{ip}");
                        assert_eq!(got.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>(), expected, "{ip}");
                    }
                }

                #[test]
                fn one_call_sends_to_many() {
                    let (a, _) = pair("127.0.0.1");
                    let peers: Vec<_> = (0..150).map(|_| pair("127.0.0.1").0).collect();
                    let bytes: Vec<u8> = (0..150).collect();
                    let to = |place: usize| Outgoing {
                        to: peers[place].local().unwrap(),
                        segment: 1,
                        bytes: &bytes[place..=place],
                    };
                    assert_eq!(a.send((0..150).map(to), &mut Sender::new()), 0);
                    for (place, peer) in peers.iter().enumerate() {
                        assert_eq!(come(peer, 1), [(a.local().unwrap(), vec![bytes[place]])]);
                    }
                }

                #[test]
                fn what_cannot_be_sent_is_counted_and_stops_nothing() {
                    let (a, b) = pair("127.0.0.1");
                    let to = |to: &str, segment, bytes| Outgoing { to: to.parse().unwrap(), segment, bytes };
                    let there = b.local().unwrap().to_string();
                    let too_long = vec![0; 65_600];
                    let runs = [
                        to(&there, 5, b"first".as_slice()),
                        // Not of this socket's family, and no datagram is that long.
                        to("[::1]:9", 4, b"lost".as_slice()),
                        to(&there, 65_600, &too_long),
                        to(&there, 4, b"last".as_slice()),
                    ];
                    assert_eq!(a.send(runs.into_iter(), &mut Sender::new()), 2);
                    let got: Vec<_> = come(&b, 2).into_iter().map(|(_, bytes)| bytes).collect();
                    assert_eq!(got, [b"first".to_vec(), b"last".to_vec()]);
                }

                #[test]
                fn nothing_waits_for_what_is_not_there() {
                    let (a, _) = pair("127.0.0.1");
                    assert_eq!(a.receive(&mut Buffers::new(), Expect::Many), (0, false));
                }
            }
        };
    }

    #[cfg(target_os = "linux")]
    keeps_its_word!(linux, system);
    #[cfg(target_os = "linux")]
    keeps_its_word!(elsewhere, portable);
    #[cfg(not(target_os = "linux"))]
    keeps_its_word!(here, system);
}
