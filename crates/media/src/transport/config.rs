//! How every peer connection of a shard is set up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use str0m::config::DtlsCert;
use str0m::net::TcpType;
use str0m::rtp::{Extension, ExtensionMap, ExtensionSerializer, ExtensionValues};
use str0m::{Candidate, Rtc, RtcConfig};

/// URI of the AV1 RTP dependency descriptor (AV1 RTP specification, appendix A).
const DEPENDENCY_DESCRIPTOR: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/// Shared by all connections of a shard.
#[derive(Clone)]
pub(crate) struct PeerConfig {
    /// One certificate for the life of the node: making a key pair per join would cost more than
    /// the rest of the join.
    pub(crate) certificate: DtlsCert,
    /// Where clients reach the shard over UDP.
    pub(crate) udp: Vec<SocketAddr>,
    /// Where clients reach the node over TCP.
    pub(crate) tcp: Vec<SocketAddr>,
    pub(crate) max_message_bytes: u32,
    pub(crate) data_buffered_bytes: usize,
}

/// Statistics are read this often; connection quality needs no more.
const STATS_INTERVAL: Duration = Duration::from_secs(5);

impl PeerConfig {
    pub(crate) fn build(&self, tcp_only: bool, now: Instant) -> Rtc {
        let mut rtc = RtcConfig::new()
            .set_ice_lite(true)
            .set_rtp_mode(true)
            .set_dtls_cert(self.certificate.clone())
            .set_stats_interval(Some(STATS_INTERVAL))
            .set_extension_map(extensions())
            .set_reordering_size_audio(0)
            .set_reordering_size_video(0)
            .set_sctp_max_message_size(self.max_message_bytes)
            .set_sctp_max_buffered_amount(self.data_buffered_bytes)
            .clear_codecs()
            .enable_opus(true, true)
            .enable_pcmu(true, false)
            .enable_pcma(true, false)
            .enable_vp8(true)
            .enable_h264(true)
            .enable_vp9(true)
            .enable_av1(true)
            .build(now);
        for candidate in self.candidates(tcp_only) {
            rtc.add_local_candidate(candidate);
        }
        rtc
    }

    fn candidates(&self, tcp_only: bool) -> impl Iterator<Item = Candidate> {
        let udp =
            self.udp.iter().filter(move |_| !tcp_only).filter_map(|a| Candidate::builder().udp().host(*a).build().ok());
        let tcp =
            self.tcp.iter().filter_map(|a| Candidate::builder().tcp().host(*a).tcptype(TcpType::Passive).build().ok());
        udp.chain(tcp)
    }
}

/// Header extensions we understand or pass on. Ids follow the client's offer where it makes one.
fn extensions() -> ExtensionMap {
    let mut map = ExtensionMap::empty();
    map.set(1, Extension::AudioLevel);
    map.set(2, Extension::AbsoluteSendTime);
    map.set(3, Extension::TransportSequenceNumber);
    map.set(4, Extension::RtpMid);
    map.set(5, Extension::PlayoutDelay);
    map.set(6, Extension::AbsoluteCaptureTime);
    map.set(10, Extension::RtpStreamId);
    map.set(11, Extension::RepairedRtpStreamId);
    map.set(12, Extension::with_serializer(DEPENDENCY_DESCRIPTOR, PassThrough));
    map.set(13, Extension::VideoOrientation);
    map
}

/// The raw bytes of a dependency descriptor, forwarded as they came.
#[derive(Debug, Clone)]
struct Descriptor(Arc<[u8]>);

#[derive(Debug)]
struct PassThrough;

impl ExtensionSerializer for PassThrough {
    fn write_to(&self, buf: &mut [u8], values: &ExtensionValues) -> usize {
        let Some(Descriptor(bytes)) = values.user_values.get::<Descriptor>() else { return 0 };
        let Some(target) = buf.get_mut(..bytes.len()) else { return 0 };
        target.copy_from_slice(bytes);
        bytes.len()
    }

    fn parse_value(&self, buf: &[u8], values: &mut ExtensionValues) -> bool {
        values.user_values.set(Descriptor(buf.into()));
        true
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        false
    }

    fn requires_two_byte_form(&self, values: &ExtensionValues) -> bool {
        values.user_values.get::<Descriptor>().is_some_and(|d| d.0.len() > 16 || d.0.is_empty())
    }
}
