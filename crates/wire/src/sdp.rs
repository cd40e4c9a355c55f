//! SDP as text: what an offer asks for, and small surgery on answers.
//!
//! The media engine writes answers for a whole session; a few things it cannot say per section
//! (which codec comes first, which stream a recycled section carries) are put in afterwards, line
//! by line, so that everything else stays as the engine wrote it.
//!
//! ```
//! use tandem_wire::sdp::{SectionPlan, offered_sections, rewrite_answer};
//! let sdp = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
//!            m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=recvonly\r\na=rtpmap:111 opus/48000/2\r\n";
//! let sections = offered_sections(sdp)?;
//! assert!(sections[0].client_receives() && sections[0].is_audio());
//! let answer = sdp.replace("recvonly", "sendonly");
//! let answer = rewrite_answer(&answer, &[SectionPlan::inactive("0")])?;
//! assert!(answer.contains("a=inactive\r\n"));
//! # Ok::<(), tandem_wire::sdp::SdpError>(())
//! ```

mod answer;
mod msid;
mod offer;
mod text;

pub use answer::{SectionPlan, rewrite_answer, strip_extension};
pub use offer::{OfferedSection, offered_sections};

/// Longest SDP we look at, bytes: some hundred sections of the largest browsers write.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Most m-sections: engines allocate for each of them.
pub const MAX_SECTIONS: usize = 1024;

/// Why a text is no SDP to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SdpError {
    /// More than [`MAX_BYTES`] or [`MAX_SECTIONS`].
    #[error("the SDP is too large")]
    TooLarge,
    /// The first line is not `v=0`.
    #[error("the SDP does not start with v=0")]
    NotSdp,
    /// Not `letter=value`, or control characters; lines count from 1.
    #[error("line {0} of the SDP is malformed")]
    Line(usize),
    /// An m-section without `a=mid`, or with an id that is no token or is taken.
    #[error("m-section {0} of the SDP has no usable mid")]
    Mid(usize),
}

/// What an m-section carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SectionKind {
    Audio,
    Video,
    /// Data channels.
    Application,
    /// Anything newer or older than WebRTC.
    Other,
}

/// Who sends on an m-section, seen from the side that wrote the SDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    /// The attribute's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The direction an attribute names, without `a=`.
    fn of(attribute: &str) -> Option<Self> {
        let all = [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive];
        all.into_iter().find(|d| d.as_str() == attribute)
    }
}
