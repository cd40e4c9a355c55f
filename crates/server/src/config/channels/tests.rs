#![allow(clippy::unwrap_used)]
use super::fields::{Field, Kind, TOP};
use super::*;
use crate::config::{Config, example, schema};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use tandem_hub::namespace::{ConflationMode, DataFormat, Durability, NamespaceOptions, RecoveryMode};

fn settings(text: &str) -> ChannelSettings {
    Config::parse(text).unwrap().channel_settings().unwrap()
}

fn fault(text: &str) -> String {
    Config::parse(text).unwrap_err().to_string()
}

/// What a public client's tests need of a server.
const CLIENT_SUITE: &str = "
port: 8000
log: {level: trace}
client:
  token: {hmac_secret_key: secret}
  subscribe_to_user_personal_channel: {enabled: true}
channel:
  without_namespace:
    allowed_delta_types: fossil
    delta_publish: true
    presence: true
    join_leave: true
    force_push_join_leave: true
    history_size: 100
    history_ttl: 300s
    force_recovery: true
    allow_publish_for_subscriber: true
    allow_presence_for_subscriber: true
    allow_history_for_subscriber: true
  namespaces:
    - name: example
      presence: true
      join_leave: true
      force_push_join_leave: true
      history_size: 300
      history_ttl: 300s
      allow_publish_for_subscriber: true
      allow_presence_for_subscriber: true
      allow_history_for_subscriber: true
    - name: smallhistory
      force_recovery: true
      history_size: 2
      history_ttl: 300s
      allow_publish_for_subscriber: true
      allow_history_for_subscriber: true
";

#[test]
fn a_public_client_suite_can_be_served() {
    let config = Config::parse(CLIENT_SUITE).unwrap();
    assert_eq!(config.port, 8000);
    let settings = config.channel_settings().unwrap();
    let without = settings.options_of("channel").unwrap();
    let expected = NamespaceOptions {
        allowed_delta_fossil: true,
        delta_publish: true,
        presence: true,
        join_leave: true,
        force_push_join_leave: true,
        history_size: 100,
        history_ttl: Duration::from_secs(300),
        force_recovery: true,
        allow_publish_for_subscriber: true,
        allow_presence_for_subscriber: true,
        allow_history_for_subscriber: true,
        ..NamespaceOptions::default()
    };
    assert_eq!(*without, expected);
    assert_eq!(settings.options_of("smallhistory:x").unwrap().history_size, 2);
    assert!(settings.options_of("example:x").unwrap().presence);
    assert_eq!(settings.options_of("other:x"), None);
    assert_eq!(settings.personal_channel("42").unwrap(), "#42");
    assert_eq!(settings.personal_channel(""), None);
    assert!(!settings.client.allow_anonymous_connect_without_token && settings.http_api.key.is_empty());
}

#[test]
fn the_list_names_every_field_and_no_other() {
    fn walk(field: &Field, value: &Value, path: &str, seen: &mut BTreeSet<String>) {
        let path = format!("{path}/{}", field.name);
        if let Kind::Section(parts) = field.kind {
            parts.iter().copied().flatten().for_each(|inner| walk(inner, &value[inner.name], &path, seen));
        } else {
            assert!(seen.insert(path.clone()), "{path} is there twice");
        }
    }
    fn leaves(value: &Value, path: &str, seen: &mut BTreeSet<String>) {
        match value.as_object() {
            Some(object) if !path.ends_with("/static_headers") => {
                object.iter().for_each(|(name, inner)| leaves(inner, &format!("{path}/{name}"), seen));
            }
            _ => drop(seen.insert(path.to_owned())),
        }
    }
    let defaults = serde_json::to_value(Config::default()).unwrap();
    let (mut listed, mut present) = (BTreeSet::new(), BTreeSet::new());
    for section in TOP {
        walk(section, &defaults[section.name], "", &mut listed);
        leaves(&defaults[section.name], &format!("/{}", section.name), &mut present);
    }
    assert_eq!(listed, present);
}

