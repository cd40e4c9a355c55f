//! Settings of channels as the server uses them: checked, names resolved.

use axum::http::{HeaderMap, HeaderName};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tandem_hub::budget::Rate;
use tandem_hub::namespace::{NamespaceOptions, Namespaces};

/// Everything the doors of channels need to know.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // they are switches
pub struct ChannelSettings {
    /// Connections.
    pub client: ClientSettings,
    /// What channels can do.
    pub namespaces: Namespaces,
    /// Backends, by the names that options and [`ClientProxyNames`] use.
    pub proxies: HashMap<Arc<str>, ProxySettings>,
    /// Server API.
    pub http_api: HttpApiSettings,
    /// WebSocket connections.
    pub websocket: WebSocketSettings,
    /// Two-way over plain HTTP, streaming.
    pub http_stream: bool,
    /// Two-way over plain HTTP, server-sent events.
    pub sse: bool,
    /// Largest body of the upstream half of those two, bytes.
    pub emulation_body_bytes: usize,
    /// WebSocket connections that only listen.
    pub uni_websocket: bool,
    /// Server-sent events.
    pub uni_sse: bool,
    /// Plain HTTP, streaming.
    pub uni_http_stream: bool,
    pub(super) origins: Vec<OriginPattern>,
    pub(super) personal: Option<Personal>,
    pub(super) rpc: RpcProxies,
}

/// Settings of connections.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // they are switches
pub struct ClientSettings {
    /// Everything is allowed to everybody.
    pub insecure: bool,
    /// A client may come without a token, and is nobody then.
    pub allow_anonymous_connect_without_token: bool,
    /// Tokens without a user are refused.
    pub disallow_anonymous_connection_tokens: bool,
    /// The server asks for a sign of life this often; zero for never.
    pub ping_interval: Duration,
    /// It must come within this time; zero: it need not come.
    pub pong_timeout: Duration,
    /// A connection that does not say who it is ends after this time.
    pub stale_close_delay: Duration,
    /// One whose token expired may go on for this long.
    pub expired_close_delay: Duration,
    /// So may a subscription.
    pub expired_sub_close_delay: Duration,
    /// What may wait for a client that does not read, bytes.
    pub queue_max_size: usize,
    /// Subscriptions of one connection; 0 for no bound.
    pub channel_limit: usize,
    /// Connections of one user; 0 for no bound.
    pub user_connection_limit: usize,
    /// How often one user may do things.
    pub user_rates: UserRates,
    /// Publications in one answer; 0 for no bound.
    pub history_max_publication_limit: usize,
    /// Publications recovered at once; 0 for no bound.
    pub recovery_max_publication_limit: usize,
    /// A user's newest connection to its personal channel ends the older ones.
    pub personal_channel_single_connection: bool,
    /// Backends asked about connections.
    pub proxy: ClientProxyNames,
}

/// How often one user may do things, on all connections together; `None` for no bound.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs)] // the settings' names
pub struct UserRates {
    pub connects: Option<Rate>,
    pub commands: Option<Rate>,
    pub publications: Option<Rate>,
}

/// Backends asked about connections, by name.
#[derive(Debug, Clone, Default)]
pub struct ClientProxyNames {
    /// Who comes without a token.
    pub connect: Option<Arc<str>>,
    /// Whether an expired connection goes on.
    pub refresh: Option<Arc<str>>,
}

/// A backend.
#[derive(Debug, Clone)]
pub struct ProxySettings {
    /// Where questions go: `http://…` or `https://…`.
    pub endpoint: String,
    /// It must have answered by then.
    pub timeout: Duration,
    /// Headers of the client's request that are passed on.
    pub pass_headers: Vec<HeaderName>,
    /// Headers every question has.
    pub headers: HeaderMap,
    /// The `meta` of the connection's token is passed on.
    pub include_meta: bool,
}

/// Settings of the server API.
#[derive(Clone)]
pub struct HttpApiSettings {
    /// Requests must carry it; empty: there is none, and nobody may.
    pub key: String,
    /// They need not.
    pub insecure: bool,
    /// There is no server API.
    pub disabled: bool,
    /// Errors are HTTP statuses too, whatever the request says.
    pub transport_errors: bool,
}

impl fmt::Debug for HttpApiSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key: _, insecure, disabled, transport_errors } = self;
        let mut shown = f.debug_struct("HttpApiSettings");
        shown.field("insecure", insecure).field("disabled", disabled).field("transport_errors", transport_errors);
        shown.finish_non_exhaustive()
    }
}

/// Settings of WebSocket connections.
#[derive(Debug, Clone)]
pub struct WebSocketSettings {
    /// There are none.
    pub disabled: bool,
    /// Messages may be compressed.
    pub compression: bool,
    /// How hard: 1 to 9.
    pub compression_level: u32,
    /// Largest message, bytes.
    pub message_size_limit: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Personal {
    pub(super) namespace: String,
}

#[derive(Debug, Clone, Default)]
pub(super) struct RpcProxies {
    pub(super) without: Option<Arc<str>>,
    pub(super) named: BTreeMap<String, Option<Arc<str>>>,
}

/// A shell pattern, in lower case.
#[derive(Debug, Clone)]
pub(super) struct OriginPattern(pub(super) String);

impl ChannelSettings {
    /// What a channel can do; `None` if it has no name or there is no such namespace.
    #[must_use]
    pub fn options_of(&self, channel: &str) -> Option<Arc<NamespaceOptions>> {
        self.namespaces.options_of(&self.namespaces.parse(channel).ok()?)
    }

    /// The channel that a user is subscribed to by the server; `None` for nobody, or if users have none.
    #[must_use]
    pub fn personal_channel(&self, user: &str) -> Option<String> {
        let personal = self.personal.as_ref().filter(|_| !user.is_empty())?;
        let boundary = if personal.namespace.is_empty() { "" } else { ":" };
        Some(format!("{}{boundary}#{user}", personal.namespace))
    }

    /// Who is asked when a client calls a procedure.
    #[must_use]
    pub fn rpc_proxy(&self, method: &str) -> Option<Arc<str>> {
        match method.split_once(':') {
            Some((namespace, _)) => self.rpc.named.get(namespace).cloned().flatten(),
            None => self.rpc.without.clone(),
        }
    }

    /// Whether pages of another host may connect. `origin` is as browsers send it.
    #[must_use]
    pub fn allows_origin(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        self.origins.iter().any(|OriginPattern(pattern)| crate::glob::fits(pattern, &origin))
    }
}
