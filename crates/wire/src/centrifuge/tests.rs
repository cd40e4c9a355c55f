use super::*;

fn commands(protocol: Protocol, frame: &[u8]) -> Vec<Command> {
    decode(protocol, &Bytes::copy_from_slice(frame)).map(Result::unwrap).collect()
}

#[test]
fn a_json_frame_holds_many_commands() {
    let frame = br#"{"id":1,"connect":{"token":"t","name":"js","subs":{"a":{"recover":true,"offset":3,"epoch":"e"}}}}
{"id":2,"subscribe":{"channel":"news","recover":true,"epoch":"x","offset":7,"flag":3,"tf":{"key":"k","cmp":"eq","val":"v"}}}

{"id":3,"publish":{"channel":"news","data":{"a": [1,2]}}}
{}
{"id":4,"history":{"channel":"news","limit":-1,"since":{"offset":1,"epoch":"e"},"reverse":true}}
"#;
    let commands = commands(Protocol::Json, frame);
    assert_eq!(commands.len(), 5);
    let Request::Connect(connect) = &commands[0].request else { panic!("{commands:?}") };
    assert_eq!((connect.token.as_str(), connect.subs["a"].offset), ("t", 3));
    let Request::Subscribe(subscribe) = &commands[1].request else { panic!("{commands:?}") };
    assert_eq!((subscribe.flag, subscribe.filter.as_ref().unwrap().key.as_str()), (3, "k"));
    let Request::Publish(publish) = &commands[2].request else { panic!("{commands:?}") };
    assert_eq!(publish.data, r#"{"a": [1,2]}"#);
    assert_eq!(commands[3], Command { id: 0, request: Request::Pong });
    let Request::History(history) = &commands[4].request else { panic!("{commands:?}") };
    assert_eq!((history.limit, history.reverse), (-1, true));
}

#[test]
fn what_is_no_command_is_an_error_and_ends_the_frame() {
    for frame in [&b"{"[..], b"[]x", b"{\"id\":\"a\"}", b"{\"id\":1,\"publish\":7}", b"\xff"] {
        let frame = Bytes::copy_from_slice(frame);
        let found: Vec<_> = decode(Protocol::Json, &frame).collect();
        assert!(matches!(found.last(), Some(Err(_))), "{frame:?}");
    }
    for frame in [&b"\x05\x08\x01"[..], b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\x02\x22\x05", b"\x01\x0b"] {
        let frame = Bytes::copy_from_slice(frame);
        let found: Vec<_> = decode(Protocol::Protobuf, &frame).collect();
        assert!(matches!(found.as_slice(), [Err(_)]), "{frame:?}");
    }
}

#[test]
fn protobuf_commands() {
    // id 2, publish {channel "a", data "xy"}; then a pong; then history with limit -1.
    let publish = b"\x0b\x08\x02\x3a\x07\x0a\x01a\x12\x02xy";
    let history = b"\x12\x08\x03\x52\x0e\x0a\x01a\x38\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    let frame = [&publish[..], b"\x00", history].concat();
    let commands = commands(Protocol::Protobuf, &frame);
    let Request::Publish(publish) = &commands[0].request else { panic!("{commands:?}") };
    assert_eq!((publish.channel.as_str(), &*publish.data), ("a", &b"xy"[..]));
    assert_eq!(commands[1].request, Request::Pong);
    assert!(matches!(&commands[2].request, Request::History(history) if history.limit == -1));
}

#[test]
fn replies_in_json() {
    let text = |reply: &Reply<'_>| {
        let mut out = Vec::new();
        encode_reply(Protocol::Json, reply, &mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(text(&Reply { id: 3, body: ReplyBody::Publish }), r#"{"id":3,"publish":{}}"#);
    let error = ReplyBody::Error { code: 103, message: "permission denied", temporary: false };
    assert_eq!(text(&Reply { id: 4, body: error }), r#"{"id":4,"error":{"code":103,"message":"permission denied"}}"#);
    let result = SubscribeResult {
        epoch: "e".to_owned(),
        publications: vec![Publication { data: "{\"a\":1}".into(), offset: 1, ..Publication::default() }],
        recovered: true,
        ..SubscribeResult::default()
    };
    assert_eq!(
        text(&Reply { id: 5, body: ReplyBody::Subscribe(&result) }),
        r#"{"id":5,"subscribe":{"epoch":"e","publications":[{"data":{"a":1},"offset":1}],"recovered":true}}"#
    );
    let info = ClientInfo { user: "a\"\u{1}\n".into(), client: "c".into(), ..ClientInfo::default() };
    let present = [info];
    assert_eq!(
        text(&Reply { id: 6, body: ReplyBody::Presence(&present) }),
        "{\"id\":6,\"presence\":{\"presence\":{\"c\":{\"user\":\"a\\\"\\u0001\\n\",\"client\":\"c\"}}}}"
    );
}

#[test]
fn pushes_wrapped_and_bare() {
    let publication =
        Publication { data: "{\"a\":\"b\"}".into(), as_text: true, offset: 9, delta: true, ..Publication::default() };
    let push = Push { id: 0, channel: "news", body: PushBody::Publication(&publication) };
    let mut out = Vec::new();
    encode_push(Protocol::Json, &push, true, &mut out);
    let expected = r#"{"push":{"channel":"news","pub":{"data":"{\"a\":\"b\"}","offset":9,"delta":true}}}"#;
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    let mut out = Vec::new();
    let push = Push { id: 4, channel: "", body: PushBody::Disconnect { code: 3001, reason: "shutdown" } };
    encode_push(Protocol::Json, &push, false, &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), r#"{"id":4,"disconnect":{"code":3001,"reason":"shutdown"}}"#);
    let mut out = Vec::new();
    encode_push(Protocol::Protobuf, &push, true, &mut out);
    assert_eq!(out, b"\x13\x22\x11\x08\x04\x5a\x0d\x08\xb9\x17\x12\x08shutdown");
}

#[test]
fn stored_publications_come_back() {
    let publication = Publication {
        data: vec![0, 255, 7].into(),
        info: Some(ClientInfo { user: "u".into(), conn_info: "{}".into(), ..ClientInfo::default() }),
        offset: 3,
        tags: Some(std::sync::Arc::new([("k".to_owned(), "v".to_owned())].into())),
        delta: true,
        as_text: false,
    };
    let bytes = Bytes::from(publication_to_bytes(&publication));
    assert_eq!(publication_from_bytes(&bytes), Some(publication));
    assert_eq!(publication_from_bytes(&bytes.slice(..4)), None);
}

#[test]
fn json_on_one_line() {
    assert_eq!(compact_json(b" {\"a\":\n 1}\r\n ").unwrap(), "{\"a\": 1}");
    assert_eq!(compact_json(b"\"x\"").unwrap(), "\"x\"");
    assert!(compact_json(b"{").is_err() && compact_json(b"").is_err() && compact_json(b"1 2").is_err());
}

#[test]
fn emulation_requests() {
    let body = Bytes::from_static(br#"{"session":"s","node":"n","data":"{\"id\":1,\"rpc\":{}}\n{}"}"#);
    let request = decode_emulation(Protocol::Json, &body).unwrap();
    assert_eq!((request.session.as_str(), commands(Protocol::Json, &request.data).len()), ("s", 2));
    let request = decode_emulation(Protocol::Protobuf, &Bytes::from_static(b"\x12\x01s\x1a\x02xy")).unwrap();
    assert_eq!((request.session.as_str(), &*request.data), ("s", &b"xy"[..]));
}
