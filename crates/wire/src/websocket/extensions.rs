//! Negotiation of permessage-deflate (RFC 7692, sections 5 and 7.1).

use super::handshake::DeflateParams;

/// No context is kept on either side: what we always answer.
const ANSWER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// Takes the first offer that is well formed and can be kept; what was agreed on, and the header that
/// says so. Offers are in order of preference (RFC 7692, section 5).
pub(super) fn agree(offers: &str) -> Option<(DeflateParams, String)> {
    let window = split(offers, ',').find_map(server_window)?;
    let params = DeflateParams::with_window_bits(window.unwrap_or(DeflateParams::MAX_BITS));
    // A client that asks for a window must be told that it gets it (RFC 7692, section 7.1.2.1).
    let answer = window.map_or_else(|| ANSWER.to_owned(), |bits| format!("{ANSWER}; server_max_window_bits={bits}"));
    Some((params, answer))
}

/// Reads one offer: the window it asks of us, if it does; `None` if it is to be declined, for reasons
/// that RFC 7692, section 7.1, lists: names that are not defined or come twice, and bad values.
fn server_window(offer: &str) -> Option<Option<u8>> {
    let mut parts = split(offer, ';');
    if parts.next() != Some("permessage-deflate") {
        return None;
    }
    let (mut seen, mut window) = (0_u8, None);
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(unquote(value.trim_start())?)),
            None => (part, None),
        };
        let bit = match (name, value) {
            ("server_no_context_takeover", None) => 1,
            ("client_no_context_takeover", None) => 2,
            // Only a hint: we keep a full window for everybody.
            ("client_max_window_bits", None) => 4,
            ("client_max_window_bits", Some(value)) => bits(value).map(|_| 4)?,
            ("server_max_window_bits", Some(value)) => {
                window = Some(bits(value)?);
                8
            }
            _ => return None,
        };
        if seen & bit != 0 {
            return None;
        }
        seen |= bit;
    }
    Some(window)
}

/// A window: a number from 8 to 15 without leading zeros (RFC 7692, section 7.1.2).
fn bits(value: &str) -> Option<u8> {
    let plain = !value.starts_with('0') && value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|bits| plain && (DeflateParams::MIN_BITS..=DeflateParams::MAX_BITS).contains(bits))
}

/// A token, or one in quotes, which means the same (RFC 6455, section 9.1).
fn unquote(value: &str) -> Option<&str> {
    match value.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"'),
        None => Some(value),
    }
}

/// Splits at a character outside of quotes, and trims the parts.
fn split(list: &str, at: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let parts = list.split(move |character| {
        quoted ^= character == '"';
        character == at && !quoted
    });
    parts.map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The window agreed on and whether it is named.
    fn agreed(offers: &str) -> Option<(u8, bool)> {
        let (params, answer) = agree(offers)?;
        let (answer, named) = match answer.rsplit_once("; server_max_window_bits=") {
            Some((rest, bits)) => {
                assert_eq!(bits, params.window_bits().to_string());
                (rest, true)
            }
            None => (answer.as_str(), false),
        };
        assert_eq!(answer, ANSWER);
        Some((params.window_bits(), named))
    }

    #[test]
    fn offers_that_are_taken() {
        for (offers, window) in [
            ("permessage-deflate", (15, false)),
            ("permessage-deflate; client_max_window_bits", (15, false)),
            ("permessage-deflate;client_max_window_bits=8", (15, false)),
            ("permessage-deflate; client_max_window_bits=\"10\"", (15, false)),
            ("permessage-deflate; server_no_context_takeover; client_no_context_takeover", (15, false)),
            ("permessage-deflate; server_max_window_bits=15", (15, true)),
            ("permessage-deflate; server_max_window_bits = 12 ; client_max_window_bits = 12", (12, true)),
            ("permessage-deflate; server_max_window_bits=8", (8, true)),
            ("x-webkit-deflate-frame, permessage-deflate; client_max_window_bits", (15, false)),
            ("a; b=\"permessage-deflate, c; d\", permessage-deflate; server_max_window_bits=9", (9, true)),
            ("permessage-deflate; server_max_window_bits=7, permessage-deflate", (15, false)),
            ("permessage-deflate; server_max_window_bits=9, permessage-deflate", (9, true)),
        ] {
            assert_eq!(agreed(offers), Some(window), "{offers}");
        }
    }

    #[test]
    fn offers_that_are_declined() {
        for offers in [
            "",
            ",;,",
            "permessage-bzip2",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=",
            "permessage-deflate; server_max_window_bits=7",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=+9",
            "permessage-deflate; server_max_window_bits=09",
            "permessage-deflate; server_max_window_bits=\"9",
            "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9",
            "permessage-deflate; client_max_window_bits=256",
            "permessage-deflate; client_max_window_bits=0",
            "permessage-deflate; client_max_window_bits; client_max_window_bits=9",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; client_no_context_takeover=\"\"",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; unheard_of",
            "permessage-deflate; ",
            "x=\"permessage-deflate",
            "x=\", permessage-deflate",
        ] {
            assert_eq!(agreed(offers), None, "{offers}");
        }
    }
}