#[test]
fn lists_of_sections_take_what_is_listed() {
    fn write(parts: &[&[Field]], indent: usize, text: &mut String) {
        for field in parts.iter().copied().flatten() {
            let value = match field.kind {
                Kind::Bool => "false",
                Kind::Number => "1",
                Kind::Time => "1s",
                Kind::Texts if field.name == "allowed_delta_types" => "[fossil]",
                Kind::Texts => "[x-a]",
                Kind::Map => "{x-b: c}",
                Kind::Word(words) => words.last().unwrap(),
                Kind::Text if field.name == "endpoint" => "http://localhost:1",
                Kind::Text if field.name.ends_with("proxy_name") => "default",
                Kind::Text => "some",
                Kind::Section(parts) => {
                    text.push_str(&format!("{}{}:\n", " ".repeat(indent), field.name));
                    write(parts, indent + 2, text);
                    continue;
                }
                Kind::List(_) => unreachable!(),
            };
            text.push_str(&format!("{}{}: {value}\n", " ".repeat(indent), field.name));
        }
    }
    for (top, inner) in [("channel", "namespaces"), ("rpc", "namespaces"), ("", "proxies")] {
        let section = TOP.iter().find(|field| field.name == top || field.name == inner).unwrap();
        let list = match section.kind {
            Kind::Section(parts) => parts[0].iter().find(|field| field.name == inner).unwrap(),
            _ => section,
        };
        let Kind::List(parts) = list.kind else { panic!("{inner}") };
        let mut text = if top.is_empty() { format!("{inner}:\n-\n") } else { format!("{top}:\n {inner}:\n -\n") };
        write(parts, 3, &mut text);
        Config::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    }
}

#[test]
fn the_example_explains_and_the_schema_covers() {
    let text = example().unwrap();
    for line in
        ["  ping_interval: \"25s\"", "    history_ttl: \"0s\"", "  namespaces: []", "proxies: []", "    # jwks_file:"]
    {
        assert!(text.lines().any(|written| written == line), "{line:?}\n{text}");
    }
    let schema = schema().unwrap();
    let at = |pointer: &str| schema.pointer(pointer).unwrap_or_else(|| panic!("{pointer}")).clone();
    assert_eq!(at("/properties/client/properties/token/properties/issuer/type"), "string");
    assert_eq!(
        at("/properties/channel/properties/namespaces/items/properties/conflation/properties/mode/enum/1"),
        "latest"
    );
    assert_eq!(at("/properties/client/properties/pong_timeout/default"), "8s");
    assert_eq!(at("/properties/proxies/items/additionalProperties"), false);
}

#[test]
fn misspelt_names_are_corrected_at_any_depth() {
    let table = [
        ("client: {allowed_origin: []}", "client.allowed_origin\"; did you mean \"client.allowed_origins\"?"),
        (
            "client: {token: {hmac_secret: x}}",
            "client.token.hmac_secret\"; did you mean \"client.token.hmac_secret_key\"?",
        ),
        ("client: {token: {enabled: true}}", "unknown setting \"client.token.enabled\""),
        ("channel: {namespaces: [{name: chat}, {nam: chat}]}", "did you mean \"channel.namespaces[1].name\"?"),
        ("channel: {without_namespace: {name: chat}}", "unknown setting \"channel.without_namespace.name\""),
        ("chanel: {}", "unknown setting \"chanel\"; did you mean \"channel\"?"),
        ("sse: {disabled: true}", "unknown setting \"sse.disabled\""),
    ];
    for (text, want) in table {
        assert!(fault(text).contains(want), "{text}: {}", fault(text));
    }
}

