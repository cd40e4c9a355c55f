//! What a client says when it connects: query parameters (`/rtc`) or a whole join request in one of
//! them (`/rtc/v1`).

use base64::Engine as _;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use flate2::read::GzDecoder;
use livekit_protocol::wrapped_join_request::Compression;
use livekit_protocol::{
    AddTrackRequest, ClientInfo, JoinRequest, SessionDescription, SyncState, WrappedJoinRequest, client_info,
};
use prost::Message;
use std::collections::HashMap;
use std::io::Read as _;

/// The longest join request after decompression: 1 MiB, as the official server.
const MAX_JOIN_BYTES: usize = 1024 * 1024;

/// URL-safe base64; clients differ in padding, so both are taken.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a client says when it connects, whichever way it said it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JoinParams {
    /// SDK, versions, platform, capabilities.
    pub client: ClientInfo,
    /// Receive everything published.
    pub auto_subscribe: bool,
    /// Receive every data track.
    pub auto_subscribe_data: bool,
    /// The client will say which size of each video it shows.
    pub adaptive_stream: bool,
    /// Own metadata, replacing the token's.
    pub metadata: String,
    /// Own attributes, over the token's.
    pub attributes: HashMap<String, String>,
    /// Tracks announced with the join.
    pub add_tracks: Vec<AddTrackRequest>,
    /// The first offer, sent with the join.
    pub offer: Option<SessionDescription>,
    /// Coming back to a participant.
    pub reconnect: bool,
    /// The participant to come back to.
    pub participant_sid: String,
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
    /// Not base64url.
    #[error("join_request is not base64url")]
    Base64,
    /// Not protobuf.
    #[error("join_request is not well-formed")]
    Protobuf,
    /// Not gzip.
    #[error("join_request cannot be decompressed")]
    Gzip,
    /// Too long after decompression.
    #[error("join_request is longer than {MAX_JOIN_BYTES} bytes")]
    TooLong,
    /// `attributes` is not base64url JSON.
    #[error("attributes are not base64url JSON")]
    Attributes,
}

/// Reads the query of `/rtc`. Unknown parameters are ignored.
///
/// # Errors
/// `attributes` cannot be read.
pub fn params_v0(query: &str) -> Result<JoinParams, JoinParamsError> {
    let query: HashMap<String, String> = pairs(query).collect();
    let text = |name: &str| query.get(name).cloned().unwrap_or_default();
    let flag = |name: &str, default: bool| query.get(name).map_or(default, |v| v == "1" || v == "true");
    let number = |name: &str| query.get(name).and_then(|v| v.parse::<i32>().ok()).unwrap_or(0);
    let capability = |name: &str| client_info::Capability::from_str_name(name.trim()).map(i32::from);
    let attributes = match query.get("attributes") {
        Some(value) => BASE64
            .decode(value)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or(JoinParamsError::Attributes)?,
        None => HashMap::new(),
    };
    Ok(JoinParams {
        client: ClientInfo {
            sdk: i32::from(sdk(&text("sdk"))),
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
            capabilities: text("capabilities").split(',').filter_map(capability).collect(),
            ..ClientInfo::default()
        },
        auto_subscribe: flag("auto_subscribe", true),
        auto_subscribe_data: flag("auto_subscribe_data_track", false),
        adaptive_stream: flag("adaptive_stream", false),
        attributes,
        reconnect: flag("reconnect", false),
        participant_sid: text("sid"),
        ..JoinParams::default()
    })
}

/// Reads the query of `/rtc/v1`.
///
/// # Errors
/// The join request is missing or cannot be read.
pub fn params_v1(query: &str) -> Result<JoinParams, JoinParamsError> {
    let value = pairs(query).find(|(name, _)| name == "join_request").ok_or(JoinParamsError::Missing)?.1;
    let bytes = BASE64.decode(value).map_err(|_| JoinParamsError::Base64)?;
    let wrapped = WrappedJoinRequest::decode(bytes.as_slice()).map_err(|_| JoinParamsError::Protobuf)?;
    let plain = match Compression::try_from(wrapped.compression) {
        Ok(Compression::Gzip) => gunzip(&wrapped.join_request)?,
        _ => wrapped.join_request,
    };
    if plain.len() > MAX_JOIN_BYTES {
        return Err(JoinParamsError::TooLong);
    }
    let request = JoinRequest::decode(plain.as_slice()).map_err(|_| JoinParamsError::Protobuf)?;
    let settings = request.connection_settings.unwrap_or_default();
    Ok(JoinParams {
        client: request.client_info.unwrap_or_default(),
        auto_subscribe: settings.auto_subscribe,
        auto_subscribe_data: settings.auto_subscribe_data_track.unwrap_or(false),
        adaptive_stream: settings.adaptive_stream,
        metadata: request.metadata,
        attributes: request.participant_attributes,
        add_tracks: request.add_track_requests,
        offer: request.publisher_offer,
        reconnect: request.reconnect,
        participant_sid: request.participant_sid,
        sync_state: request.sync_state,
    })
}

