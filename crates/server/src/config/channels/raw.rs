//! The sections about channels as they stand in the file. Names are those of Centrifugo 6, so that
//! its files can be taken over.
//!
//! A struct that stands in several places holds the fields of all of them; [`super::fields`] says
//! which belong where.

use super::super::Secret;
use super::span::Span;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use tandem_hub::budget::Rate;

macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty = $default:expr,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        #[allow(missing_docs, clippy::struct_excessive_bools)] // documented in `fields`, for operators
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }
    };
}

section! {
    /// `client`
    Client {
        token: Token = Token::default(),
        subscription_token: Token = Token { enabled: Some(false), ..Token::default() },
        allowed_origins: Vec<String> = Vec::new(),
        insecure: bool = false,
        allow_anonymous_connect_without_token: bool = false,
        disallow_anonymous_connection_tokens: bool = false,
        ping_interval: Span = Span::seconds(25),
        pong_timeout: Span = Span::seconds(8),
        stale_close_delay: Span = Span::seconds(10),
        expired_close_delay: Span = Span::seconds(25),
        expired_sub_close_delay: Span = Span::seconds(25),
        queue_max_size: usize = 1_048_576,
        channel_limit: usize = 128,
        user_connection_limit: usize = 0,
        history_max_publication_limit: usize = 300,
        recovery_max_publication_limit: usize = 300,
        concurrency: usize = 0,
        user_rate: RawUserRates = RawUserRates::default(),
        subscribe_to_user_personal_channel: PersonalChannel = PersonalChannel::default(),
        proxy: ClientProxies = ClientProxies::default(),
    }
}

section! {
    /// `client.token` and `client.subscription_token`
    Token {
        #[serde(skip_serializing_if = "Option::is_none")]
        enabled: Option<bool> = None,
        hmac_secret_key: Secret = Secret::default(),
        hmac_previous_secret_key: Secret = Secret::default(),
        hmac_previous_secret_key_valid_until: u64 = 0,
        rsa_public_key: String = String::new(),
        ecdsa_public_key: String = String::new(),
        eddsa_public_key: String = String::new(),
        jwks_file: Option<PathBuf> = None,
        audience: String = String::new(),
        issuer: String = String::new(),
        user_id_claim: String = String::new(),
    }
}

section! {
    /// `client.subscribe_to_user_personal_channel`
    PersonalChannel {
        enabled: bool = false,
        personal_channel_namespace: String = String::new(),
        single_connection: bool = false,
    }
}

section! {
    /// `client.proxy`
    ClientProxies {
        connect: Proxy = Proxy { enabled: Some(false), ..Proxy::default() },
        refresh: Proxy = Proxy { enabled: Some(false), ..Proxy::default() },
    }
}

section! {
    /// A backend.
    Proxy {
        #[serde(skip_serializing_if = "String::is_empty")]
        name: String = String::new(),
        #[serde(skip_serializing_if = "Option::is_none")]
        enabled: Option<bool> = None,
        endpoint: String = String::new(),
        timeout: Span = Span::seconds(1),
        http_headers: Vec<String> = Vec::new(),
        include_connection_meta: bool = false,
        http: ProxyHttp = ProxyHttp::default(),
    }
}

section! {
    /// `http` of a backend
    ProxyHttp {
        static_headers: BTreeMap<String, Secret> = BTreeMap::new(),
    }
}

section! {
    /// `channel`
    Channel {
        without_namespace: Namespace = Namespace::default(),
        namespaces: Vec<Namespace> = Vec::new(),
        history_meta_ttl: Span = Span::seconds(720 * 3600),
        max_length: usize = 255,
        proxy: ChannelProxies = ChannelProxies::default(),
    }
}

section! {
    /// `channel.proxy`
    ChannelProxies {
        subscribe: Proxy = Proxy::default(),
        publish: Proxy = Proxy::default(),
        sub_refresh: Proxy = Proxy::default(),
    }
}

