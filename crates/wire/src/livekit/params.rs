//! What a client says when it connects: single query parameters (`/rtc`), or a whole join request
//! in one of them (`/rtc/v1`).

use super::join_request::{BASE64, JoinRequestError, decode_join_request};
use super::query::pairs;
use base64::Engine as _;
use livekit_protocol::{AddTrackRequest, ClientInfo, JoinRequest, SessionDescription, SyncState, client_info};
use std::collections::BTreeMap;

/// What a client says when it connects, whichever way it said it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JoinParams {
    /// Everything goes through one peer connection; otherwise one each for sending and receiving.
    pub single_pc: bool,
    /// SDK, versions, platform, capabilities.
    pub client: ClientInfo,
    /// Receive everything published. If not said: true on `/rtc`, false on `/rtc/v1`.
    pub auto_subscribe: bool,
    /// Receive every data track.
    pub auto_subscribe_data: bool,
    /// The client will say which size of each video it shows.
    pub adaptive_stream: bool,
    /// Videos may be paused for lack of bandwidth; `None` leaves it to the server.
    pub subscriber_allow_pause: Option<bool>,
    /// The client wants a full ICE agent on our side.
    pub disable_ice_lite: bool,
    /// Own metadata, replacing the token's; empty for none.
    pub metadata: String,
    /// Own attributes, over the token's.
    pub attributes: BTreeMap<String, String>,
    /// Tracks announced with the join.
    pub add_tracks: Vec<AddTrackRequest>,
    /// The first offer, sent with the join.
    pub offer: Option<SessionDescription>,
    /// Coming back to a participant.
    pub reconnect: bool,
    /// The participant to come back to.
    pub participant_sid: String,
    /// Why it comes back (`ReconnectReason`).
    pub reconnect_reason: i32,
    /// State to come back with.
    pub sync_state: Option<SyncState>,
}

/// Why the parameters cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinParamsError {
    /// `/rtc/v1` without a join request.
    #[error("join_request is missing")]
    Missing,
    /// With a join request that cannot be read.
    #[error(transparent)]
    Request(#[from] JoinRequestError),
    /// `attributes` is not a base64url JSON object of strings.
    #[error("attributes are not base64url JSON")]
    Attributes,
}

/// Reads the query of `/rtc`: two peer connections. Unknown parameters are ignored, as are numbers
/// that are none.
///
/// # Errors
/// `attributes` cannot be read.
pub fn params_v0(query: &str) -> Result<JoinParams, JoinParamsError> {
    let query: BTreeMap<String, String> = pairs(query).collect();
    let text = |name: &str| query.get(name).cloned().unwrap_or_default();
    let said = |name: &str| query.get(name).filter(|v| !v.is_empty()).map(|v| v == "1" || v == "true");
    let flag = |name: &str| said(name).unwrap_or(false);
    let number = |name: &str| query.get(name).and_then(|v| v.parse().ok()).unwrap_or(0);
    Ok(JoinParams {
        client: ClientInfo {
            sdk: sdk(&text("sdk")).into(),
            version: text("version"),
            protocol: number("protocol"),
            client_protocol: number("client_protocol"),
            os: text("os"),
            os_version: text("os_version"),
            device_model: text("device_model"),
            browser: text("browser"),
            browser_version: text("browser_version"),
            network: text("network"),
            other_sdks: text("other_sdks"),
            capabilities: capabilities(&text("capabilities")),
            ..ClientInfo::default()
        },
        auto_subscribe: said("auto_subscribe").unwrap_or(true),
        auto_subscribe_data: flag("auto_subscribe_data_track"),
        adaptive_stream: flag("adaptive_stream"),
        subscriber_allow_pause: said("subscriber_allow_pause"),
        disable_ice_lite: flag("disable_ice_lite"),
        attributes: attributes(&text("attributes"))?,
        reconnect: flag("reconnect"),
        participant_sid: text("sid"),
        reconnect_reason: number("reconnect_reason"),
        ..JoinParams::default()
    })
}

/// Reads the query of `/rtc/v1`: one peer connection.
///
/// # Errors
/// The join request is missing or cannot be read.
pub fn params_v1(query: &str) -> Result<JoinParams, JoinParamsError> {
    let (_, value) = pairs(query)
        .find(|(name, value)| name == "join_request" && !value.is_empty())
        .ok_or(JoinParamsError::Missing)?;
    Ok(decode_join_request(&value)?.into())
}

impl From<JoinRequest> for JoinParams {
    fn from(request: JoinRequest) -> Self {
        let settings = request.connection_settings.unwrap_or_default();
        Self {
            single_pc: true,
            client: request.client_info.unwrap_or_default(),
            auto_subscribe: settings.auto_subscribe,
            auto_subscribe_data: settings.auto_subscribe_data_track.unwrap_or(false),
            adaptive_stream: settings.adaptive_stream,
            subscriber_allow_pause: settings.subscriber_allow_pause,
            disable_ice_lite: settings.disable_ice_lite,
            metadata: request.metadata,
            attributes: request.participant_attributes.into_iter().collect(),
            add_tracks: request.add_track_requests,
            offer: request.publisher_offer,
            reconnect: request.reconnect,
            participant_sid: request.participant_sid,
            reconnect_reason: request.reconnect_reason,
            sync_state: request.sync_state,
        }
    }
}

