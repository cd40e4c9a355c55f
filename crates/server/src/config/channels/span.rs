//! Lengths of time as people write them.

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::time::Duration;

/// A length of time: `300s`, `1m30s`, `720h`, `500ms`, or a number of seconds. `-1` is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// Units, the longer names first.
const UNITS: [(&str, f64); 8] =
    [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0)];

/// Nothing lasts longer: a hundred years.
const LONGEST: f64 = 100.0 * 365.0 * 86_400.0;

impl Span {
    /// So many seconds.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    fn of_seconds(seconds: f64) -> Option<Self> {
        if !seconds.is_finite() || seconds > LONGEST {
            return None;
        }
        // What is switched off is written as -1 elsewhere.
        Some(Self(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default()))
    }

    /// Reads text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(seconds) = text.trim().parse::<f64>() {
            return Self::of_seconds(seconds);
        }
        let mut rest = text.trim();
        let mut total = 0.0;
        while !rest.is_empty() {
            let digits = rest.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
            let number: f64 = rest.strip_suffix(digits)?.parse().ok()?;
            let (unit, factor) = UNITS.iter().find(|(unit, _)| digits.starts_with(unit))?;
            total += number * factor;
            rest = digits.strip_prefix(unit)?;
        }
        Self::of_seconds(total)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0.as_secs(), self.0.as_millis());
        if millis % 1000 != 0 {
            write!(f, "{millis}ms")
        } else if seconds >= 3600 && seconds % 3600 == 0 {
            write!(f, "{}h", seconds / 3600)
        } else {
            write!(f, "{seconds}s")
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpanVisitor)
    }
}

struct SpanVisitor;

#[allow(clippy::cast_precision_loss)] // numbers this large are refused
impl Visitor<'_> for SpanVisitor {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a length of time such as 300s, 1m, 720h or 500ms, or a number of seconds")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Span, E> {
        Span::parse(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Span, E> {
        self.visit_f64(seconds as f64)
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Span, E> {
        self.visit_f64(seconds as f64)
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<Span, E> {
        Span::of_seconds(seconds).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Float(seconds), &self))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn as_people_write_them() {
        let table = [
            ("300s", 300_000, "300s"),
            ("1m", 60_000, "60s"),
            ("720h", 2_592_000_000, "720h"),
            ("500ms", 500, "500ms"),
            ("1h30m", 5_400_000, "5400s"),
            ("1.5s", 1500, "1500ms"),
            ("2d", 172_800_000, "48h"),
            ("25", 25_000, "25s"),
            ("-1", 0, "0s"),
        ];
        for (text, millis, again) in table {
            let span = Span::parse(text).unwrap();
            assert_eq!((span.0.as_millis(), span.to_string().as_str()), (millis, again), "{text}");
        }
        for bad in ["s", "1w", "1m-", "one", "1..s", "1e300s", "inf", "NaN", "99999999999h", "5 s"] {
            assert_eq!(Span::parse(bad), None, "{bad}");
        }
        assert_eq!(serde_yaml_ng::from_str::<Vec<Span>>("[10, 0.5, -1, 1m]").unwrap().len(), 4);
        let error = serde_yaml_ng::from_str::<Span>("soon").unwrap_err().to_string();
        assert!(error.contains("a length of time such as 300s"), "{error}");
    }
}
