//! One table of reasons, for every door.

/// Why something was refused. Doors translate it to their own numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// The token is missing, malformed, expired or signed with another key.
    Unauthenticated,
    /// The token does not grant this.
    NotAllowed,
    /// The request cannot be understood.
    Invalid,
    /// The room does not exist.
    RoomNotFound,
    /// The participant does not exist.
    ParticipantNotFound,
    /// The track does not exist.
    TrackNotFound,
    /// Another thing has the name already.
    Duplicate,
    /// A bound of [`crate::Limits`] is reached.
    LimitExceeded,
    /// Wait for an earlier request of the same name.
    Queued,
    /// The node has no room for this now; try again.
    Busy,
    /// The node is draining; try another or later.
    Draining,
    /// The request makes no sense in the present state.
    FailedPrecondition,
    /// Tandem does not do this.
    Unsupported,
    /// A handle is out of range or unknown.
    InvalidHandle,
    /// A name is empty or too long.
    InvalidName,
    /// Two things with one handle.
    DuplicateHandle,
    /// A fault of the node.
    Internal,
}

impl Code {
    /// The stable name that metrics, logs and documentation use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::NotAllowed => "not_allowed",
            Self::Invalid => "invalid",
            Self::RoomNotFound => "room_not_found",
            Self::ParticipantNotFound => "participant_not_found",
            Self::TrackNotFound => "track_not_found",
            Self::Duplicate => "duplicate",
            Self::LimitExceeded => "limit_exceeded",
            Self::Queued => "queued",
            Self::Busy => "busy",
            Self::Draining => "draining",
            Self::FailedPrecondition => "failed_precondition",
            Self::Unsupported => "unsupported",
            Self::InvalidHandle => "invalid_handle",
            Self::InvalidName => "invalid_name",
            Self::DuplicateHandle => "duplicate_handle",
            Self::Internal => "internal",
        }
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub fn retryable(self) -> bool {
        matches!(self, Self::Busy | Self::Draining | Self::Queued | Self::Internal)
    }

    /// The HTTP status a door over HTTP answers with.
    #[must_use]
    pub fn http_status(self) -> u16 {
        match self {
            Self::Unauthenticated => 401,
            Self::NotAllowed => 403,
            Self::Invalid | Self::InvalidHandle | Self::InvalidName => 400,
            Self::RoomNotFound | Self::ParticipantNotFound | Self::TrackNotFound => 404,
            Self::Duplicate | Self::DuplicateHandle => 409,
            Self::FailedPrecondition => 412,
            Self::LimitExceeded | Self::Queued => 429,
            Self::Unsupported => 501,
            Self::Busy | Self::Draining => 503,
            Self::Internal => 500,
        }
    }
}

/// A refusal: the code for machines and one sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Reject {
    /// The reason.
    pub code: Code,
    /// One sentence that says what to do.
    pub message: String,
}

impl Reject {
    /// A refusal with its sentence.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}
