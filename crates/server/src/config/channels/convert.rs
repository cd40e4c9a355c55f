//! From the file to what the server uses.

use super::super::{Config, ConfigError};
use super::raw::{DEFAULT_PROXY, Namespace, Proxy, RawConflation};
use super::settings::{
    ChannelSettings, ClientProxyNames, ClientSettings, HttpApiSettings, OriginPattern, Personal, ProxySettings,
    RpcProxies, WebSocketSettings,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tandem_hub::namespace::{
    ChannelRegex, Conflation, ConflationMode, DataFormat, Durability, NamespaceOptions, Namespaces, ROOM, Rate,
    RecoveryMode,
};

/// Key of the server API in development.
const DEV_API_KEY: &str = "secret";

type Proxies = HashMap<Arc<str>, ProxySettings>;

fn invalid(path: &str, text: impl std::fmt::Display) -> ConfigError {
    ConfigError::Invalid(format!("{path}: {text}"))
}

impl Config {
    /// The settings of channels, checked.
    ///
    /// # Errors
    /// A value makes no sense, or names something that is not there.
    pub fn channel_settings(&self) -> Result<ChannelSettings, ConfigError> {
        let proxies = proxies(self)?;
        let namespaces = namespaces(self, &proxies)?;
        let personal = &self.client.subscribe_to_user_personal_channel;
        let space = &personal.personal_channel_namespace;
        if personal.enabled && !space.is_empty() && !namespaces.named.contains_key(space) && namespaces.others.is_none()
        {
            let path = "client.subscribe_to_user_personal_channel.personal_channel_namespace";
            return Err(invalid(path, format!("there is no namespace \"{space}\"")));
        }
        let dev_key = self.dev && self.http_api.key.0.is_empty();
        Ok(ChannelSettings {
            client: self.client_settings()?,
            http_api: HttpApiSettings {
                key: if dev_key { DEV_API_KEY.to_owned() } else { self.http_api.key.0.clone() },
                insecure: self.http_api.insecure,
                disabled: self.http_api.disabled,
                transport_errors: choice(
                    "http_api.error_mode",
                    &self.http_api.error_mode,
                    &[("", false), ("transport", true)],
                )?,
            },
            websocket: WebSocketSettings {
                disabled: self.websocket.disabled,
                compression: self.websocket.compression,
                compression_level: self.websocket.compression_level.clamp(1, 9),
                message_size_limit: self.websocket.message_size_limit,
                write_timeout: self.websocket.write_timeout.0,
            },
            http_stream: self.http_stream.enabled,
            sse: self.sse.enabled,
            emulation_body_bytes: self.emulation.max_request_body_size,
            uni_websocket: self.uni_websocket.enabled,
            uni_sse: self.uni_sse.enabled,
            uni_http_stream: self.uni_http_stream.enabled,
            origins: self.client.allowed_origins.iter().map(|o| OriginPattern(o.trim().to_ascii_lowercase())).collect(),
            personal: personal.enabled.then(|| Personal { namespace: space.clone() }),
            rpc: rpc(self, &proxies)?,
            namespaces,
            proxies,
        })
    }

    fn client_settings(&self) -> Result<ClientSettings, ConfigError> {
        let client = &self.client;
        let (ping, pong) = (client.ping_interval.0, client.pong_timeout.0);
        if !ping.is_zero() && pong >= ping {
            return Err(invalid("client.pong_timeout", "it must be shorter than client.ping_interval"));
        }
        let named = |proxy: &Proxy, path: &str| (proxy.enabled == Some(true)).then(|| Arc::from(path));
        Ok(ClientSettings {
            insecure: client.insecure,
            allow_anonymous_connect_without_token: self.dev || client.allow_anonymous_connect_without_token,
            disallow_anonymous_connection_tokens: client.disallow_anonymous_connection_tokens,
            ping_interval: ping,
            pong_timeout: pong,
            stale_close_delay: client.stale_close_delay.0,
            expired_close_delay: client.expired_close_delay.0,
            expired_sub_close_delay: client.expired_sub_close_delay.0,
            queue_max_size: client.queue_max_size,
            channel_limit: client.channel_limit,
            user_connection_limit: client.user_connection_limit,
            history_max_publication_limit: client.history_max_publication_limit,
            recovery_max_publication_limit: client.recovery_max_publication_limit,
            personal_channel_single_connection: client.subscribe_to_user_personal_channel.single_connection,
            proxy: ClientProxyNames {
                connect: named(&client.proxy.connect, "client.proxy.connect"),
                refresh: named(&client.proxy.refresh, "client.proxy.refresh"),
            },
        })
    }
}

/// All backends: those with names of their own, and the default of each event by its path.
fn proxies(config: &Config) -> Result<Proxies, ConfigError> {
    let mut all = HashMap::new();
    let client = &config.client.proxy;
    for (path, proxy) in [("client.proxy.connect", &client.connect), ("client.proxy.refresh", &client.refresh)] {
        if proxy.enabled == Some(true) {
            all.insert(Arc::from(path), proxy_settings(path, proxy)?);
        }
    }
    let channel = &config.channel.proxy;
    let defaults = [
        ("channel.proxy.subscribe", &channel.subscribe),
        ("channel.proxy.publish", &channel.publish),
        ("channel.proxy.sub_refresh", &channel.sub_refresh),
        ("rpc.proxy", &config.rpc.proxy),
    ];
    for (path, proxy) in defaults {
        if !proxy.endpoint.is_empty() {
            all.insert(Arc::from(path), proxy_settings(path, proxy)?);
        }
    }
    for (index, proxy) in config.proxies.iter().enumerate() {
        let path = format!("proxies[{index}]");
        check_name(&path, &proxy.name)?;
        if proxy.name == DEFAULT_PROXY {
            return Err(invalid(&path, "the name \"default\" means the proxy of the section an event belongs to"));
        }
        if all.insert(Arc::from(proxy.name.as_str()), proxy_settings(&path, proxy)?).is_some() {
            return Err(invalid(&path, format!("there is another proxy \"{}\"", proxy.name)));
        }
    }
    Ok(all)
}

fn proxy_settings(path: &str, proxy: &Proxy) -> Result<ProxySettings, ConfigError> {
    if !proxy.endpoint.starts_with("http://") && !proxy.endpoint.starts_with("https://") {
        return Err(invalid(&format!("{path}.endpoint"), "write an address that begins with http:// or https://"));
    }
    let name = |text: &str| {
        let fault = |_| invalid(path, format!("\"{text}\" is no name of a header"));
        HeaderName::from_bytes(text.to_ascii_lowercase().as_bytes()).map_err(fault)
    };
    let mut headers = HeaderMap::new();
    for (key, value) in &proxy.http.static_headers {
        let fault = |_| invalid(path, format!("the value of header {key} holds characters no header can"));
        let mut value = HeaderValue::from_str(&value.0).map_err(fault)?;
        value.set_sensitive(true);
        headers.insert(name(key)?, value);
    }
    Ok(ProxySettings {
        endpoint: proxy.endpoint.clone(),
        timeout: proxy.timeout.0,
        pass_headers: proxy.http_headers.iter().map(|text| name(text)).collect::<Result<_, _>>()?,
        headers,
        include_meta: proxy.include_connection_meta,
    })
}

/// The backend an option names: its own, or the default of the event.
fn proxy_of(
    path: &str,
    (enabled, name): (bool, &str),
    default: &str,
    all: &Proxies,
) -> Result<Option<Arc<str>>, ConfigError> {
    if !enabled {
        return Ok(None);
    }
    let wanted = if name == DEFAULT_PROXY { default } else { name };
    match all.get_key_value(wanted) {
        Some((name, _)) => Ok(Some(Arc::clone(name))),
        None if name == DEFAULT_PROXY => Err(invalid(path, format!("{default}.endpoint is not set"))),
        None => Err(invalid(path, format!("no proxy is called \"{name}\"; name it under \"proxies\""))),
    }
}

fn rpc(config: &Config, all: &Proxies) -> Result<RpcProxies, ConfigError> {
    let rpc = &config.rpc;
    let of = |path: &str, enabled, name: &str| proxy_of(path, (enabled, name), "rpc.proxy", all);
    // Whoever names an endpoint and nothing else wants it used.
    let implied =
        !rpc.proxy.endpoint.is_empty() && rpc.namespaces.is_empty() && rpc.without_namespace == Default::default();
    let without =
        of("rpc.without_namespace", rpc.without_namespace.proxy_enabled || implied, &rpc.without_namespace.proxy_name)?;
    let mut named = BTreeMap::new();
    for (index, space) in rpc.namespaces.iter().enumerate() {
        let path = format!("rpc.namespaces[{index}]");
        check_name(&path, &space.name)?;
        named.insert(space.name.clone(), of(&path, space.proxy_enabled, &space.proxy_name)?);
    }
    Ok(RpcProxies { without, named })
}

fn namespaces(config: &Config, proxies: &Proxies) -> Result<Namespaces, ConfigError> {
    let channel = &config.channel;
    let max_bytes = channel.max_length;
    if config.dev && channel.namespaces.is_empty() && channel.without_namespace == Namespace::default() {
        return Ok(Namespaces { max_bytes, ..Namespaces::dev() });
    }
    let meta = channel.history_meta_ttl.0;
    let mut named = BTreeMap::from([(ROOM.to_owned(), Arc::new(NamespaceOptions::room()))]);
    let mut seen = std::collections::BTreeSet::new();
    for (index, space) in channel.namespaces.iter().enumerate() {
        let path = format!("channel.namespaces[{index}]");
        check_name(&path, &space.name)?;
        if !seen.insert(space.name.as_str()) {
            return Err(invalid(&path, format!("there is another namespace \"{}\"", space.name)));
        }
        let path = format!("channel.namespaces[{index}] ({})", space.name);
        named.insert(space.name.clone(), Arc::new(options(&path, space, meta, proxies)?));
    }
    let without = Arc::new(options("channel.without_namespace", &channel.without_namespace, meta, proxies)?);
    Ok(Namespaces { without, named, others: None, max_bytes })
}

fn options(
    path: &str,
    raw: &Namespace,
    meta: std::time::Duration,
    proxies: &Proxies,
) -> Result<NamespaceOptions, ConfigError> {
    let at = |name: &str| format!("{path}.{name}");
    if let Some(other) = raw.allowed_delta_types.iter().find(|kind| *kind != "fossil") {
        return Err(invalid(&at("allowed_delta_types"), format!("\"{other}\" is unknown; there is \"fossil\"")));
    }
    let durability = [("memory", Durability::Memory), ("disk", Durability::Disk)];
    let recovery = [("", RecoveryMode::Stream), ("stream", RecoveryMode::Stream), ("cache", RecoveryMode::Cache)];
    let formats = [
        ("", DataFormat::Any),
        ("json", DataFormat::Json),
        ("json_object", DataFormat::JsonObject),
        ("binary", DataFormat::Binary),
    ];
    let proxy = |event: &str, enabled: bool, name: &str| {
        proxy_of(&at(&format!("{event}_proxy_name")), (enabled, name), &format!("channel.proxy.{event}"), proxies)
    };
    Ok(NamespaceOptions {
        presence: raw.presence,
        join_leave: raw.join_leave,
        force_push_join_leave: raw.force_push_join_leave,
        history_size: raw.history_size,
        history_ttl: raw.history_ttl.0,
        history_meta_ttl: if raw.history_meta_ttl.0.is_zero() { meta } else { raw.history_meta_ttl.0 },
        durability: choice(&at("durability"), &raw.durability, &durability)?,
        force_positioning: raw.force_positioning,
        allow_positioning: raw.allow_positioning,
        force_recovery: raw.force_recovery,
        allow_recovery: raw.allow_recovery,
        force_recovery_mode: choice(&at("force_recovery_mode"), &raw.force_recovery_mode, &recovery)?,
        auto_cache_recover: raw.auto_cache_recover,
        allow_subscribe_for_client: raw.allow_subscribe_for_client,
        allow_subscribe_for_anonymous: raw.allow_subscribe_for_anonymous,
        allow_publish_for_client: raw.allow_publish_for_client,
        allow_publish_for_subscriber: raw.allow_publish_for_subscriber,
        allow_publish_for_anonymous: raw.allow_publish_for_anonymous,
        allow_history_for_client: raw.allow_history_for_client,
        allow_history_for_subscriber: raw.allow_history_for_subscriber,
        allow_history_for_anonymous: raw.allow_history_for_anonymous,
        allow_presence_for_client: raw.allow_presence_for_client,
        allow_presence_for_subscriber: raw.allow_presence_for_subscriber,
        allow_presence_for_anonymous: raw.allow_presence_for_anonymous,
        allow_user_limited_channels: raw.allow_user_limited_channels,
        channel_regex: regex(&at("channel_regex"), &raw.channel_regex)?,
        delta_publish: raw.delta_publish,
        allowed_delta_fossil: !raw.allowed_delta_types.is_empty(),
        publication_data_format: choice(&at("publication_data_format"), &raw.publication_data_format, &formats)?,
        allow_tags_filter: raw.allow_tags_filter,
        allow_channel_compaction: raw.allow_channel_compaction,
        subscribe_proxy: proxy("subscribe", raw.subscribe_proxy_enabled, &raw.subscribe_proxy_name)?,
        publish_proxy: proxy("publish", raw.publish_proxy_enabled, &raw.publish_proxy_name)?,
        sub_refresh_proxy: proxy("sub_refresh", raw.sub_refresh_proxy_enabled, &raw.sub_refresh_proxy_name)?,
        conflation: conflation(&at("conflation"), &raw.conflation)?,
        publish_rate: (raw.publish_rate.count > 0)
            .then_some(Rate { count: raw.publish_rate.count, per: raw.publish_rate.per.0 }),
        members_only: false,
    })
}

fn conflation(path: &str, raw: &RawConflation) -> Result<Option<Conflation>, ConfigError> {
    let mode = match raw.mode.as_str() {
        "" => return Ok(None),
        "latest" => ConflationMode::Latest,
        "latest_per_key" if raw.tag.is_empty() => return Err(invalid(path, "latest_per_key needs a tag")),
        "latest_per_key" => ConflationMode::LatestPerKey { tag: raw.tag.clone() },
        "drop_oldest" if raw.depth == 0 => return Err(invalid(path, "drop_oldest needs a depth")),
        "drop_oldest" => ConflationMode::DropOldest { depth: raw.depth },
        other => {
            let known = "there are latest, latest_per_key and drop_oldest";
            return Err(invalid(&format!("{path}.mode"), format!("\"{other}\" is unknown; {known}")));
        }
    };
    Ok(Some(Conflation { mode, interval: raw.interval.0 }))
}

fn regex(path: &str, pattern: &str) -> Result<Option<ChannelRegex>, ConfigError> {
    let read = (!pattern.is_empty()).then(|| ChannelRegex::new(pattern)).transpose();
    read.map_err(|error| invalid(path, error))
}

/// One of a few words.
fn choice<T: Copy>(path: &str, word: &str, known: &[(&str, T)]) -> Result<T, ConfigError> {
    let found = known.iter().find(|(name, _)| *name == word);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<String> = known.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        invalid(path, format!("\"{word}\" is unknown; there are {}", names.join(", ")))
    })
}

/// Names of namespaces and backends stand in channels' names and in options.
fn check_name(path: &str, name: &str) -> Result<(), ConfigError> {
    let fine = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    if name.len() < 2 || !name.chars().all(fine) {
        let rule = "a name has at least two letters, digits, \"_\" or \"-\"";
        return Err(invalid(path, format!("name \"{name}\" cannot be used; {rule}")));
    }
    Ok(())
}
