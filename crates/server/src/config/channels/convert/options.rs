//! Options of namespaces.

use super::super::super::{Config, ConfigError};
use super::super::raw::{Namespace, RawConflation};
use super::{Proxies, check_name, choice, invalid, proxy_of};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tandem_hub::namespace::{
    ChannelRegex, Conflation, ConflationMode, DataFormat, Durability, NamespaceOptions, Namespaces, ROOM, RecoveryMode,
};

pub(super) fn namespaces(config: &Config, proxies: &Proxies) -> Result<Namespaces, ConfigError> {
    let channel = &config.channel;
    let max_bytes = channel.max_length;
    if config.dev && channel.namespaces.is_empty() && channel.without_namespace == Namespace::default() {
        return Ok(Namespaces { max_bytes, ..Namespaces::dev() });
    }
    let meta = channel.history_meta_ttl.0;
    let mut named = BTreeMap::from([(ROOM.to_owned(), Arc::new(NamespaceOptions::room()))]);
    let mut seen = BTreeSet::new();
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

fn options(path: &str, raw: &Namespace, meta: Duration, proxies: &Proxies) -> Result<NamespaceOptions, ConfigError> {
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
        publish_rate: raw.publish_rate.rate(),
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