#[test]
fn values_that_make_no_sense() {
    let space = |text: &str| format!("channel: {{namespaces: [{{name: chat, {text}}}]}}");
    let table = [
        (
            space("durability: tape"),
            "channel.namespaces[0] (chat).durability: \"tape\" is unknown; there are \"memory\", \"disk\"",
        ),
        (space("force_recovery_mode: all"), "\"all\" is unknown; there are \"\", \"stream\", \"cache\""),
        (space("allowed_delta_types: [zip]"), "\"zip\" is unknown; there is \"fossil\""),
        (space("conflation: {mode: latest_per_key}"), "conflation: latest_per_key needs a tag"),
        (space("conflation: {mode: drop_oldest}"), "conflation: drop_oldest needs a depth"),
        (space("conflation: {mode: newest}"), "conflation.mode: \"newest\" is unknown"),
        (space("channel_regex: \"[\""), "channel_regex: it is no regular expression"),
        (space("history_ttl: soon"), "a length of time such as 300s"),
        (space("subscribe_proxy_enabled: true"), "channel.proxy.subscribe.endpoint is not set"),
        (space("publish_proxy_enabled: true, publish_proxy_name: app"), "no proxy is called \"app\""),
        ("channel: {namespaces: [{name: chat}, {name: chat}]}".to_owned(), "there is another namespace \"chat\""),
        ("channel: {namespaces: [{name: \"a:b\"}]}".to_owned(), "name \"a:b\" cannot be used"),
        ("channel: {namespaces: [{presence: true}]}".to_owned(), "name \"\" cannot be used"),
        ("client: {pong_timeout: 25s}".to_owned(), "client.pong_timeout: it must be shorter"),
        ("client: {proxy: {connect: {enabled: true}}}".to_owned(), "client.proxy.connect.endpoint: write an address"),
        ("proxies: [{name: app, endpoint: \"grpc://x\"}]".to_owned(), "proxies[0].endpoint: write an address"),
        ("proxies: [{name: default, endpoint: \"http://x\"}]".to_owned(), "the name \"default\""),
        ("http_api: {error_mode: loud}".to_owned(), "http_api.error_mode: \"loud\" is unknown"),
        (
            "client: {subscribe_to_user_personal_channel: {enabled: true, personal_channel_namespace: user}}"
                .to_owned(),
            "there is no namespace \"user\"",
        ),
    ];
    for (text, want) in table {
        assert!(fault(&text).contains(want), "{text}: {}", fault(&text));
    }
}

