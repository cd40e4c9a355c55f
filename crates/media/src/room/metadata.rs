//! Names, metadata and attributes.

use super::{Ctx, ParticipantKey, Room};
use std::collections::BTreeMap;
use tandem_core::{Code, Event, Reject, RequestRef};

impl Room {
    /// A participant changes itself.
    pub(super) fn update_own_metadata(
        &mut self,
        key: ParticipantKey,
        request_id: u32,
        change: (String, String, BTreeMap<String, String>),
        ctx: &mut Ctx<'_>,
    ) {
        let Some(p) = self.participants.get(key) else { return };
        let session = p.session;
        let outcome = if p.info.permissions.can_update_metadata {
            self.change_profile(key, change, ctx)
        } else {
            Err(Reject::new(Code::NotAllowed, "the token does not allow changing one's own metadata"))
        };
        let (code, message) = match outcome {
            Ok(()) => (None, String::new()),
            Err(reject) => (Some(reject.code), reject.message),
        };
        let request = RequestRef::UpdateMetadata { request_id };
        ctx.send(session, Event::RequestResult { request, code, message });
    }

    /// Empty name and metadata mean "leave as it is"; an empty attribute value deletes the key.
    pub(super) fn change_profile(
        &mut self,
        key: ParticipantKey,
        (name, metadata, attributes): (String, String, BTreeMap<String, String>),
        ctx: &mut Ctx<'_>,
    ) -> Result<(), Reject> {
        let limit = |what: &str| Err(Reject::new(Code::LimitExceeded, format!("the {what} is too long")));
        if name.len() > ctx.limits.name_bytes {
            return limit("name");
        }
        if metadata.len() > ctx.limits.metadata_bytes {
            return limit("metadata");
        }
        let Some(p) = self.participants.get_mut(key) else { return Ok(()) };
        let mut merged = p.info.attributes.clone();
        for (k, v) in attributes {
            if v.is_empty() {
                merged.remove(&k);
            } else {
                merged.insert(k, v);
            }
        }
        if merged.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>() > ctx.limits.attributes_bytes {
            return limit("attribute map");
        }
        p.info.attributes = merged;
        if !name.is_empty() {
            p.info.name = name;
        }
        if !metadata.is_empty() {
            p.info.metadata = metadata;
        }
        self.announce(key, true, ctx);
        self.grant_changed(key, ctx);
        Ok(())
    }

    /// The door makes a fresh token from what holds now.
    pub(super) fn grant_changed(&mut self, key: ParticipantKey, ctx: &mut Ctx<'_>) {
        let Some(p) = self.participants.get(key) else { return };
        let event = Event::GrantChanged {
            name: p.info.name.clone(),
            metadata: p.info.metadata.clone(),
            attributes: p.info.attributes.clone(),
            permissions: Box::new(p.info.permissions.clone()),
        };
        ctx.send(p.session, event);
    }
}
