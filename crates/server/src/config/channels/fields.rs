//! Every setting of channels: name, kind and what it is for. The search for misspelt names, the
//! example and the schema are made from this; a test keeps it equal to the structs in `raw`.

/// What may stand under a name.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A number that is not negative.
    Number,
    /// Text.
    Text,
    /// A length of time.
    Time,
    /// A list of texts.
    Texts,
    /// Names and texts.
    Map,
    /// One of a few words.
    Word(&'static [&'static str]),
    /// Further names.
    Section(&'static [&'static [Field]]),
    /// A list of sections.
    List(&'static [&'static [Field]]),
}

/// A name in the file.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The name.
    pub name: &'static str,
    /// What stands under it.
    pub kind: Kind,
    /// One sentence.
    pub doc: &'static str,
}

const fn field(name: &'static str, kind: Kind, doc: &'static str) -> Field {
    Field { name, kind, doc }
}

const fn flag(name: &'static str, doc: &'static str) -> Field {
    field(name, Kind::Bool, doc)
}

const fn number(name: &'static str, doc: &'static str) -> Field {
    field(name, Kind::Number, doc)
}

const fn time(name: &'static str, doc: &'static str) -> Field {
    field(name, Kind::Time, doc)
}

const fn text(name: &'static str, doc: &'static str) -> Field {
    field(name, Kind::Text, doc)
}

/// Sections at the top of the file.
pub const TOP: &[Field] = &[
    field("client", Kind::Section(&[CLIENT]), "Connections to channels (Centrifuge clients). Names are Centrifugo's."),
    field(
        "channel",
        Kind::Section(&[CHANNEL]),
        "Channels: what they can do, by namespace (the name before the colon).",
    ),
    field(
        "proxies",
        Kind::List(&[NAME, PROXY]),
        "Backends with names, for ..._proxy_name: [{name: app, endpoint: \"http://app.example/hook\"}].",
    ),
    field("rpc", Kind::Section(&[RPC]), "Remote procedures that clients of channels call."),
    field("http_api", Kind::Section(&[HTTP_API]), "Server API of channels: POST /api/publish and others."),
    field("websocket", Kind::Section(&[WEBSOCKET]), "Channels over WebSocket: /connection/websocket."),
    field("http_stream", TRANSPORT, "Channels over plain HTTP, streaming: /connection/http_stream."),
    field("sse", TRANSPORT, "Channels over server-sent events: /connection/sse."),
    field("emulation", Kind::Section(&[EMULATION]), "What clients of the two above send: /emulation."),
    field("uni_websocket", TRANSPORT, "Channels for clients that only listen: /connection/uni_websocket."),
    field("uni_sse", TRANSPORT, "Channels for clients that only listen: /connection/uni_sse."),
    field("uni_http_stream", TRANSPORT, "Channels for clients that only listen: /connection/uni_http_stream."),
];

const NAME: &[Field] = &[text("name", "Its name: at least two letters, digits, _ or -.")];
const ENABLED: &[Field] = &[flag("enabled", "Use it.")];
const TRANSPORT: Kind = Kind::Section(&[&[flag("enabled", "Offer it.")]]);
const EMULATION: &[Field] = &[number("max_request_body_size", "Largest body, in bytes.")];

const CLIENT: &[Field] = &[
    field("token", Kind::Section(&[TOKEN]), "Keys for tokens. Without any, the API keys above verify."),
    field("subscription_token", Kind::Section(&[ENABLED, TOKEN]), "Other keys for tokens of subscriptions."),
    field(
        "allowed_origins",
        Kind::Texts,
        "Pages of other hosts that may connect, as https://app.example; * is any text.",
    ),
    flag("insecure", "Everything is allowed to everybody. For tests."),
    flag("allow_anonymous_connect_without_token", "A client without a token may connect; it has no user then."),
    flag("disallow_anonymous_connection_tokens", "A token without a user is refused."),
    time("ping_interval", "How often the server pings. 0: never."),
    time("pong_timeout", "How long it waits for an answer. 0: for ever."),
    time("stale_close_delay", "A connection must say who it is within this time."),
    time("expired_close_delay", "How long a connection outlives its token, to bring a new one."),
    time("expired_sub_close_delay", "The same for a subscription."),
    number("queue_max_size", "Bytes that may wait for a client that does not read; then it is disconnected."),
    number("channel_limit", "Channels one connection may subscribe to. 0: no bound."),
    number("user_connection_limit", "Connections one user may have. 0: no bound."),
    number("history_max_publication_limit", "Publications in one answer about history. 0: no bound."),
    number("recovery_max_publication_limit", "Publications recovered at once; who missed more recovers nothing."),
    number("concurrency", "Accepted for the sake of old files; commands of a connection are done in order."),
    field(
        "user_rate",
        Kind::Section(&[USER_RATES]),
        "How often one user may do things, on all connections to this node together.",
    ),
    field(
        "subscribe_to_user_personal_channel",
        Kind::Section(&[PERSONAL]),
        "A channel for each user, subscribed by the server.",
    ),
    field("proxy", Kind::Section(&[CLIENT_PROXIES]), "Backends that decide about connections."),
];

