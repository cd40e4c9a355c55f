//! Claims as they stand in tokens.

use super::super::claims::{self, VideoGrant};
use super::{ConnectionClaims, Overrides, SubscriptionClaims, TokenError};
use crate::payload::{Unreadable, payload};
use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use tandem_hub::namespace::{Capability, ROOM};

/// Clocks of LiveKit tokens' makers may differ by this much, seconds; so may beginnings of any token.
const LEEWAY: u64 = 60;

/// Everything a token may say. `null` counts as absent; unknown claims are ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wire {
    pub(super) iss: Option<String>,
    pub(super) aud: Option<Audience>,
    pub(super) sub: Option<String>,
    jti: Option<String>,
    #[serde(deserialize_with = "claims::seconds")]
    exp: Option<u64>,
    #[serde(deserialize_with = "claims::seconds")]
    nbf: Option<u64>,
    #[serde(deserialize_with = "claims::seconds")]
    expire_at: Option<u64>,
    info: Option<Box<RawValue>>,
    b64info: Option<String>,
    channels: Option<Vec<String>>,
    subs: Option<BTreeMap<String, Sub>>,
    meta: Option<Box<RawValue>>,
    caps: Option<Vec<Cap>>,
    channel: Option<String>,
    client: Option<String>,
    #[serde(rename = "override")]
    overrides: Option<Overrides>,
    allow: Option<Vec<String>>,
    name: Option<String>,
    video: Option<VideoGrant>,
}

/// One audience or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    pub(super) fn includes(&self, wanted: &str) -> bool {
        match self {
            Self::One(one) => one == wanted,
            Self::Many(many) => many.iter().any(|one| one == wanted),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Sub {
    info: Option<Box<RawValue>>,
    b64info: Option<String>,
    data: Option<Box<RawValue>>,
    b64data: Option<String>,
    #[serde(rename = "override")]
    overrides: Option<Overrides>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cap {
    channels: Vec<String>,
    allow: Vec<String>,
    #[serde(rename = "match")]
    matching: Option<String>,
}

impl From<Unreadable> for TokenError {
    fn from(unreadable: Unreadable) -> Self {
        Self::Invalid(match unreadable {
            Unreadable::Base64 => "its base64 cannot be read",
            Unreadable::Json => "its JSON cannot be read",
        })
    }
}

impl Wire {
    /// What a connection's token means. A video grant counts only when one of our own keys signed
    /// it (`ours`).
    pub(super) fn connection(self, now_unix: u64, ours: bool) -> Result<ConnectionClaims, TokenError> {
        if self.channel.is_some() {
            return Err(TokenError::Invalid("it is for a subscription"));
        }
        let video = self.video.as_ref().filter(|_| ours);
        if video.is_some() && self.exp.is_none() {
            return Err(TokenError::Invalid("it has no expiry"));
        }
        self.check_times(now_unix, if video.is_some() { LEEWAY } else { 0 })?;
        let (mut user, mut info) = (
            self.sub.clone().unwrap_or_default(),
            payload(self.info.as_deref(), self.b64info.as_deref().unwrap_or_default())?,
        );
        let mut capabilities: Vec<Capability> = self.caps.iter().flatten().filter_map(Cap::capability).collect();
        if let Some(video) = video {
            if user.is_empty() {
                user = self.jti.clone().unwrap_or_default();
            }
            let name = self.name.as_deref().filter(|name| !name.is_empty() && info.is_empty());
            if let Some(name) = name {
                info = serde_json::json!({"name": name}).to_string().into();
            }
            capabilities.extend(member(video));
        }
        let expires_unix = self.expires();
        let sub = |(channel, sub): (String, Sub)| Ok((channel.clone(), sub.claims(channel, &user)?));
        Ok(ConnectionClaims {
            expires_unix,
            info,
            channels: self.channels.unwrap_or_default(),
            subs: self.subs.unwrap_or_default().into_iter().map(sub).collect::<Result<_, TokenError>>()?,
            meta: payload(self.meta.as_deref(), "")?,
            capabilities,
            user,
        })
    }

    /// What a subscription's token means.
    pub(super) fn subscription(self, now_unix: u64) -> Result<SubscriptionClaims, TokenError> {
        let channel = self.channel.clone().filter(|channel| !channel.is_empty());
        let channel = channel.ok_or(TokenError::Invalid("it names no channel"))?;
        self.check_times(now_unix, 0)?;
        Ok(SubscriptionClaims {
            expires_unix: self.expires(),
            info: payload(self.info.as_deref(), self.b64info.as_deref().unwrap_or_default())?,
            data: Bytes::new(),
            overrides: self.overrides.unwrap_or_default(),
            capability: self.allow.as_deref().map(|allow| Capability::exact(&channel, allow)),
            user: self.sub.unwrap_or_default(),
            client: self.client.unwrap_or_default(),
            channel,
        })
    }

    fn check_times(&self, now_unix: u64, leeway: u64) -> Result<(), TokenError> {
        let over = self.exp.is_some_and(|exp| exp.saturating_add(leeway) <= now_unix);
        let early = self.nbf.is_some_and(|nbf| nbf > now_unix.saturating_add(LEEWAY));
        if over || early { Err(TokenError::Expired) } else { Ok(()) }
    }

    /// A claim of its own says when what the token opened expires, else the token's own end.
    fn expires(&self) -> u64 {
        self.expire_at.or(self.exp).unwrap_or(0)
    }
}

impl Sub {
    fn claims(self, channel: String, user: &str) -> Result<SubscriptionClaims, TokenError> {
        Ok(SubscriptionClaims {
            channel,
            user: user.to_owned(),
            info: payload(self.info.as_deref(), self.b64info.as_deref().unwrap_or_default())?,
            data: payload(self.data.as_deref(), self.b64data.as_deref().unwrap_or_default())?,
            overrides: self.overrides.unwrap_or_default(),
            ..SubscriptionClaims::default()
        })
    }
}

impl Cap {
    /// `None` for a way of matching we do not have: it must not open anything else.
    fn capability(&self) -> Option<Capability> {
        matches!(self.matching.as_deref(), None | Some("" | "exact" | "wildcard"))
            .then(|| Capability::of(&self.channels, &self.allow))
    }
}

/// What a member of a room may do in the room's channel.
fn member(video: &VideoGrant) -> Option<Capability> {
    let room = video.room.as_deref().filter(|room| !room.is_empty() && video.room_join == Some(true))?;
    let may_publish = claims::permissions(video).can_publish_data;
    let allow: &[&str] = if may_publish { &["sub", "pub", "prs", "hst"] } else { &["sub", "prs", "hst"] };
    Some(Capability::exact(&format!("{ROOM}:{room}"), allow))
}

/// The text of a claim of any name; numbers count as text.
#[derive(Debug, Default)]
pub(super) struct UserOf(pub(super) BTreeMap<String, serde_json::Value>);

impl<'de> Deserialize<'de> for UserOf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(Self)
    }
}

impl UserOf {
    pub(super) fn take(&self, claim: &str) -> Option<String> {
        match self.0.get(claim)? {
            serde_json::Value::String(text) => Some(text.clone()),
            serde_json::Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }
}