section! {
    /// `channel.without_namespace` and each of `channel.namespaces`
    Namespace {
        #[serde(skip_serializing_if = "String::is_empty")]
        name: String = String::new(),
        presence: bool = false,
        join_leave: bool = false,
        force_push_join_leave: bool = false,
        history_size: usize = 0,
        history_ttl: Span = Span::default(),
        history_meta_ttl: Span = Span::default(),
        durability: String = "memory".to_owned(),
        force_positioning: bool = false,
        allow_positioning: bool = false,
        force_recovery: bool = false,
        allow_recovery: bool = false,
        force_recovery_mode: String = "stream".to_owned(),
        auto_cache_recover: bool = false,
        allow_subscribe_for_client: bool = false,
        allow_subscribe_for_anonymous: bool = false,
        allow_publish_for_client: bool = false,
        allow_publish_for_subscriber: bool = false,
        allow_publish_for_anonymous: bool = false,
        allow_history_for_client: bool = false,
        allow_history_for_subscriber: bool = false,
        allow_history_for_anonymous: bool = false,
        allow_presence_for_client: bool = false,
        allow_presence_for_subscriber: bool = false,
        allow_presence_for_anonymous: bool = false,
        allow_user_limited_channels: bool = false,
        channel_regex: String = String::new(),
        delta_publish: bool = false,
        #[serde(deserialize_with = "one_or_many")]
        allowed_delta_types: Vec<String> = Vec::new(),
        publication_data_format: String = String::new(),
        allow_tags_filter: bool = false,
        allow_channel_compaction: bool = false,
        subscribe_proxy_enabled: bool = false,
        subscribe_proxy_name: String = DEFAULT_PROXY.to_owned(),
        publish_proxy_enabled: bool = false,
        publish_proxy_name: String = DEFAULT_PROXY.to_owned(),
        sub_refresh_proxy_enabled: bool = false,
        sub_refresh_proxy_name: String = DEFAULT_PROXY.to_owned(),
        conflation: RawConflation = RawConflation::default(),
        publish_rate: RawRate = RawRate::default(),
    }
}

section! {
    /// `conflation` of a namespace
    RawConflation {
        mode: String = String::new(),
        tag: String = String::new(),
        depth: usize = 0,
        interval: Span = Span::default(),
    }
}

section! {
    /// `publish_rate` of a namespace and the like
    RawRate {
        count: u32 = 0,
        per: Span = Span::seconds(1),
    }
}

impl RawRate {
    pub(super) fn rate(&self) -> Option<Rate> {
        (self.count > 0).then_some(Rate { count: self.count, per: self.per.0 })
    }
}

section! {
    /// `client.user_rate`
    RawUserRates {
        connects: RawRate = RawRate::default(),
        commands: RawRate = RawRate::default(),
        publications: RawRate = RawRate::default(),
    }
}

section! {
    /// `rpc`
    Rpc {
        proxy: Proxy = Proxy::default(),
        without_namespace: RpcNamespace = RpcNamespace::default(),
        namespaces: Vec<RpcNamespace> = Vec::new(),
    }
}

section! {
    /// `rpc.without_namespace` and each of `rpc.namespaces`
    RpcNamespace {
        #[serde(skip_serializing_if = "String::is_empty")]
        name: String = String::new(),
        proxy_enabled: bool = false,
        proxy_name: String = DEFAULT_PROXY.to_owned(),
    }
}

section! {
    /// `http_api`
    HttpApi {
        key: Secret = Secret::default(),
        insecure: bool = false,
        disabled: bool = false,
        error_mode: String = String::new(),
    }
}

section! {
    /// `websocket`
    WebSocket {
        disabled: bool = false,
        compression: bool = false,
        compression_level: u32 = 1,
        message_size_limit: usize = 65_536,
        write_timeout: Span = Span::seconds(1),
    }
}

section! {
    /// A transport that can be switched off.
    Transport {
        enabled: bool = true,
    }
}

section! {
    /// `emulation`
    Emulation {
        max_request_body_size: usize = 65_536,
    }
}

/// The name of the backend that has none.
pub(super) const DEFAULT_PROXY: &str = "default";

/// A list, or its only element.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Either::deserialize(deserializer)? {
        Either::One(one) if one.is_empty() => Vec::new(),
        Either::One(one) => vec![one],
        Either::Many(many) => many,
    })
}