const TOKEN: &[Field] = &[
    text("hmac_secret_key", "Secret of HS256, HS384 and HS512."),
    text("hmac_previous_secret_key", "The secret before, while tokens signed with it are about."),
    number("hmac_previous_secret_key_valid_until", "Until when, in seconds since 1970. 0: without end."),
    text("rsa_public_key", "Public key of RS256, RS384 and RS512, PEM."),
    text("ecdsa_public_key", "Public key of ES256 or ES384, PEM."),
    text("eddsa_public_key", "Public key of EdDSA (Ed25519), PEM."),
    text("jwks_file", "File with a JSON Web Key Set; a token names its key by kid."),
    text("audience", "A token must be meant for this audience."),
    text("issuer", "A token must come from this issuer."),
    text("user_id_claim", "The claim that holds the user, in place of sub."),
];

const PERSONAL: &[Field] = &[
    flag("enabled", "Subscribe each user to it: #USER."),
    text("personal_channel_namespace", "Its namespace: NAMESPACE:#USER."),
    flag("single_connection", "A user's newest connection ends the older ones."),
];

const CLIENT_PROXIES: &[Field] = &[
    field("connect", Kind::Section(&[ENABLED, PROXY]), "Asked about clients that come without a token."),
    field("refresh", Kind::Section(&[ENABLED, PROXY]), "Asked whether a connection goes on when it expires."),
];

const PROXY: &[Field] = &[
    text("endpoint", "Where questions are posted: http:// or https://."),
    time("timeout", "How long to wait for an answer."),
    field("http_headers", Kind::Texts, "Headers of the client's request that are passed on."),
    flag("include_connection_meta", "Pass on the meta claim of the connection's token."),
    field("http", Kind::Section(&[PROXY_HTTP]), "More about the request."),
];

const PROXY_HTTP: &[Field] = &[field("static_headers", Kind::Map, "Headers that every question has.")];

const CHANNEL: &[Field] = &[
    field("without_namespace", Kind::Section(&[NAMESPACE]), "Channels whose names have no colon."),
    field(
        "namespaces",
        Kind::List(&[NAME, NAMESPACE]),
        "The others, by what stands before the colon: [{name: chat, history_size: 10, history_ttl: 60s}] with settings as above.",
    ),
    time("history_meta_ttl", "How long a channel's position outlives its last use."),
    number("max_length", "Longest name of a channel, in bytes."),
    field("proxy", Kind::Section(&[CHANNEL_PROXIES]), "Backends that namespaces mean by the name \"default\"."),
];

const CHANNEL_PROXIES: &[Field] = &[
    field("subscribe", Kind::Section(&[PROXY]), "Asked whether a client may subscribe."),
    field("publish", Kind::Section(&[PROXY]), "Asked whether a client may publish."),
    field("sub_refresh", Kind::Section(&[PROXY]), "Asked whether a subscription goes on when it expires."),
];

