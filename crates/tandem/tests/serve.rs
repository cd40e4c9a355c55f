//! The server from outside: ports, pages, joins, signals.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Folder, Server, devkey, run, stderr, token};
use livekit_protocol as proto;
use prost::Message;
use proto::signal_response::Message as Said;
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

#[test]
fn the_ready_line_names_every_port() {
    let server = Server::dev();
    let ready = server.ready.as_object().unwrap();
    assert_eq!(ready.keys().collect::<Vec<_>>(), ["http", "ready", "tcp", "turn", "udp"]);
    assert_eq!(ready["ready"], true);
    assert!(ready["http"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    assert_eq!(ready["udp"].as_array().unwrap().len(), 2);
    assert!(ready["udp"].as_array().unwrap().iter().all(|port| port.as_u64().unwrap() > 0));
    assert!(ready["tcp"].as_u64().unwrap() > 0);
    assert!(ready["turn"].as_u64().is_some_and(|port| port > 0));
}

#[test]
fn people_get_the_app_and_probes_get_ok() {
    let server = Server::dev();
    let probe = server.get("/");
    assert_eq!((probe.status, probe.text()), (200, "OK"));
    assert_eq!(server.request("HEAD /", &[], b"").status, 200);
    let html = [("Accept", "text/html,application/xhtml+xml"), ("Origin", "http://else.example")];
    for path in ["/", "/meet/demo"] {
        let page = server.request(&format!("GET {path}"), &html, b"");
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text().contains("<title>Tandem</title>"));
        assert!(page.header("content-type").unwrap().starts_with("text/html"));
        assert_eq!(page.header("access-control-allow-origin"), Some("*"));
        assert!(page.header("content-security-policy").unwrap().contains("default-src 'self'"));
        assert_eq!(page.header("cache-control"), Some("no-cache"));
    }
    for path in ["/meet/demo", "/assets/none.js", "/rtc", "/nothing"] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
    for path in ["/assets/none.js", "/v1/nothing", "/rtc", "/twirp/x"] {
        assert_eq!(server.request(&format!("GET {path}"), &html, b"").status, 404, "{path}");
    }
    let preflight = [
        ("Origin", "http://x"),
        ("Access-Control-Request-Method", "PATCH"),
        ("Access-Control-Request-Headers", "authorization"),
    ];
    let answer = server.request("OPTIONS /v1/join", &preflight, b"");
    assert_eq!((answer.status, answer.header("access-control-max-age")), (200, Some("86400")));
    assert_eq!(answer.header("access-control-allow-headers"), Some("authorization"));
}

#[test]
fn operators_see_health_and_numbers() {
    let server = Server::dev();
    assert_eq!(server.get("/healthz").text(), "ok");
    assert_eq!(server.get("//healthz").text(), "ok");
    assert_eq!(server.get("/readyz").text(), "ready");
    assert_eq!(server.get("/rtc/validate?access_token=x").status, 401);
    let metrics = server.get("/metrics");
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    let line = "tandem_rejects_total{door=\"livekit\",code=\"unauthenticated\"} 1";
    assert!(metrics.text().lines().any(|found| found == line), "{}", metrics.text());
    assert_eq!(server.get("/debug/rooms/none").status, 404);
}

#[test]
fn debugging_needs_a_token_outside_development() {
    let server = Server::start(&["--bind", "127.0.0.1", "--keys", "devkey: secret"]);
    assert_eq!(server.get("/debug/rooms/demo").status, 401);
    let ask = |video| {
        let bearer = format!("Bearer {}", token(&devkey(), video));
        server.request("GET /debug/rooms/demo", &[("Authorization", &bearer)], b"").status
    };
    assert_eq!(ask(json!({"roomAdmin": true, "room": "other"})), 403);
    assert_eq!(ask(json!({"roomAdmin": true, "room": "demo"})), 404);
}

#[test]
fn joining_an_open_room() {
    let server = Server::dev();
    let joined = server.post_json("/v1/join", r#"{"room":"demo","name":" Ana María "}"#, &[]);
    assert_eq!(joined.status, 200, "{}", joined.text());
    let joined = joined.json();
    assert_eq!((joined["room"].as_str(), joined["name"].as_str()), (Some("demo"), Some("Ana María")));
    assert_eq!(joined["url"], format!("ws://{}", server.address()));
    assert!(joined["ice_servers"][0]["urls"][0].as_str().unwrap().starts_with("stun:"));
    assert!(joined["ice_servers"][1]["urls"][0].as_str().unwrap().ends_with("?transport=udp"));
    assert!(joined["ice_servers"][1]["username"].as_str().unwrap().ends_with(joined["identity"].as_str().unwrap()));
    let grant = devkey().verify(joined["token"].as_str().unwrap(), 0);
    assert!(grant.is_err(), "not valid in 1970");
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let grant = devkey().verify(joined["token"].as_str().unwrap(), now).unwrap();
    assert_eq!(grant.identity.unwrap().as_str(), joined["identity"].as_str().unwrap());
    assert!(grant.room_join && grant.permissions.can_update_metadata && !grant.room_admin);
    let path = format!("/rtc/validate?access_token={}", joined["token"].as_str().unwrap());
    assert_eq!(server.get(&path).text(), "success");
}

#[test]
fn joins_that_make_no_sense() {
    let server = Server::dev();
    let long = format!(r#"{{"room":"{}","name":"Ana"}}"#, "x".repeat(257));
    let huge = format!(r#"{{"room":"x","name":"{}"}}"#, "x".repeat(70_000));
    let table = [
        ("nonsense", 400, "invalid"),
        ("{}", 400, "invalid"),
        (r#"{"room":"","name":"Ana"}"#, 400, "invalid_name"),
        (r#"{"room":"demo","name":"  "}"#, 400, "invalid_name"),
        (long.as_str(), 400, "invalid_name"),
        (huge.as_str(), 429, "limit_exceeded"),
    ];
    for (body, status, code) in table {
        let refused = server.post_json("/v1/join", body, &[]);
        assert_eq!((refused.status, refused.json()["code"].as_str()), (status, Some(code)));
        assert!(!refused.json()["message"].as_str().unwrap().is_empty());
    }
    assert_eq!(server.get("/v1/join").status, 405);
}

#[test]
fn closed_rooms_need_an_invitation() {
    let server = Server::start(&["--bind", "127.0.0.1", "--keys", "devkey: secret"]);
    let body = r#"{"room":"demo","name":"Ana"}"#;
    let refused = server.post_json("/v1/join", body, &[]);
    assert_eq!((refused.status, refused.json()["code"].as_str()), (403, Some("not_allowed")));
    let invite = |video| format!("Bearer {}", token(&devkey(), video));
    let other = invite(json!({"roomJoin": true, "room": "other"}));
    assert_eq!(server.post_json("/v1/join", body, &[("Authorization", &other)]).status, 403);
    assert_eq!(server.post_json("/v1/join", body, &[("Authorization", "Bearer x.y.z")]).status, 403);
    let good = invite(json!({"roomJoin": true, "room": "demo", "canPublish": false}));
    let joined = server.post_json("/v1/join", body, &[("Authorization", &good), ("X-Forwarded-Proto", "https")]).json();
    assert!(joined["url"].as_str().unwrap().starts_with("wss://"));
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let grant = devkey().verify(joined["token"].as_str().unwrap(), now).unwrap();
    assert!(!grant.permissions.can_publish && grant.identity.unwrap().as_str() != "ana");
    let field = json!({"room": "demo", "name": "Ben", "invitation": &good["Bearer ".len()..]}).to_string();
    assert_eq!(server.post_json("/v1/join", &field, &[]).status, 200);
}

#[test]
fn one_address_may_not_join_without_end() {
    let folder = Folder::new();
    let file = folder.file("tandem.yaml", "web: {open_rooms: true}\nlimits: {joins_per_minute: 2}\nkeys: {a: b}\n");
    let server = Server::start(&["--bind", "127.0.0.1", "--config", file.to_str().unwrap()]);
    let join = || server.post_json("/v1/join", r#"{"room":"demo","name":"Ana"}"#, &[]);
    assert_eq!((join().status, join().status), (200, 200));
    let refused = join();
    assert_eq!((refused.status, refused.json()["code"].as_str()), (429, Some("limit_exceeded")));
    assert!(refused.header("retry-after").is_some());
}

#[test]
fn livekit_clients_hear_what_is_wrong_with_their_token() {
    let server = Server::dev();
    let join = token(&devkey(), json!({"roomJoin": true, "room": "demo"}));
    let foreign = token(&tandem_server::auth::Keys::new(vec![("x".into(), "y".into())]), json!({}));
    let (head, signature) = join.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..]);
    let table = [
        (String::new(), 401, "no permissions to access the room"),
        ("?access_token=nonsense".to_owned(), 401, "invalid authorization token"),
        (format!("?access_token={foreign}"), 401, "invalid API key"),
        (format!("?access_token={forged}"), 401, "invalid token: the signature does not match"),
        (format!("?access_token={}", token(&devkey(), json!({"room": "demo"}))), 401, "permissions denied"),
        (format!("?access_token={}", token(&devkey(), json!({"roomJoin": true}))), 400, "no room name"),
        (format!("?access_token={join}"), 200, "success"),
        (format!("?access_token={join}&filler={}", "x".repeat(60_000)), 200, "success"),
    ];
    for (query, status, text) in table {
        let answer = server.get(&format!("/rtc/validate{query}"));
        assert_eq!((answer.status, answer.text()), (status, text));
    }
    let basic = server.request("GET /rtc/v1/validate", &[("Authorization", "Basic x")], b"");
    assert_eq!(basic.status, 401);
    assert!(basic.text().starts_with("invalid authorization header"));
}

#[test]
fn a_signal_drains_and_a_second_one_ends() {
    let mut server = Server::dev();
    // A request that never ends keeps the server busy.
    let mut hanging = server.connect();
    let head = "POST /v1/join HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n";
    hanging.write_all(head.as_bytes()).unwrap();
    let mut first = [0; 12];
    hanging.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 100");
    let mut idle = server.connect();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    idle.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    server.signal("TERM");
    // The idle connection is closed when draining has begun.
    idle.read_to_end(&mut Vec::new()).unwrap();
    let ready = server.get("/readyz");
    assert_eq!((ready.status, ready.text()), (503, "draining"));
    let refused = server.post_json("/v1/join", r#"{"room":"demo","name":"Ana"}"#, &[]);
    assert_eq!((refused.status, refused.json()["code"].as_str()), (503, Some("draining")));
    let join = token(&devkey(), json!({"roomJoin": true, "room": "demo"}));
    assert_eq!(server.get(&format!("/rtc/validate?access_token={join}")).status, 503);
    server.signal("TERM");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

/// The next message of the server that is not a token or a pong.
fn next(socket: &mut TcpStream) -> Option<Said> {
    loop {
        let mut head = [0; 2];
        socket.read_exact(&mut head).ok()?;
        let length = match head[1] {
            126 => {
                let mut more = [0; 2];
                socket.read_exact(&mut more).unwrap();
                usize::from(u16::from_be_bytes(more))
            }
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        socket.read_exact(&mut payload).unwrap();
        if head[0] != 0x82 {
            continue;
        }
        match proto::SignalResponse::decode(payload.as_slice()).unwrap().message.unwrap() {
            Said::RefreshToken(_) => {}
            other => return Some(other),
        }
    }
}

#[test]
fn participants_are_told_to_reconnect_when_the_server_ends() {
    let mut server = Server::dev();
    let join = token(&devkey(), json!({"roomJoin": true, "room": "demo"}));
    let mut socket = server.connect();
    let head = format!(
        "GET /rtc?protocol=17&access_token={join} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"));
    assert!(matches!(next(&mut socket), Some(Said::Join(_))));
    server.signal("TERM");
    let leave = std::iter::from_fn(|| next(&mut socket)).find_map(|said| match said {
        Said::Leave(leave) => Some(leave),
        _ => None,
    });
    assert_eq!(leave.unwrap().action(), proto::leave_request::Action::Reconnect);
    drop(socket);
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[test]
fn an_idle_server_ends_at_once() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::dev();
        server.signal(signal);
        assert_eq!(server.child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn a_taken_port_is_named() {
    let server = Server::dev();
    let port = server.address().rsplit_once(':').unwrap().1;
    let (udp, tcp) = (server.ready["udp"][0].to_string(), server.ready["tcp"].to_string());
    for (http, udp, tcp, want, flag) in [
        (port, "0", "0", format!("tandem: cannot use port {port} on 127.0.0.1: "), "--port"),
        ("0", udp.as_str(), "0", format!("tandem: cannot use UDP port {udp} on 0.0.0.0: "), "--udp-port"),
        ("0", "0", tcp.as_str(), format!("tandem: cannot use TCP port {tcp} on 0.0.0.0: "), "--tcp-port"),
    ] {
        let args = ["serve", "--dev", "--log-level", "error", "--port", http, "--udp-port", udp, "--tcp-port", tcp];
        let output = run(&args, &server.folder.0);
        assert_eq!(output.status.code(), Some(1));
        let text = stderr(&output);
        assert!(
            text.starts_with(&want) && text.trim_end().ends_with(&format!("choose another one with {flag}")),
            "{text}"
        );
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn without_keys_a_pair_is_made_and_kept_secret() {
    let server = Server::start(&["--bind", "127.0.0.1"]);
    let file = server.folder.0.join("data/keys.yaml");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let data = server.folder.0.join("data");
    let output =
        run(&["token", "--data", data.to_str().unwrap(), "--identity", "ana", "--room", "demo"], &server.folder.0);
    let token = String::from_utf8(output.stdout).unwrap();
    assert_eq!(server.get(&format!("/rtc/validate?access_token={}", token.trim())).text(), "success");
}
