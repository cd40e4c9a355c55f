//! Starts the real binary on free ports and talks HTTP to it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code, unreachable_pub)]

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use tandem_server::auth::{Claims, Keys};

/// The binary without any setting of whoever runs the tests.
pub fn tandem() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TANDEM_") || name == "RUST_LOG") {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// A directory of this test's own, removed at the end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tandem-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running server.
pub struct Server {
    pub child: Child,
    pub ready: Value,
    pub folder: Folder,
}

const FREE_PORTS: [&str; 8] = ["--port", "0", "--udp-port", "0", "--tcp-port", "0", "--turn-port", "0"];

impl Server {
    pub fn dev() -> Self {
        Self::start(&["--dev"])
    }

    pub fn start(flags: &[&str]) -> Self {
        let folder = Folder::new();
        let data = folder.0.join("data");
        let mut child = tandem()
            .arg("serve")
            .args(FREE_PORTS)
            .args(["--shards", "2", "--data"])
            .arg(&data)
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| panic!("the first line is {line:?}"));
        Self { child, ready, folder }
    }

    pub fn address(&self) -> &str {
        self.ready["http"].as_str().unwrap().strip_prefix("http://").unwrap()
    }

    pub fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address()).unwrap()
    }

    pub fn request(&self, head: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let mut stream = self.connect();
        write!(stream, "{head} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address()).unwrap();
        for (name, value) in headers {
            write!(stream, "{name}: {value}\r\n").unwrap();
        }
        write!(stream, "Content-Length: {}\r\n\r\n", body.len()).unwrap();
        // A server that refuses early may close before it has read everything.
        let _ = stream.write_all(body);
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        Response::parse(&bytes)
    }

    pub fn get(&self, path: &str) -> Response {
        self.request(&format!("GET {path}"), &[], b"")
    }

    pub fn post_json(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> Response {
        let all: Vec<_> = [("Content-Type", "application/json")].iter().chain(headers).copied().collect();
        self.request(&format!("POST {path}"), &all, body.as_bytes())
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer.
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Response {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("a whole head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", self.text()))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

pub fn devkey() -> Keys {
    Keys::new(vec![("devkey".into(), "secret".into())])
}

/// A token with this `video` claim that is good for a long time.
pub fn token(keys: &Keys, video: Value) -> String {
    let claims: Claims =
        serde_json::from_value(serde_json::json!({"sub": "ana", "exp": 4_000_000_000_u64, "video": video})).unwrap();
    keys.sign(&claims).unwrap()
}

/// Runs a command that is expected to end by itself.
pub fn run(args: &[&str], folder: &Path) -> Output {
    tandem().args(args).current_dir(folder).output().unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
