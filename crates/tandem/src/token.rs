//! `tandem token`.

use crate::cli::Token;
use crate::{Failure, config, keys};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use tandem_server::auth::{Claims, Keys, VideoGrant, store};
use tandem_server::parts::{Identity, RoomName};

/// Prints a token.
pub(crate) fn run(flags: &Token) -> Result<(), Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let expires = now.saturating_add(seconds(&flags.ttl)?);
    let keys = signing_keys(flags)?;
    let token = match (&flags.channel, &flags.channels) {
        (None, None) => keys.sign(&claims(flags, now, expires)?),
        _ => keys.sign_channel(channel_claims(flags, now, expires)?),
    };
    let token = token.ok_or_else(|| Failure("the token could not be signed".to_owned()))?;
    config::print(&format!("{token}\n"))
}

fn claims(flags: &Token, now: u64, expires: u64) -> Result<Claims, Failure> {
    let mut video = match &flags.grant {
        Some(path) => grant(path)?,
        None if flags.room.is_some() => VideoGrant { room_join: Some(true), ..VideoGrant::default() },
        None => {
            let ways = "--room to join a room, --channels or --channel for channels, or --grant FILE";
            return Err(Failure(format!("say what the token is for: {ways}")));
        }
    };
    if let Some(room) = &flags.room {
        let room: RoomName = room.parse().map_err(|error| Failure(format!("--room: {error}")))?;
        video.room = Some(room.to_string());
    }
    if let Some(identity) = &flags.identity {
        identity.parse::<Identity>().map_err(|error| Failure(format!("--identity: {error}")))?;
    } else if video.room_join == Some(true) {
        return Err(Failure("a token to join a room needs --identity".to_owned()));
    }
    Ok(Claims {
        sub: flags.identity.clone(),
        name: flags.name.clone(),
        exp: Some(expires),
        nbf: Some(now),
        video: Some(video),
        ..Claims::default()
    })
}

/// Claims for clients of channels: of a room's token too, if it is for both.
fn channel_claims(flags: &Token, now: u64, expires: u64) -> Result<Map<String, Value>, Failure> {
    let mut all = Map::new();
    if flags.room.is_some() || flags.grant.is_some() {
        if let Ok(Value::Object(room)) = serde_json::to_value(claims(flags, now, expires)?) {
            all = room;
        }
    } else if let Some(name) = &flags.name {
        all.insert("info".to_owned(), json!({"name": name}));
    }
    all.insert("sub".to_owned(), flags.identity.as_deref().unwrap_or_default().into());
    all.insert("iat".to_owned(), now.into());
    all.insert("exp".to_owned(), expires.into());
    if let Some(channel) = &flags.channel {
        if channel.is_empty() {
            return Err(Failure("--channel: a channel needs a name".to_owned()));
        }
        all.insert("channel".to_owned(), channel.as_str().into());
    }
    let channels = flags.channels.iter().flatten().filter(|channel| !channel.is_empty());
    let channels: Vec<&str> = channels.map(String::as_str).collect();
    if !channels.is_empty() {
        all.insert("channels".to_owned(), channels.into());
    }
    Ok(all)
}

fn grant(path: &Path) -> Result<VideoGrant, Failure> {
    let fault = |error: &dyn std::fmt::Display| Failure(format!("--grant {}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| fault(&error))?;
    serde_json::from_str(&text).map_err(|error| fault(&error))
}

fn seconds(text: &str) -> Result<u64, Failure> {
    let fault = || Failure(format!("--ttl: \"{text}\" is no time; write seconds, or a number with s, m, h or d"));
    let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let factor = match text.strip_prefix(digits) {
        Some("" | "s") => 1,
        Some("m") => 60,
        Some("h") => 3600,
        Some("d") => 86_400,
        _ => return Err(fault()),
    };
    let number: u64 = digits.parse().map_err(|_| fault())?;
    number.checked_mul(factor).filter(|seconds| *seconds > 0).ok_or_else(fault)
}

fn signing_keys(flags: &Token) -> Result<Keys, Failure> {
    if let (Some(key), Some(secret)) = (&flags.key, &flags.secret) {
        return Ok(Keys::new(vec![(key.clone(), secret.clone())]));
    }
    let settings = config::load(flags.config.as_deref())?;
    if flags.dev || settings.dev {
        return Ok(keys::development());
    }
    if let Some(keys) = config::given_keys(flags.keys.as_deref(), &settings)? {
        return Ok(keys);
    }
    let data: PathBuf = flags.data.clone().unwrap_or(settings.data);
    let none = || {
        let place = store::path(&data);
        Failure(format!(
            "no key to sign with: give --key and --secret, --dev, --keys (TANDEM_KEYS), or --data with the directory \
             of a server that made its own ({} does not exist)",
            place.display()
        ))
    };
    store::load(&data)?.ok_or_else(none)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times() {
        for (text, want) in [("90", 90), ("45s", 45), ("30m", 1800), ("6h", 21_600), ("7d", 604_800)] {
            assert_eq!(seconds(text).unwrap(), want);
        }
        for bad in ["", "h", "-1h", "6w", "1.5h", "0", "99999999999999999999d", "18446744073709551615d"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
