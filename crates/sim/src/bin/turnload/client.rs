//! As much of a TURN client as a load needs.

use aws_lc_rs::hmac;
use md5::{Digest, Md5};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;
use tandem_wire::stun::{Builder, Class, Message, Method, TransactionId, attribute};

pub(crate) struct Client {
    socket: UdpSocket,
    user: String,
    password: String,
    realm: String,
    nonce: String,
    pub(crate) relayed: SocketAddr,
}

impl Client {
    /// Somebody before may have used this port and gone without a word: then another one is taken.
    pub(crate) fn allocate(server: SocketAddr, user: &str, password: &str) -> io::Result<Self> {
        let mut made = Self::allocate_once(server, user, password);
        for _ in 0..4 {
            if made.is_ok() {
                break;
            }
            made = Self::allocate_once(server, user, password);
        }
        made
    }

    fn allocate_once(server: SocketAddr, user: &str, password: &str) -> io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(Duration::from_millis(500)))?;
        let (user, password) = (user.to_owned(), password.to_owned());
        let relayed = socket.local_addr()?;
        let mut client = Self { socket, user, password, realm: String::new(), nonce: String::new(), relayed };
        let transport = |builder: Builder<'_>| {
            let _ = builder.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
        };
        let refused = client.ask(Method::Allocate, &transport)?;
        let message = Message::parse(&refused).map_err(io::Error::other)?;
        client.realm = message.text(attribute::REALM).unwrap_or_default().to_owned();
        client.nonce = message.text(attribute::NONCE).unwrap_or_default().to_owned();
        let answer = client.ask(Method::Allocate, &transport)?;
        let message = Message::parse(&answer).map_err(io::Error::other)?;
        let relayed = message.address(attribute::XOR_RELAYED_ADDRESS);
        client.relayed = relayed.ok_or_else(|| io::Error::other("no allocation"))?;
        Ok(client)
    }

    pub(crate) fn bind(&mut self, number: u16, peer: SocketAddr) -> io::Result<()> {
        let [n0, n1] = number.to_be_bytes();
        let answer = self.ask(Method::ChannelBind, &|builder| {
            let builder = builder.attribute(attribute::CHANNEL_NUMBER, &[n0, n1, 0, 0]);
            let _ = builder.address(attribute::XOR_PEER_ADDRESS, peer);
        })?;
        let message = Message::parse(&answer).map_err(io::Error::other)?;
        if message.class == Class::Success { Ok(()) } else { Err(io::Error::other("no channel")) }
    }

    pub(crate) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    fn ask(&self, method: Method, with: &dyn Fn(Builder<'_>)) -> io::Result<Vec<u8>> {
        let id = TransactionId(rand::random());
        let mut out = Vec::new();
        // What the request is about comes first, and is measured again with the proof.
        with(Builder::new(&mut out, Class::Request, method, id));
        if !self.nonce.is_empty() {
            let body = out.split_off(20);
            out.clear();
            let mut builder = Builder::new(&mut out, Class::Request, method, id);
            let mut rest = body.as_slice();
            while let Some((head, value)) = rest.split_first_chunk::<4>() {
                let [t0, t1, l0, l1] = *head;
                let length = usize::from(u16::from_be_bytes([l0, l1]));
                builder = builder.attribute(u16::from_be_bytes([t0, t1]), &value[..length]);
                rest = &value[length.next_multiple_of(4)..];
            }
            let key = Md5::digest(format!("{}:{}:{}", self.user, self.realm, self.password));
            let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
            let _ = builder
                .attribute(attribute::USERNAME, self.user.as_bytes())
                .attribute(attribute::REALM, self.realm.as_bytes())
                .attribute(attribute::NONCE, self.nonce.as_bytes())
                .integrity(|covered| hmac::sign(&key, covered).as_ref().try_into().unwrap());
        }
        let mut buffer = vec![0; 2048];
        for _ in 0..6 {
            self.socket.send(&out)?;
            // Anything else is an answer to what was asked before.
            while let Ok(length) = self.socket.recv(&mut buffer) {
                if Message::parse(&buffer[..length]).is_ok_and(|message| message.id == id) {
                    buffer.truncate(length);
                    return Ok(buffer);
                }
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }
}