/// The `join_request` value for a request, as clients without gzip send it. For tests and tools.
#[must_use]
pub fn encode_join_request(request: &JoinRequest) -> String {
    let wrapped = WrappedJoinRequest { compression: Compression::None.into(), join_request: request.encode_to_vec() };
    BASE64.encode(wrapped.encode_to_vec())
}

fn gunzip(data: &[u8]) -> Result<Vec<u8>, JoinParamsError> {
    let mut plain = Vec::new();
    let mut bounded = GzDecoder::new(data).take(MAX_JOIN_BYTES as u64 + 1);
    bounded.read_to_end(&mut plain).map_err(|_| JoinParamsError::Gzip)?;
    Ok(plain)
}

fn sdk(name: &str) -> client_info::Sdk {
    let screaming: String = name.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_uppercase() }).collect();
    client_info::Sdk::from_str_name(&screaming)
        .or_else(|| (screaming == "REACTNATIVE").then_some(client_info::Sdk::ReactNative))
        .unwrap_or(client_info::Sdk::Unknown)
}

/// Name and value of every parameter, percent-decoded.
fn pairs(query: &str) -> impl Iterator<Item = (String, String)> + '_ {
    query.split('&').filter(|p| !p.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (percent_decode(name), percent_decode(value))
    })
}

fn percent_decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    let hex = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let rest = bytes.clone();
                let mut ahead = rest;
                let digits = ahead.next().and_then(hex).zip(ahead.next().and_then(hex));
                match digits {
                    Some((high, low)) => {
                        out.push(high << 4 | low);
                        bytes = ahead;
                    }
                    None => out.push(b'%'),
                }
            }
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression as Level;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    fn request() -> JoinRequest {
        JoinRequest { participant_sid: "PA_x".into(), reconnect: true, metadata: "m".into(), ..Default::default() }
    }

    #[test]
    fn v0_query() {
        let p = params_v0("sdk=js&protocol=17&client_protocol=2&auto_subscribe=0&adaptive_stream=1&reconnect=1&sid=PA_1&capabilities=CAP_PACKET_TRAILER,CAP_NEW").unwrap();
        assert_eq!((p.client.protocol, p.client.client_protocol, p.client.capabilities.len()), (17, 2, 1));
        assert_eq!(p.client.sdk, i32::from(client_info::Sdk::Js));
        assert!(!p.auto_subscribe && p.adaptive_stream && p.reconnect);
        assert_eq!(p.participant_sid, "PA_1");
        assert!(params_v0("").unwrap().auto_subscribe, "the default");
        assert_eq!(params_v0("attributes=!!"), Err(JoinParamsError::Attributes));
    }

    #[test]
    fn v1_plain_gzip_and_padding() {
        let plain = encode_join_request(&request());
        for value in [plain.replace('=', "%3D"), plain.trim_end_matches('=').to_owned()] {
            assert_eq!(params_v1(&format!("access_token=x&join_request={value}")).unwrap().participant_sid, "PA_x");
        }
        let mut gzip = GzEncoder::new(Vec::new(), Level::fast());
        gzip.write_all(&request().encode_to_vec()).unwrap();
        let wrapped =
            WrappedJoinRequest { compression: Compression::Gzip.into(), join_request: gzip.finish().unwrap() };
        let value = BASE64.encode(wrapped.encode_to_vec());
        assert!(params_v1(&format!("join_request={value}")).unwrap().reconnect);
    }

    #[test]
    fn v1_refuses_bombs_and_garbage() {
        let mut gzip = GzEncoder::new(Vec::new(), Level::best());
        gzip.write_all(&vec![0; 8 * MAX_JOIN_BYTES]).unwrap();
        let wrapped =
            WrappedJoinRequest { compression: Compression::Gzip.into(), join_request: gzip.finish().unwrap() };
        let value = BASE64.encode(wrapped.encode_to_vec());
        assert_eq!(params_v1(&format!("join_request={value}")), Err(JoinParamsError::TooLong));
        assert_eq!(params_v1(""), Err(JoinParamsError::Missing));
        assert_eq!(params_v1("join_request=%%%"), Err(JoinParamsError::Base64));
        assert_eq!(params_v1("join_request=_____w"), Err(JoinParamsError::Protobuf));
    }
}