/// SDKs write their name in lower case, some without the underscore of the enum (`reactnative`).
fn sdk(name: &str) -> client_info::Sdk {
    let plain = |name: &str| name.replace(['_', '-'], "").to_ascii_lowercase();
    let all = (0..).map_while(|number| client_info::Sdk::try_from(number).ok());
    all.into_iter().find(|sdk| plain(sdk.as_str_name()) == plain(name)).unwrap_or(client_info::Sdk::Unknown)
}

/// Names separated by commas; those newer than this build are dropped.
fn capabilities(names: &str) -> Vec<i32> {
    let known = names.split(',').filter_map(|name| client_info::Capability::from_str_name(name.trim()));
    known.map(i32::from).collect()
}

fn attributes(value: &str) -> Result<BTreeMap<String, String>, JoinParamsError> {
    if value.is_empty() {
        return Ok(BTreeMap::new());
    }
    let json = BASE64.decode(value).map_err(|_| JoinParamsError::Attributes)?;
    serde_json::from_slice(&json).map_err(|_| JoinParamsError::Attributes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::livekit::encode_join_request_gzip;
    use livekit_protocol::ConnectionSettings;

    #[test]
    fn a_query() {
        let attributes = BASE64.encode(r#"{"b":"2","a":"1"}"#).replace('=', "%3D");
        let query = format!(
            "access_token=x&sdk=js&version=2.23.0&protocol=17&client_protocol=2&auto_subscribe=0&adaptive_stream=1\
             &reconnect=1&sid=PA_1&reconnect_reason=2&capabilities=CAP_PACKET_TRAILER,CAP_NEW&subscriber_allow_pause=0\
             &browser=Chrome&disable_ice_lite=true&attributes={attributes}&unknown"
        );
        let p = params_v0(&query).unwrap();
        let client = ClientInfo {
            sdk: client_info::Sdk::Js.into(),
            version: "2.23.0".into(),
            protocol: 17,
            client_protocol: 2,
            browser: "Chrome".into(),
            capabilities: vec![1],
            ..ClientInfo::default()
        };
        let want = JoinParams {
            client,
            adaptive_stream: true,
            subscriber_allow_pause: Some(false),
            disable_ice_lite: true,
            attributes: [("a".into(), "1".into()), ("b".into(), "2".into())].into(),
            reconnect: true,
            participant_sid: "PA_1".into(),
            reconnect_reason: 2,
            ..JoinParams::default()
        };
        assert_eq!(p, want);
    }

    #[test]
    fn defaults_differ_by_path() {
        let v0 = params_v0("").unwrap();
        assert!(v0.auto_subscribe && !v0.single_pc && v0.subscriber_allow_pause.is_none());
        let v1 = params_v1(&format!("join_request={}", encode_join_request_gzip(&JoinRequest::default()))).unwrap();
        assert!(!v1.auto_subscribe && v1.single_pc);
        assert!(params_v0("auto_subscribe=&protocol=many").unwrap().auto_subscribe);
    }

    #[test]
    fn names_of_sdks() {
        use client_info::Sdk;
        let table = [
            ("js", Sdk::Js),
            ("reactnative", Sdk::ReactNative),
            ("python", Sdk::Python),
            ("unity-web", Sdk::UnityWeb),
            ("esp32", Sdk::Esp32),
            ("toaster", Sdk::Unknown),
            ("", Sdk::Unknown),
        ];
        for (name, want) in table {
            assert_eq!(sdk(name), want, "{name}");
        }
    }

    #[test]
    fn a_join_request() {
        let request = JoinRequest {
            connection_settings: Some(ConnectionSettings { auto_subscribe: true, ..Default::default() }),
            participant_attributes: [("k".into(), "v".into())].into(),
            add_track_requests: vec![AddTrackRequest { cid: "c".into(), ..Default::default() }],
            publisher_offer: Some(SessionDescription { id: 1, sdp: "v=0".into(), ..Default::default() }),
            ..Default::default()
        };
        let value = encode_join_request_gzip(&request).replace('=', "%3D");
        let p = params_v1(&format!("access_token=x&join_request={value}")).unwrap();
        assert!(p.auto_subscribe && p.attributes.contains_key("k"));
        assert_eq!((p.add_tracks, p.offer), (request.add_track_requests, request.publisher_offer));
    }

    #[test]
    fn refusals() {
        assert_eq!(params_v0("attributes=!!"), Err(JoinParamsError::Attributes));
        assert_eq!(params_v0("attributes=W10"), Err(JoinParamsError::Attributes), "a list");
        assert_eq!(params_v1("access_token=x"), Err(JoinParamsError::Missing));
        assert_eq!(params_v1("join_request="), Err(JoinParamsError::Missing), "empty");
        assert_eq!(params_v1("join_request=!"), Err(JoinParamsError::Request(JoinRequestError::Base64)));
    }
}
