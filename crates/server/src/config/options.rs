//! The list of all settings.

use super::ConfigError;
use super::channels::fields::TOP;
use super::channels::tree;
use serde_yaml_ng::Value;

/// What a value must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Bool,
    Port,
    Number,
    Text,
    Address,
    Addresses,
    Texts,
    Ports,
    Pairs,
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Name in the file; a dot goes into a section.
    pub path: &'static str,
    /// What its value looks like.
    pub kind: Kind,
    /// Has a flag and an environment variable of the same name.
    pub flag: bool,
    /// One sentence.
    pub doc: &'static str,
}

const fn flag(path: &'static str, kind: Kind, doc: &'static str) -> Setting {
    Setting { path, kind, flag: true, doc }
}

const fn file(path: &'static str, kind: Kind, doc: &'static str) -> Setting {
    Setting { path, kind, flag: false, doc }
}

/// All settings, in the order people read them.
pub const OPTIONS: [Setting; 50] = [
    flag("dev", Kind::Bool, "Development: keys devkey/secret, loopback only, open rooms. Never on the internet."),
    flag("bind", Kind::Address, "Address to listen on. Absent: all addresses, or loopback in development."),
    flag("port", Kind::Port, "HTTP, WebSocket, API and web app. 0 takes a free port."),
    flag("udp_port", Kind::Port, "Media over UDP; further shards take the following ports. 0 takes free ports."),
    flag("tcp_port", Kind::Port, "Media over TCP, for networks without UDP. 0 takes a free port."),
    flag("turn_port", Kind::Port, "STUN and TURN, UDP and TCP, for clients behind strict NATs. 0 takes a free port."),
    flag("shards", Kind::Number, "Media threads. 0: one less than the processors."),
    flag("data", Kind::Text, "Directory for generated keys and state."),
    flag("public_ip", Kind::Addresses, "Addresses clients reach this node at. Empty: found out."),
    flag("keys", Kind::Pairs, "API keys and secrets. Empty: a pair is made and kept in the data directory."),
    file("web.open_rooms", Kind::Bool, "Anybody may enter any room by its name, without an invitation."),
    file("room.auto_create", Kind::Bool, "Joining makes the room if it does not exist."),
    file("room.empty_timeout", Kind::Number, "Seconds a room stays that nobody has joined."),
    file("room.departure_timeout", Kind::Number, "Seconds a room stays that everybody has left."),
    file("room.max_participants", Kind::Number, "Participants in one room. 0: no bound."),
    file("limits.tracks_per_participant", Kind::Number, "Tracks one participant may publish."),
    file("limits.metadata_bytes", Kind::Number, "Longest metadata of a room or participant, in bytes."),
    file("limits.attributes_bytes", Kind::Number, "All attributes of a participant together, in bytes."),
    file("limits.name_bytes", Kind::Number, "Longest display name, in bytes."),
    file("limits.resume_grace", Kind::Number, "Seconds a participant has to come back after losing its connection."),
    file("limits.connections", Kind::Number, "TCP connections to the HTTP port at once."),
    file("limits.joins_per_minute", Kind::Number, "Joins through the web app from one address in a minute."),
    flag("log.level", Kind::Text, "error, warn, info, debug, trace, or a filter such as info,tandem_media=debug."),
    flag("log.json", Kind::Bool, "One JSON object per line of log."),
    file("push.enabled", Kind::Bool, "Browsers may ask for notifications while the page is closed (Web Push)."),
    file("push.contact", Kind::Text, "Where push services reach the operator: mailto:… or https://…."),
    file("peer.open", Kind::Bool, "Anybody may use PeerJS and topic signalling, without a token."),
    file("peer.alive_timeout", Kind::Text, "Who says nothing for so long is gone."),
    file("peer.expire_timeout", Kind::Text, "How long messages wait for somebody who is not there."),
    file("peer.concurrent_limit", Kind::Number, "PeerJS clients at once. 0: no bound."),
    file("peer.allow_discovery", Kind::Bool, "/peerjs/peers lists everybody."),
    file(
        "peer.id_conflict",
        Kind::Text,
        "An id that another has: probe asks whether it is still there, reject refuses.",
    ),
    file("tls.certificate", Kind::Text, "File with the certificate and its chain, PEM. The relay uses it."),
    file("tls.key", Kind::Text, "File with its key, PEM."),
    file("turn.enabled", Kind::Bool, "There is a relay."),
    file("turn.tls_port", Kind::Port, "TURN over TLS, where there is a certificate. 0 takes a free port."),
    file("turn.realm", Kind::Text, "Named to clients."),
    file("turn.secrets", Kind::Texts, "Secrets of your own applications that mint credentials (TURN REST)."),
    file("turn.users", Kind::Pairs, "Names and passwords that do not end."),
    file("turn.ttl", Kind::Number, "Seconds that credentials of this node are good for."),
    file("turn.relay_ports", Kind::Text, "UDP ports of relayed addresses; open them in your firewall."),
    file("turn.user_quota", Kind::Number, "Relayed addresses of one user."),
    file("turn.ip_quota", Kind::Number, "Relayed addresses of one client address."),
    file("turn.total_quota", Kind::Number, "Relayed addresses of all."),
    file("turn.allocation_kbps", Kind::Number, "Kilobits a second through one relayed address. 0: no bound."),
    file("turn.user_kbps", Kind::Number, "Kilobits a second of one user. 0: no bound."),
    file("turn.allow_private_peers", Kind::Bool, "Relay to private and loopback addresses too. For tests."),
    file("turn.allow_peers", Kind::Texts, "Networks that may be reached all the same, like 10.1.0.0/16."),
    file("turn.deny_peers", Kind::Texts, "Networks that may not be reached, beside those that never may."),
    file("turn.deny_ports", Kind::Ports, "Ports of peers that may not be reached."),
];

