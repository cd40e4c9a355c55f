//! From the file to what the server uses.

mod options;

use super::super::{Config, ConfigError};
use super::raw::{DEFAULT_PROXY, Proxy};
use super::settings::{
    ChannelSettings, ClientProxyNames, ClientSettings, HttpApiSettings, OriginPattern, Personal, ProxySettings,
    RpcProxies, UserRates, WebSocketSettings,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

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
        let namespaces = options::namespaces(self, &proxies)?;
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
            user_rates: UserRates {
                connects: client.user_rate.connects.rate(),
                commands: client.user_rate.commands.rate(),
                publications: client.user_rate.publications.rate(),
            },
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
