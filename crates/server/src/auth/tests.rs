#![allow(clippy::unwrap_used)]
use super::*;
use axum::http::HeaderValue;
use serde_json::json;
use tandem_core::{ParticipantKind, TrackSource};

const NOW: u64 = 1_800_000_000;

fn keys() -> Keys {
    Keys::new(vec![("devkey".into(), "secret".into()), ("other".into(), "word".into())])
}

fn claims(value: serde_json::Value) -> Claims {
    serde_json::from_value(value).unwrap()
}

fn sign(value: serde_json::Value) -> String {
    keys().sign(&claims(value)).unwrap()
}

#[test]
fn a_full_token_becomes_a_grant() {
    let token = sign(json!({
        "sub": "ana", "exp": NOW + 60, "nbf": NOW, "name": "Ana", "metadata": "m", "kind": "agent",
        "attributes": {"a": "b"}, "unknown": 1,
        "video": {"roomJoin": true, "room": "demo", "canPublish": false, "canPublishSources": ["camera", "x"],
                  "canUpdateOwnMetadata": true, "hidden": true, "roomAdmin": null},
        "roomConfig": {"emptyTimeout": 7, "max_participants": 3, "metadata": "r"}
    }));
    let grant = keys().verify(&token, NOW).unwrap();
    assert_eq!(grant.identity.as_ref().unwrap().as_str(), "ana");
    assert_eq!(grant.room.as_ref().unwrap().as_str(), "demo");
    assert!(grant.room_join && !grant.room_admin && !grant.room_list);
    assert_eq!(grant.kind, ParticipantKind::Agent);
    let p = &grant.permissions;
    assert!(!p.can_publish && !p.can_publish_data && p.can_subscribe && p.hidden && p.can_update_metadata);
    assert_eq!(p.can_publish_sources, [TrackSource::Camera, TrackSource::Unknown]);
    let room = grant.room_options.as_ref().unwrap();
    assert_eq!((room.empty_timeout_s, room.max_participants, room.metadata.as_str()), (7, 3, "r"));
}

#[test]
fn absent_permissions_have_defaults() {
    let bare = claims(json!({"video": {}})).grant().unwrap().permissions;
    assert!(bare.can_publish && bare.can_subscribe && bare.can_publish_data && !bare.can_update_metadata);
    let data = claims(json!({"video": {"canPublish": false, "canPublishData": true}})).grant().unwrap().permissions;
    assert!(!data.can_publish && data.can_publish_data);
}

#[test]
fn old_tokens_have_their_identity_in_jti() {
    let grant = claims(json!({"jti": "ana", "sub": "", "video": {}})).grant().unwrap();
    assert_eq!(grant.identity.unwrap().as_str(), "ana");
}

#[test]
fn refusals_in_words_and_statuses() {
    let video = json!({"roomJoin": true, "room": "demo"});
    let good = json!({"sub": "ana", "exp": NOW + 60, "video": video});
    let foreign = Keys::new(vec![("nobody".into(), "secret".into())]).sign(&claims(good.clone())).unwrap();
    let forged = Keys::new(vec![("devkey".into(), "wrong".into())]).sign(&claims(good)).unwrap();
    let none = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJkZXZrZXkifQ.".to_owned();
    let long = "x".repeat(257);
    let table = [
        ("nonsense".to_owned(), 401, "invalid authorization token"),
        (none, 401, "invalid authorization token"),
        (foreign, 401, "invalid API key"),
        (forged, 401, "invalid token: the signature does not match"),
        (sign(json!({"exp": NOW - 61, "video": video})), 401, "invalid token: it has expired"),
        (sign(json!({"exp": NOW + 60, "nbf": NOW + 90, "video": video})), 401, "invalid token: it is not valid yet"),
        (sign(json!({"video": video})), 401, "invalid token: it has no expiry"),
        (sign(json!({"exp": NOW + 60})), 401, "no permissions to access the room"),
        (
            sign(json!({"exp": NOW + 60, "sub": long, "video": video})),
            400,
            "the identity in the token is not usable: a name cannot be longer than 256 bytes",
        ),
    ];
    for (token, status, text) in table {
        let error = keys().verify(&token, NOW).unwrap_err();
        assert_eq!((error.status(), error.to_string().as_str()), (status, text));
    }
}

#[test]
fn only_hs256_is_taken() {
    let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS512);
    let body = json!({"iss": "devkey", "exp": NOW + 60, "video": {}});
    let token = jsonwebtoken::encode(&header, &body, &jsonwebtoken::EncodingKey::from_secret(b"secret")).unwrap();
    let error = keys().verify(&token, NOW).unwrap_err();
    assert_eq!(error.to_string(), "invalid token: the algorithm must be HS256");
}

#[test]
fn a_minute_of_leeway() {
    let late = sign(json!({"exp": NOW - 59, "nbf": NOW + 59, "video": {}}));
    assert!(keys().verify(&late, NOW).is_ok());
}

#[test]
fn a_refreshed_token_keeps_everything_and_lives_longer() {
    let original = keys()
        .verify(
            &sign(json!({
                "sub": "ana", "exp": NOW + 60, "name": "Ana", "metadata": "m", "attributes": {"a": "b"}, "kind": "sip",
                "video": {"roomJoin": true, "room": "demo", "canPublish": false, "canPublishSources": ["microphone"]},
                "roomConfig": {"maxParticipants": 2}
            })),
            NOW,
        )
        .unwrap();
    let again = keys().verify(&keys().refresh(&original, NOW).unwrap(), NOW).unwrap();
    assert_eq!(again.expires_unix, NOW + 600);
    assert_eq!(
        format!("{:?}", Grant { expires_unix: 0, ..again }),
        format!("{:?}", Grant { expires_unix: 0, ..original.clone() })
    );
    let long = Grant { expires_unix: NOW + 9999, ..original };
    let again = keys().verify(&keys().refresh(&long, NOW).unwrap(), NOW).unwrap();
    assert_eq!(again.expires_unix, NOW + 9999);
}

#[test]
fn where_the_token_is() {
    let mut headers = HeaderMap::new();
    assert_eq!(token(&headers, ""), Err(AuthError::NoGrant));
    assert_eq!(token(&headers, "a=b&access_token=x.y%2Ez").unwrap(), "x.y.z");
    headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer abc"));
    assert_eq!(token(&headers, "access_token=other").unwrap(), "abc");
    headers.insert(AUTHORIZATION, HeaderValue::from_static("Basic abc"));
    assert_eq!(token(&headers, "access_token=other"), Err(AuthError::Header));
}

#[test]
fn keys_as_text() {
    let keys = Keys::parse("a: b\n \"c\":d, e: f:g").unwrap();
    assert_eq!(keys.names().collect::<Vec<_>>(), ["a", "c", "e"]);
    assert!(Keys::parse("nothing").is_err());
    assert!(Keys::parse("a:").is_err());
    assert_eq!(format!("{:?}", Keys::parse("abcdef: hidden").unwrap()), "[abc…]");
}