const NAMESPACE: &[Field] = &[
    flag("presence", "Who is there is known."),
    flag("join_leave", "Subscribers who ask for it hear who comes and goes."),
    flag("force_push_join_leave", "All of them hear it."),
    number("history_size", "Publications that are kept. 0: none."),
    time("history_ttl", "How long they are kept. 0: not at all."),
    time("history_meta_ttl", "In place of channel.history_meta_ttl. 0: as there."),
    field(
        "durability",
        Kind::Word(&["memory", "disk"]),
        "disk: a publication is on the disk before it is acknowledged.",
    ),
    flag("force_positioning", "Subscribers notice when they miss something."),
    flag("allow_positioning", "Those who ask for it do."),
    flag("force_recovery", "Subscribers who were away get what they missed."),
    flag("allow_recovery", "Those who ask for it do."),
    field("force_recovery_mode", Kind::Word(&["stream", "cache"]), "cache: they get the newest publication instead."),
    flag("auto_cache_recover", "With cache, all subscribers get it when they come."),
    flag("allow_subscribe_for_client", "Any client with a user may subscribe without a token."),
    flag("allow_subscribe_for_anonymous", "And one without a user."),
    flag("allow_publish_for_client", "Any client with a user may publish."),
    flag("allow_publish_for_subscriber", "Any subscriber with a user may."),
    flag("allow_publish_for_anonymous", "And one without a user."),
    flag("allow_history_for_client", "Any client with a user may read the history."),
    flag("allow_history_for_subscriber", "Any subscriber with a user may."),
    flag("allow_history_for_anonymous", "And one without a user."),
    flag("allow_presence_for_client", "Any client with a user may ask who is there."),
    flag("allow_presence_for_subscriber", "Any subscriber with a user may."),
    flag("allow_presence_for_anonymous", "And one without a user."),
    flag("allow_user_limited_channels", "NAME#42,43 is for the users 42 and 43, without a token."),
    text(
        "channel_regex",
        "The name after the colon must match when a client subscribes; it may hold more than ASCII then.",
    ),
    flag("delta_publish", "Send differences to those who take them."),
    field("allowed_delta_types", Kind::Texts, "Differences that subscribers may take: [fossil]."),
    field("publication_data_format", Kind::Word(&["", "json", "json_object", "binary"]), "What publications may hold."),
    flag("allow_tags_filter", "Subscribers may filter by tags."),
    flag("allow_channel_compaction", "Numbers may stand for names in messages."),
    flag("subscribe_proxy_enabled", "Ask a backend whether a client may subscribe."),
    text("subscribe_proxy_name", "Which: default is channel.proxy.subscribe."),
    flag("publish_proxy_enabled", "Ask a backend whether a client may publish."),
    text("publish_proxy_name", "Which: default is channel.proxy.publish."),
    flag("sub_refresh_proxy_enabled", "Ask a backend whether a subscription goes on when it expires."),
    text("sub_refresh_proxy_name", "Which: default is channel.proxy.sub_refresh."),
    field("conflation", Kind::Section(&[CONFLATION]), "What readers that cannot follow may miss."),
    field("publish_rate", Kind::Section(&[RATE]), "How often one client may publish."),
];

const CONFLATION: &[Field] = &[
    field("mode", Kind::Word(&["", "latest", "latest_per_key", "drop_oldest"]), "Empty: nothing."),
    text("tag", "latest_per_key: the newest with each value of this tag stays."),
    number("depth", "drop_oldest: so many may wait."),
    time("interval", "Readers get something this often at most. 0: as fast as they can."),
];

const USER_RATES: &[Field] = &[
    field("connects", Kind::Section(&[RATE]), "Connections made."),
    field("commands", Kind::Section(&[RATE]), "Commands of any kind."),
    field("publications", Kind::Section(&[RATE]), "Publications, to any channel."),
];

const RATE: &[Field] = &[number("count", "So many. 0: no bound."), time("per", "In this time.")];

const RPC: &[Field] = &[
    field("proxy", Kind::Section(&[PROXY]), "The backend that the name \"default\" means."),
    field(
        "without_namespace",
        Kind::Section(&[RPC_NAMESPACE]),
        "Methods without a colon. Set only proxy.endpoint, and all go there.",
    ),
    field("namespaces", Kind::List(&[NAME, RPC_NAMESPACE]), "Methods by the name before their colon."),
];

const RPC_NAMESPACE: &[Field] =
    &[flag("proxy_enabled", "Ask a backend."), text("proxy_name", "Which: default is rpc.proxy.")];

const HTTP_API: &[Field] = &[
    text("key", "Requests carry it as X-API-Key. Empty: nobody may, or in development \"secret\"."),
    flag("insecure", "No key is needed."),
    flag("disabled", "There is no server API."),
    field("error_mode", Kind::Word(&["", "transport"]), "transport: errors are HTTP statuses too."),
];

const WEBSOCKET: &[Field] = &[
    flag("disabled", "Do not offer it."),
    flag("compression", "Compress messages for clients that offer to (permessage-deflate)."),
    number("compression_level", "From 1, fast, to 9, small."),
    number("message_size_limit", "Largest message of a client, in bytes."),
    time(
        "write_timeout",
        "Accepted, without effect: who does not read is ended by client.queue_max_size and pong_timeout.",
    ),
];