/// Sections of the file and what they are about.
pub const SECTIONS: [(&str, &str); 8] = [
    ("web", "Web app."),
    ("room", "Rooms."),
    ("limits", "Bounds."),
    ("log", "Logs, on standard error."),
    ("push", "Notifications to closed pages."),
    ("peer", "PeerJS and y-webrtc signalling: for peers that connect without this node."),
    ("tls", "Certificate."),
    ("turn", "Relay (TURN): for clients that no direct path leads to."),
];

/// Variables of the tools around the node, and those that container platforms set for a service
/// of this name; none of them is a setting.
const FOREIGN: [&str; 6] =
    ["TANDEM_BIN", "TANDEM_HTTP", "TANDEM_LOG", "TANDEM_SERVER", "TANDEM_SERVER_LOG", "TANDEM_TOKEN"];

impl Setting {
    /// The environment variable of this setting, if it has one.
    #[must_use]
    pub fn variable(&self) -> Option<String> {
        self.flag.then(|| format!("TANDEM_{}", self.path.replace('.', "_").to_ascii_uppercase()))
    }
}

/// Looks for names in a file that are none of ours.
pub(super) fn check_names(value: &Value) -> Result<(), ConfigError> {
    let Some(top) = value.as_mapping() else {
        return Err(ConfigError::Invalid("the file must hold \"name: value\" lines".to_owned()));
    };
    for (key, value) in top {
        let name = text(key);
        if OPTIONS.iter().any(|option| option.path == name) {
            continue;
        }
        if let Some(checked) = tree::check_section(&name, value) {
            checked?;
            continue;
        }
        if !SECTIONS.iter().any(|(section, _)| *section == name) {
            return Err(unknown(&name));
        }
        for (key, _) in value.as_mapping().into_iter().flatten() {
            let inner = format!("{name}.{}", text(key));
            if !OPTIONS.iter().any(|option| option.path == inner) {
                return Err(unknown(&inner));
            }
        }
    }
    Ok(())
}

fn text(key: &Value) -> String {
    key.as_str().map_or_else(|| format!("{key:?}"), str::to_owned)
}

fn unknown(name: &str) -> ConfigError {
    let known = OPTIONS.iter().map(|option| option.path).chain(SECTIONS.iter().map(|(section, _)| *section));
    let known = known.chain(TOP.iter().map(|section| section.name));
    ConfigError::Unknown { name: name.to_owned(), nearest: nearest(name, known.map(str::to_owned)) }
}

/// Looks for `TANDEM_…` variables that are none of ours.
///
/// # Errors
/// The first one found, with the name it resembles most.
pub fn unknown_environment(names: impl Iterator<Item = String>) -> Result<(), ConfigError> {
    let known = || OPTIONS.iter().filter_map(Setting::variable).chain(["TANDEM_CONFIG".to_owned()]);
    for name in names.filter(|name| name.starts_with("TANDEM_")) {
        let platform = name.starts_with("TANDEM_SERVICE_") || name.starts_with("TANDEM_PORT_");
        if platform || FOREIGN.contains(&name.as_str()) || known().any(|ours| ours == name) {
            continue;
        }
        let nearest = nearest(&name, known());
        return Err(ConfigError::UnknownVariable { name, nearest });
    }
    Ok(())
}

/// The known name that takes the fewest edits, if it takes few.
pub(super) fn nearest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let scored = known.map(|candidate| (strsim::jaro_winkler(name, &candidate), candidate));
    let (score, best) = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score > 0.7).then_some(best)
}
