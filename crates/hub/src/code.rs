//! What clients of channels are told when something is refused or ends. Numbers, words and what
//! clients do about them are those of the Centrifuge protocol, which its official clients know.

use std::borrow::Cow;

/// An error in a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorCode {
    /// Below 400 the protocol's own; from 400 an application's.
    pub code: u32,
    /// For people.
    pub message: Cow<'static, str>,
    /// The same may succeed later.
    pub temporary: bool,
}

const fn error(code: u32, message: &'static str, temporary: bool) -> ErrorCode {
    ErrorCode { code, message: Cow::Borrowed(message), temporary }
}

#[allow(missing_docs)] // the messages say it
impl ErrorCode {
    pub const INTERNAL: Self = error(100, "internal server error", true);
    pub const UNAUTHORIZED: Self = error(101, "unauthorized", false);
    pub const UNKNOWN_CHANNEL: Self = error(102, "unknown channel", false);
    pub const PERMISSION_DENIED: Self = error(103, "permission denied", false);
    pub const METHOD_NOT_FOUND: Self = error(104, "method not found", false);
    pub const ALREADY_SUBSCRIBED: Self = error(105, "already subscribed", false);
    pub const LIMIT_EXCEEDED: Self = error(106, "limit exceeded", false);
    pub const BAD_REQUEST: Self = error(107, "bad request", false);
    pub const NOT_AVAILABLE: Self = error(108, "not available", false);
    pub const TOKEN_EXPIRED: Self = error(109, "token expired", false);
    pub const EXPIRED: Self = error(110, "expired", false);
    pub const TOO_MANY_REQUESTS: Self = error(111, "too many requests", true);
    pub const UNRECOVERABLE_POSITION: Self = error(112, "unrecoverable position", false);
    pub const CONCURRENT_PAGINATION: Self = error(113, "concurrent pagination", true);
}

/// Longest reason in a close frame, bytes (RFC 6455, 5.5: 125 with the code).
const REASON_BYTES: usize = 123;

/// Why a connection ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disconnect {
    /// 3000 to 4999.
    pub code: u32,
    /// For people.
    pub reason: Cow<'static, str>,
}

const fn end(code: u32, reason: &'static str) -> Disconnect {
    Disconnect { code, reason: Cow::Borrowed(reason) }
}

#[allow(missing_docs)] // the reasons say it
impl Disconnect {
    /// Never sent: the client has gone.
    pub const CLOSED: Self = end(3000, "connection closed");
    pub const SHUTDOWN: Self = end(3001, "shutdown");
    pub const SERVER_ERROR: Self = end(3004, "internal server error");
    pub const EXPIRED: Self = end(3005, "connection expired");
    pub const SUBSCRIPTION_EXPIRED: Self = end(3006, "subscription expired");
    pub const SLOW: Self = end(3008, "slow");
    pub const WRITE_ERROR: Self = end(3009, "write error");
    pub const INSUFFICIENT_STATE: Self = end(3010, "insufficient state");
    pub const FORCE_RECONNECT: Self = end(3011, "force reconnect");
    pub const NO_PONG: Self = end(3012, "no pong");
    pub const TOO_MANY_REQUESTS: Self = end(3013, "too many requests");
    pub const STATE_INVALIDATED: Self = end(3014, "state invalidated");
    pub const INVALID_TOKEN: Self = end(3500, "invalid token");
    pub const BAD_REQUEST: Self = end(3501, "bad request");
    pub const STALE: Self = end(3502, "stale");
    pub const FORCE_NO_RECONNECT: Self = end(3503, "force disconnect");
    pub const CONNECTION_LIMIT: Self = end(3504, "connection limit");
    pub const CHANNEL_LIMIT: Self = end(3505, "channel limit");
    pub const INAPPROPRIATE_PROTOCOL: Self = end(3506, "inappropriate protocol");
    pub const PERMISSION_DENIED: Self = end(3507, "permission denied");
    pub const NOT_AVAILABLE: Self = end(3508, "not available");
    pub const TOO_MANY_ERRORS: Self = end(3509, "too many errors");

    /// An application's own reason. What a close frame has no room for is cut off.
    #[must_use]
    pub fn custom(code: u32, mut reason: String) -> Self {
        let mut end = REASON_BYTES.min(reason.len());
        while !reason.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        reason.truncate(end);
        Self { code, reason: Cow::Owned(reason) }
    }

    /// For clients that only listen and hear of errors as the end of their connection: what may
    /// succeed later lets them come back.
    #[must_use]
    pub fn of_error(error: &ErrorCode) -> Self {
        match error.code {
            100 => Self::SERVER_ERROR,
            109 | 110 => Self::EXPIRED,
            111 => Self::TOO_MANY_REQUESTS,
            103 => Self::PERMISSION_DENIED,
            code if code >= 400 => Self::custom(4000 + code % 500, error.message.clone().into_owned()),
            _ => Self::BAD_REQUEST,
        }
    }

    /// Whether clients come back by themselves.
    #[must_use]
    pub fn reconnects(&self) -> bool {
        !matches!(self.code, 3500..4000 | 4500..5000)
    }

    /// As the code of a WebSocket's close frame.
    #[must_use]
    pub fn websocket_code(&self) -> u16 {
        u16::try_from(self.code).ok().filter(|code| (3000..5000).contains(code)).unwrap_or(3004)
    }
}

/// Why the server ended a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsubscribe {
    /// From 2500 on, clients subscribe again by themselves.
    pub code: u32,
    /// For people.
    pub reason: &'static str,
}

#[allow(missing_docs)] // the reasons say it
impl Unsubscribe {
    pub const SERVER: Self = Self { code: 2000, reason: "server unsubscribe" };
    pub const INSUFFICIENT_STATE: Self = Self { code: 2500, reason: "insufficient state" };
    pub const EXPIRED: Self = Self { code: 2501, reason: "subscription expired" };
    pub const STATE_INVALIDATED: Self = Self { code: 2502, reason: "state invalidated" };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_say_who_comes_back() {
        assert!(Disconnect::SLOW.reconnects() && Disconnect::SHUTDOWN.reconnects());
        assert!(!Disconnect::INVALID_TOKEN.reconnects() && !Disconnect::custom(4500, String::new()).reconnects());
        assert!(Disconnect::custom(4400, String::new()).reconnects());
        assert_eq!(Disconnect::custom(9, String::new()).websocket_code(), 3004);
        assert_eq!(Disconnect::custom(4000, "é".repeat(100)).reason.len(), 122);
    }
}
