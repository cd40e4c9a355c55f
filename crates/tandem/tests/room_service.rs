//! The LiveKit server API from outside, in both encodings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Response, Server, devkey, token};
use livekit_protocol as proto;
use prost::Message;
use serde_json::{Value, json};

fn call(server: &Server, method: &str, content: &str, video: Value, body: &[u8]) -> Response {
    let bearer = format!("Bearer {}", token(&devkey(), video));
    let headers = [("Content-Type", content), ("Authorization", bearer.as_str())];
    server.request(&format!("POST /twirp/livekit.RoomService/{method}"), &headers, body)
}

fn json_call(server: &Server, method: &str, video: Value, body: &Value) -> Response {
    call(server, method, "application/json", video, body.to_string().as_bytes())
}

fn all() -> Value {
    json!({"roomCreate": true, "roomList": true, "roomAdmin": true, "room": "demo"})
}

#[test]
fn a_room_from_start_to_end_in_json() {
    let server = Server::dev();
    let made = json_call(&server, "CreateRoom", all(), &json!({"name": "demo", "emptyTimeout": 60, "metadata": "m"}));
    assert_eq!(made.status, 200, "{}", made.text());
    assert_eq!(made.header("content-type"), Some("application/json"));
    let room = made.json();
    assert_eq!((room["name"].as_str(), room["empty_timeout"].as_u64()), (Some("demo"), Some(60)));
    assert_eq!((room["metadata"].as_str(), room["num_participants"].as_u64()), (Some("m"), Some(0)));
    assert!(room["creation_time"].is_string() && room["sid"].as_str().unwrap().starts_with("RM_"));
    let again = json_call(&server, "CreateRoom", all(), &json!({"name": "demo"})).json();
    assert_eq!(again["sid"], room["sid"]);
    let other = json_call(&server, "CreateRoom", all(), &json!({"name": "other"})).json();
    assert_ne!(other["sid"], room["sid"]);
    let names = |body: Value| {
        let listed = json_call(&server, "ListRooms", all(), &body).json();
        let mut names: Vec<String> =
            listed["rooms"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names(json!({})), ["demo", "other"]);
    assert_eq!(names(json!({"names": ["other", "none"]})), ["other"]);
    let changed = json_call(&server, "UpdateRoomMetadata", all(), &json!({"room": "demo", "metadata": "n"})).json();
    assert_eq!(changed["metadata"], "n");
    assert_eq!(
        json_call(&server, "ListParticipants", all(), &json!({"room": "demo"})).json(),
        json!({"participants": []})
    );
    let data = json!({"room": "demo", "data": "aGk=", "kind": "RELIABLE"});
    assert_eq!(json_call(&server, "SendData", all(), &data).json(), json!({}));
    assert_eq!(json_call(&server, "DeleteRoom", all(), &json!({"room": "demo"})).json(), json!({}));
    assert_eq!(names(json!({})), ["other"]);
    let gone = json_call(&server, "DeleteRoom", all(), &json!({"room": "demo"}));
    assert_eq!((gone.status, gone.json()["code"].as_str()), (404, Some("not_found")));
}

#[test]
fn a_room_in_protobuf() {
    let server = Server::dev();
    let request = proto::CreateRoomRequest { name: "demo".into(), max_participants: 3, ..Default::default() };
    let made = call(&server, "CreateRoom", "application/protobuf", all(), &request.encode_to_vec());
    assert_eq!((made.status, made.header("content-type")), (200, Some("application/protobuf")));
    let room = proto::Room::decode(made.body.as_slice()).unwrap();
    assert_eq!((room.name.as_str(), room.max_participants), ("demo", 3));
    let listed = call(&server, "ListRooms", "application/protobuf", all(), b"");
    assert_eq!(proto::ListRoomsResponse::decode(listed.body.as_slice()).unwrap().rooms.len(), 1);
    let request =
        proto::RoomParticipantIdentity { room: "demo".into(), identity: "nobody".into(), ..Default::default() };
    let missing = call(&server, "GetParticipant", "application/protobuf", all(), &request.encode_to_vec());
    assert_eq!((missing.status, missing.json()["code"].as_str()), (404, Some("not_found")));
    let garbled = call(&server, "CreateRoom", "application/protobuf", all(), b"\xff\xff");
    assert_eq!((garbled.status, garbled.json()["code"].as_str()), (400, Some("malformed")));
}

#[test]
fn refusals() {
    let server = Server::dev();
    let long = "x".repeat(600_000);
    let none = json!({});
    let table = [
        ("CreateRoom", json!({"roomList": true}), json!({"name": "demo"}), 401, "unauthenticated"),
        ("ListRooms", json!({"roomCreate": true}), none.clone(), 401, "unauthenticated"),
        (
            "ListParticipants",
            json!({"roomAdmin": true, "room": "other"}),
            json!({"room": "demo"}),
            401,
            "unauthenticated",
        ),
        ("CreateRoom", all(), json!({"name": ""}), 400, "invalid_argument"),
        ("CreateRoom", all(), json!({"name": "demo", "metadata": long}), 400, "invalid_argument"),
        ("CreateRoom", all(), json!({"name": 7}), 400, "malformed"),
        ("SendData", all(), json!({"room": "demo", "nonce": "aGk="}), 400, "invalid_argument"),
        ("UpdateRoomMetadata", all(), json!({"room": "demo", "metadata": "m"}), 404, "not_found"),
        ("RemoveParticipant", all(), json!({"room": "demo", "identity": "ana"}), 404, "not_found"),
        ("MutePublishedTrack", all(), json!({"room": "demo", "identity": "ana", "trackSid": "TR_x"}), 404, "not_found"),
        ("UpdateParticipant", all(), json!({"room": "demo", "identity": "ana"}), 404, "not_found"),
        ("UpdateSubscriptions", all(), json!({"room": "demo", "identity": "ana"}), 404, "not_found"),
        ("MoveParticipant", all(), none.clone(), 501, "unimplemented"),
        ("PerformRpc", all(), none.clone(), 501, "unimplemented"),
        ("Dance", all(), none, 404, "bad_route"),
    ];
    for (method, video, body, status, code) in table {
        let refused = json_call(&server, method, video, &body);
        assert_eq!(
            (refused.status, refused.json()["code"].as_str()),
            (status, Some(code)),
            "{method} {}",
            refused.text()
        );
        assert!(refused.json()["msg"].is_string());
    }
}

#[test]
fn requests_that_are_none() {
    let server = Server::dev();
    let code = |response: Response| (response.status, response.json()["code"].as_str().unwrap().to_owned());
    let path = "POST /twirp/livekit.RoomService/ListRooms";
    let json_type = ("Content-Type", "application/json");
    assert_eq!(code(server.request(path, &[json_type], b"{}")), (401, "unauthenticated".into()));
    assert_eq!(
        code(server.request(path, &[json_type, ("Authorization", "Bearer x")], b"{}")),
        (401, "unauthenticated".into())
    );
    assert_eq!(code(server.request(path, &[("Content-Type", "text/plain")], b"{}")), (404, "bad_route".into()));
    let get = "GET /twirp/livekit.RoomService/ListRooms";
    assert_eq!(code(server.request(get, &[json_type], b"")), (404, "bad_route".into()));
    assert_eq!(
        code(server.request("POST /twirp/livekit.Egress/ListEgress", &[json_type], b"{}")),
        (501, "unimplemented".into())
    );
    assert_eq!(code(server.request("POST /twirp/livekit.Nothing/X", &[json_type], b"{}")), (404, "bad_route".into()));
    assert_eq!(code(server.request("POST /twirp/x", &[json_type], b"{}")), (404, "bad_route".into()));
    let large = vec![b' '; 10 * 1024 * 1024 + 1];
    assert_eq!(server.request(path, &[json_type], &large).status, 413);
}
