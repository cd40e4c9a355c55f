#![allow(clippy::unwrap_used)]
use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

const NOW: u64 = 1_800_000_000;

fn api_keys() -> Keys {
    Keys::new(vec![("devkey".into(), "secret".into()), ("other".into(), "word".into())])
}

fn tokens(yaml: &str) -> ChannelTokens {
    ChannelTokens::new(&Config::parse(yaml).unwrap(), &api_keys()).unwrap()
}

fn fault(yaml: &str) -> String {
    ChannelTokens::new(&Config::parse(yaml).unwrap(), &api_keys()).unwrap_err().to_string()
}

fn hmac(secret: &str, claims: &Value) -> String {
    sign(Header::new(Algorithm::HS256), &EncodingKey::from_secret(secret.as_bytes()), claims)
}

fn sign(header: Header, key: &EncodingKey, claims: &Value) -> String {
    jsonwebtoken::encode(&header, claims, key).unwrap()
}

/// What is inside a private key's file.
fn der(pem: &str) -> Vec<u8> {
    STANDARD.decode(pem.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap()
}

/// What is inside an RSA key's PKCS #8, which is as the library wants it.
fn rsa_key() -> EncodingKey {
    EncodingKey::from_rsa_der(&der(include_str!("fixtures/rsa.key.pem"))[26..])
}

fn indented(pem: &str) -> String {
    format!("|\n{}", pem.lines().map(|line| format!("      {line}\n")).collect::<String>())
}

#[test]
fn everything_a_connection_may_be() {
    let token = hmac(
        "secret",
        &json!({
            "sub": "42", "exp": NOW + 60, "iat": NOW, "jti": "x", "info": {"name": "Ana\n", "n": 12345678901234567890u64},
            "channels": ["news"], "meta": {"plan": "pro"}, "unknown": 1,
            "subs": {"feed:1": {"info": {"a": 1}, "b64data": "aGk=", "override": {"presence": {"value": true}}}, "b": {}},
            "caps": [{"channels": ["chat:*"], "allow": ["sub", "pub"]}, {"channels": ["x"], "allow": ["sub"], "match": "regex"}]
        }),
    );
    let claims = tokens("client: {token: {hmac_secret_key: secret}}").connection(&token, NOW).unwrap();
    assert_eq!((claims.user.as_str(), claims.expires_unix), ("42", NOW + 60));
    assert_eq!(claims.info, r#"{"n":12345678901234567890,"name":"Ana\n"}"#);
    assert_eq!(
        (claims.channels.as_slice(), &claims.meta[..]),
        (["news".to_owned()].as_slice(), &br#"{"plan":"pro"}"#[..])
    );
    let feed = &claims.subs["feed:1"];
    assert_eq!((&feed.info[..], &feed.data[..]), (&br#"{"a":1}"#[..], &b"hi"[..]));
    assert_eq!(feed.overrides, Overrides { presence: Some(true), ..Overrides::default() });
    assert_eq!((feed.channel.as_str(), feed.user.as_str()), ("feed:1", "42"));
    assert_eq!(claims.capabilities, [Capability::of(&["chat:*"], &["sub", "pub"])]);
}

#[test]
fn info_is_on_one_line() {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#);
    let body = URL_SAFE_NO_PAD.encode("{\"sub\":\"42\",\"info\":{\r\n \"a\": 1}}");
    let message = format!("{header}.{body}");
    let signature =
        jsonwebtoken::crypto::sign(message.as_bytes(), &EncodingKey::from_secret(b"secret"), Algorithm::HS256);
    let claims = tokens("").connection(&format!("{message}.{}", signature.unwrap()), NOW).unwrap();
    assert!(!claims.info.contains(&b'\n') && !claims.info.contains(&b'\r'));
    assert_eq!(serde_json::from_slice::<Value>(&claims.info).unwrap(), json!({"a": 1}));
}

#[test]
fn a_bare_token_is_anonymous_and_lasts() {
    let claims = tokens("").connection(&hmac("secret", &json!({"info": null, "exp": null, "sub": null})), NOW).unwrap();
    assert_eq!(claims, ConnectionClaims::default());
}

#[test]
fn times() {
    let all = tokens("");
    let of = |claims: Value| all.connection(&hmac("secret", &claims), NOW).map(|claims| claims.expires_unix);
    assert_eq!(of(json!({"exp": NOW})), Err(TokenError::Expired));
    assert_eq!(of(json!({"exp": NOW + 1})), Ok(NOW + 1));
    assert_eq!(of(json!({"exp": 1_800_000_000.5})), Err(TokenError::Expired));
    assert_eq!(of(json!({"exp": NOW + 1, "expire_at": NOW + 9})), Ok(NOW + 9));
    assert_eq!(of(json!({"exp": NOW + 1, "expire_at": 0})), Ok(0));
    assert_eq!(of(json!({"nbf": NOW + 60})), Ok(0));
    assert_eq!(of(json!({"nbf": NOW + 61})), Err(TokenError::Expired));
    assert!(matches!(of(json!({"exp": "soon"})), Err(TokenError::Invalid(_))));
}

#[test]
fn what_is_no_connection_token() {
    let all = tokens("");
    let none =
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode(r#"{"sub":"42"}"#));
    for token in [
        String::new(),
        "a.b.c".to_owned(),
        none,
        hmac("wrong", &json!({"sub": "42"})),
        hmac("secret", &json!({"sub": "42", "channel": "news"})),
        hmac("secret", &json!({"sub": 42})),
        hmac("secret", &json!({"sub": "42", "b64info": "!"})),
        hmac("secret", &json!({"sub": "42", "channels": "news"})),
        hmac("secret", &json!(["sub"])),
    ] {
        assert!(matches!(all.connection(&token, NOW), Err(TokenError::Invalid(_))), "{token}");
    }
}

#[test]
fn subscriptions() {
    let all = tokens("");
    let of = |claims: Value| all.subscription(&hmac("secret", &claims), NOW);
    let claims = of(json!({"sub": "42", "channel": "$a", "client": "c", "exp": NOW + 5, "b64info": "aGk=",
        "override": {"join_leave": {"value": false}, "force_recovery": {"value": true}}, "allow": ["pub"]}))
    .unwrap();
    assert_eq!((claims.channel.as_str(), claims.user.as_str(), claims.client.as_str()), ("$a", "42", "c"));
    assert_eq!((claims.expires_unix, &claims.info[..]), (NOW + 5, &b"hi"[..]));
    assert_eq!(claims.overrides.join_leave.zip(claims.overrides.force_recovery), Some((false, true)));
    assert_eq!(claims.capability, Some(Capability::exact("$a", &["pub"])));
    assert_eq!(of(json!({"sub": "42", "channel": "a", "exp": NOW - 1})), Err(TokenError::Expired));
    assert!(matches!(of(json!({"sub": "42"})), Err(TokenError::Invalid(_))));
    assert!(matches!(of(json!({"sub": "42", "channel": ""})), Err(TokenError::Invalid(_))));
}

#[test]
fn secrets_of_every_length() {
    let all = tokens(
        "client: {token: {hmac_secret_key: long, hmac_previous_secret_key: old, hmac_previous_secret_key_valid_until: 1800000001}}",
    );
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        let token = sign(Header::new(algorithm), &EncodingKey::from_secret(b"long"), &json!({"sub": "42"}));
        assert_eq!(all.connection(&token, NOW).unwrap().user, "42", "{algorithm:?}");
    }
    let old = hmac("old", &json!({"sub": "42"}));
    assert!(all.connection(&old, NOW).is_ok());
    assert!(all.connection(&old, NOW + 1).is_err());
    // API keys verify only what names them, once there are keys for tokens.
    assert!(all.connection(&hmac("secret", &json!({"sub": "42"})), NOW).is_err());
    assert!(all.connection(&hmac("secret", &json!({"sub": "42", "iss": "devkey"})), NOW).is_ok());
    assert!(all.connection(&hmac("long", &json!({"sub": "42", "iss": "devkey"})), NOW).is_ok());
    assert!(all.connection(&hmac("word", &json!({"sub": "42", "iss": "devkey"})), NOW).is_err());
}

#[test]
fn without_keys_for_tokens_every_api_key_verifies() {
    let all = tokens("dev: true");
    for secret in ["secret", "word"] {
        assert!(all.connection(&hmac(secret, &json!({"sub": "42"})), NOW).is_ok());
        assert!(all.subscription(&hmac(secret, &json!({"sub": "42", "channel": "a"})), NOW).is_ok());
    }
}

#[test]
fn public_keys() {
    let yaml = format!(
        "client:\n  token:\n    rsa_public_key: {}    ecdsa_public_key: {}    eddsa_public_key: {}",
        indented(include_str!("fixtures/rsa.pub.pem")),
        indented(include_str!("fixtures/p256.pub.pem")),
        indented(include_str!("fixtures/ed.pub.pem")),
    );
    let all = tokens(&yaml);
    let p256 = EncodingKey::from_ec_der(&der(include_str!("fixtures/p256.key.pem")));
    let p384 = EncodingKey::from_ec_der(&der(include_str!("fixtures/p384.key.pem")));
    let ed = EncodingKey::from_ed_der(&der(include_str!("fixtures/ed.key.pem")));
    let claims = json!({"sub": "42"});
    for (algorithm, key) in [
        (Algorithm::RS256, &rsa_key()),
        (Algorithm::RS384, &rsa_key()),
        (Algorithm::RS512, &rsa_key()),
        (Algorithm::ES256, &p256),
        (Algorithm::EdDSA, &ed),
    ] {
        let token = sign(Header::new(algorithm), key, &claims);
        assert_eq!(all.connection(&token, NOW).unwrap().user, "42", "{algorithm:?}");
    }
    let other_curve = sign(Header::new(Algorithm::ES384), &p384, &claims);
    assert!(all.connection(&other_curve, NOW).is_err());
    let padded = sign(Header::new(Algorithm::PS256), &rsa_key(), &claims);
    assert!(all.connection(&padded, NOW).is_err());
    // A public key is no secret: nobody can use it as one.
    let confused = hmac(include_str!("fixtures/rsa.pub.pem"), &claims);
    assert!(all.connection(&confused, NOW).is_err());
    let curve = format!("client:\n  token:\n    ecdsa_public_key: {}", indented(include_str!("fixtures/p384.pub.pem")));
    assert!(tokens(&curve).connection(&other_curve, NOW).is_ok());
}

fn coordinates(pem: &str) -> (String, String) {
    let point = der(pem);
    let half = if point.len() > 100 { 48 } else { 32 };
    let (x, y) = point[point.len() - 2 * half..].split_at(half);
    (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y))
}

#[test]
fn a_key_set_in_a_file() {
    let (x, y) = coordinates(include_str!("fixtures/p256.pub.pem"));
    let ed = der(include_str!("fixtures/ed.pub.pem"));
    let set = json!({"keys": [
        {"kty": "EC", "crv": "P-256", "kid": "a", "use": "sig", "x": x, "y": y},
        {"kty": "OKP", "crv": "Ed25519", "kid": "b", "x": URL_SAFE_NO_PAD.encode(&ed[ed.len() - 32..])},
        {"kty": "oct", "kid": "c", "k": URL_SAFE_NO_PAD.encode("secret")},
        {"kty": "new", "kid": "d"},
    ]});
    let file = std::env::temp_dir().join(format!("tandem-jwks-{}.json", std::process::id()));
    std::fs::write(&file, set.to_string()).unwrap();
    let all = tokens(&format!("client: {{token: {{jwks_file: {}}}}}", file.display()));
    std::fs::remove_file(&file).unwrap();
    let with = |kid: Option<&str>, algorithm, key: &EncodingKey| {
        let header = Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) };
        all.connection(&sign(header, key, &json!({"sub": "42"})), NOW)
    };
    let p256 = EncodingKey::from_ec_der(&der(include_str!("fixtures/p256.key.pem")));
    let ed = EncodingKey::from_ed_der(&der(include_str!("fixtures/ed.key.pem")));
    assert!(with(Some("a"), Algorithm::ES256, &p256).is_ok());
    assert!(with(Some("b"), Algorithm::EdDSA, &ed).is_ok());
    assert!(with(Some("b"), Algorithm::ES256, &p256).is_err());
    assert!(with(None, Algorithm::ES256, &p256).is_err());
    assert!(with(Some("c"), Algorithm::HS256, &EncodingKey::from_secret(b"secret")).is_err());
}

#[test]
fn keys_that_are_none() {
    let pem = |name: &str, text: &str| format!("client:\n  token:\n    {name}: {}", indented(text));
    assert!(fault(&pem("rsa_public_key", "x")).starts_with("client.token.rsa_public_key: it is no PEM"));
    let private = pem("ecdsa_public_key", include_str!("fixtures/p256.key.pem"));
    assert!(fault(&private).contains("it is a private key"));
    let other = pem("rsa_public_key", include_str!("fixtures/p256.pub.pem"));
    assert!(fault(&other).contains("it is a key of another kind"));
    assert!(fault("client: {token: {jwks_file: /nowhere.json}}").contains("client.token.jwks_file: /nowhere.json"));
    assert!(fault("client: {subscription_token: {enabled: true}}").contains("it is enabled but names no key"));
}

#[test]
fn subscriptions_may_have_keys_of_their_own() {
    let all = tokens("client: {token: {hmac_secret_key: a}, subscription_token: {enabled: true, hmac_secret_key: b}}");
    let claims = json!({"sub": "42", "channel": "news"});
    assert!(all.subscription(&hmac("b", &claims), NOW).is_ok());
    assert!(all.subscription(&hmac("a", &claims), NOW).is_err());
    assert!(all.connection(&hmac("b", &json!({"sub": "42"})), NOW).is_err());
}

#[test]
fn audience_issuer_and_user() {
    let all = tokens("client: {token: {hmac_secret_key: a, audience: app, issuer: us, user_id_claim: uid}}");
    let of = |claims: Value| all.connection(&hmac("a", &claims), NOW).map(|claims| claims.user);
    assert_eq!(of(json!({"aud": "app", "iss": "us", "sub": "x", "uid": "42"})), Ok("42".to_owned()));
    assert_eq!(of(json!({"aud": ["b", "app"], "iss": "us", "uid": 42})), Ok("42".to_owned()));
    assert_eq!(of(json!({"aud": "app", "iss": "us", "sub": "x"})), Ok(String::new()));
    assert!(of(json!({"aud": "b", "iss": "us"})).is_err());
    assert!(of(json!({"aud": "app", "iss": "them"})).is_err());
    assert!(of(json!({"sub": "42"})).is_err());
}

#[test]
fn livekit_tokens_open_the_rooms_channel() {
    let all = tokens("client: {token: {hmac_secret_key: a, audience: app}}");
    let livekit = |video: Value| json!({"iss": "devkey", "sub": "ana", "name": "Ana", "exp": NOW + 60, "metadata": "m", "video": video});
    let of = |secret: &str, claims: &Value| all.connection(&hmac(secret, claims), NOW);
    let claims = of("secret", &livekit(json!({"roomJoin": true, "room": "demo*"}))).unwrap();
    assert_eq!((claims.user.as_str(), &claims.info[..]), ("ana", &br#"{"name":"Ana"}"#[..]));
    let room = &claims.capabilities[0];
    assert!(room.covers("room:demo*") && !room.covers("room:demo2"));
    assert!(room.subscribe && room.publish && room.presence && room.history);
    let quiet = of("secret", &livekit(json!({"roomJoin": true, "room": "demo", "canPublishData": false}))).unwrap();
    assert!(!quiet.capabilities[0].publish && quiet.capabilities[0].subscribe);
    let admin = of("secret", &livekit(json!({"roomAdmin": true, "room": "demo"}))).unwrap();
    assert!(admin.capabilities.is_empty());
    // Who signs with other keys says nothing about rooms.
    let mut foreign = livekit(json!({"roomJoin": true, "room": "demo"}));
    foreign["aud"] = "app".into();
    let foreign = of("a", &foreign).unwrap();
    assert!(foreign.capabilities.is_empty() && foreign.info.is_empty());
    let mut endless = livekit(json!({"roomJoin": true, "room": "demo"}));
    endless["exp"] = Value::Null;
    assert!(matches!(of("secret", &endless), Err(TokenError::Invalid(_))));
    endless["exp"] = (NOW - 59).into();
    assert!(of("secret", &endless).is_ok());
    endless["exp"] = (NOW - 60).into();
    assert_eq!(of("secret", &endless), Err(TokenError::Expired));
}

#[test]
fn nothing_of_a_token_is_shown() {
    assert_eq!(format!("{:?}", tokens("client: {token: {hmac_secret_key: hidden}}")), "ChannelTokens");
}

#[test]
fn our_own_tokens_are_taken() {
    let claims = json!({"sub": "42", "channel": "news"}).as_object().unwrap().clone();
    let token = api_keys().sign_channel(claims).unwrap();
    assert_eq!(tokens("client: {token: {hmac_secret_key: a}}").subscription(&token, NOW).unwrap().channel, "news");
}