#[test]
fn backends_are_found_by_name() {
    let settings = settings(
        "
client:
  proxy:
    connect: {enabled: true, endpoint: \"http://app/connect\", timeout: 2s, http_headers: [Cookie]}
    refresh: {endpoint: \"http://app/refresh\"}
channel:
  proxy: {subscribe: {endpoint: \"https://app/subscribe\", http: {static_headers: {X-From: tandem}}}}
  namespaces:
    - {name: chat, subscribe_proxy_enabled: true, publish_proxy_enabled: true, publish_proxy_name: other}
    - {name: room, presence: true}
proxies: [{name: other, endpoint: \"http://other\", include_connection_meta: true}]
rpc:
  proxy: {endpoint: \"http://app/rpc\"}
  namespaces: [{name: math, proxy_enabled: true}, {name: game, proxy_enabled: true, proxy_name: other}, {name: none}]
",
    );
    let connect = settings.client.proxy.connect.clone().unwrap();
    let backend = &settings.proxies[&connect];
    assert_eq!((backend.endpoint.as_str(), backend.timeout), ("http://app/connect", Duration::from_secs(2)));
    assert_eq!(backend.pass_headers, ["cookie"]);
    assert!(settings.client.proxy.refresh.is_none());
    let chat = settings.options_of("chat:x").unwrap();
    assert_eq!(settings.proxies[chat.subscribe_proxy.as_ref().unwrap()].headers["x-from"], "tandem");
    assert_eq!(chat.publish_proxy.as_deref(), Some("other"));
    assert!(settings.proxies["other"].include_meta && chat.sub_refresh_proxy.is_none());
    assert_eq!(settings.rpc_proxy("math:add").as_deref(), Some("rpc.proxy"));
    assert_eq!(settings.rpc_proxy("game:go").as_deref(), Some("other"));
    assert_eq!(
        (settings.rpc_proxy("none:x"), settings.rpc_proxy("other:x"), settings.rpc_proxy("add")),
        (None, None, None)
    );
    // A namespace of this name in the file is the file's.
    assert!(!settings.options_of("room:x").unwrap().members_only);
}

#[test]
fn an_endpoint_alone_takes_all_procedures_without_a_namespace() {
    let settings = settings("rpc: {proxy: {endpoint: \"http://app/rpc\"}}");
    assert_eq!(settings.rpc_proxy("add").as_deref(), Some("rpc.proxy"));
    assert_eq!(settings.rpc_proxy("math:add"), None);
}

#[test]
fn options_of_namespaces() {
    let settings = settings(
        "channel: {history_meta_ttl: 1h, namespaces: [{name: feed, durability: disk, force_recovery_mode: cache,
         publication_data_format: json, conflation: {mode: latest_per_key, tag: symbol, interval: 500ms},
         publish_rate: {count: 5, per: 2s}}, {name: other, history_meta_ttl: 2h}]}",
    );
    let feed = settings.options_of("feed:x").unwrap();
    assert_eq!((feed.durability, feed.force_recovery_mode), (Durability::Disk, RecoveryMode::Cache));
    assert_eq!((feed.publication_data_format, feed.history_meta_ttl), (DataFormat::Json, Duration::from_secs(3600)));
    let conflation = feed.conflation.as_ref().unwrap();
    assert_eq!(conflation.mode, ConflationMode::LatestPerKey { tag: "symbol".into() });
    assert_eq!(conflation.interval, Duration::from_millis(500));
    assert_eq!(feed.publish_rate.map(|rate| (rate.count, rate.per)), Some((5, Duration::from_secs(2))));
    assert_eq!(settings.options_of("other:x").unwrap().history_meta_ttl, Duration::from_secs(7200));
    assert!(settings.options_of("room:demo").unwrap().members_only);
}

#[test]
fn development_is_open() {
    let settings = settings("dev: true");
    assert!(settings.client.allow_anonymous_connect_without_token && !settings.client.insecure);
    assert_eq!(settings.http_api.key, "secret");
    assert!(settings.options_of("any:thing").unwrap().presence);
    assert_eq!(settings.options_of("short:x").unwrap().history_ttl, Duration::from_secs(2));
    assert!(settings.options_of("room:demo").unwrap().members_only);
    let own = self::settings("{dev: true, http_api: {key: k}, channel: {namespaces: [{name: chat}]}}");
    assert_eq!((own.options_of("any:thing"), own.http_api.key.as_str()), (None, "k"));
    assert!(!own.options_of("chat:x").unwrap().presence);
}

#[test]
fn origins() {
    let settings = settings(
        "client: {allowed_origins: [\"https://app.example\", \"https://*.app.example\", \"http://localhost:*\"]}",
    );
    for (origin, may) in [
        ("https://app.example", true),
        ("https://APP.example", true),
        ("https://a.b.app.example", true),
        ("http://localhost:3000", true),
        ("http://app.example", false),
        ("https://evilapp.example", false),
        ("https://app.example.evil", false),
        ("null", false),
    ] {
        assert_eq!(settings.allows_origin(origin), may, "{origin}");
    }
    assert!(self::settings("client: {allowed_origins: [\"*\"]}").allows_origin("null"));
    assert!(!self::settings("").allows_origin("https://app.example"));
}

#[test]
fn transports_are_on() {
    let all = settings("");
    assert!(all.http_stream && all.sse && all.uni_websocket && all.uni_sse && all.uni_http_stream);
    assert!(!all.websocket.disabled && all.websocket.message_size_limit == 65_536);
    assert_eq!((all.client.ping_interval, all.client.channel_limit), (Duration::from_secs(25), 128));
    assert!(!settings("sse: {enabled: false}").sse);
}

#[test]
fn secrets_stay_out_of_logs() {
    let text = "client: {token: {hmac_secret_key: hidden}}
http_api: {key: hidden}
proxies: [{name: app, endpoint: \"http://app\", http: {static_headers: {authorization: hidden}}}]";
    let config = Config::parse(text).unwrap();
    let text = format!("{config:?} {:?}", config.channel_settings().unwrap());
    assert!(!text.contains("hidden"), "{text}");
}
