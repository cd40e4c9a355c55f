//! Filters by tags: a subscriber names the publications it wants, and the server leaves out the
//! rest.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Deepest nesting of a filter.
const MAX_DEPTH: usize = 16;
/// Most nodes of a filter, and most values of one comparison.
const MAX_NODES: usize = 128;

/// A filter as it comes from a client, unchecked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct RawFilter {
    /// Empty for a comparison, or `and`, `or`, `not`.
    pub op: String,
    /// Tag to compare.
    pub key: String,
    /// How to compare.
    pub cmp: String,
    /// With what.
    pub val: String,
    /// With which set.
    pub vals: Vec<String>,
    /// What `and`, `or` and `not` combine.
    pub nodes: Vec<RawFilter>,
}

/// Why a filter is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid tags filter: {0}")]
pub struct FilterFault(pub &'static str);

/// A checked filter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Filter {
    /// All of them.
    And(Vec<Filter>),
    /// One of them.
    Or(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// A comparison of one tag.
    Compare(String, Comparison),
}

/// How a tag is compared. Numeric comparisons take decimals; what is none matches nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the protocol's words
pub enum Comparison {
    Equal(String),
    NotEqual(String),
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Missing,
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    Number(Bound, Decimal),
}

/// Which side of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Bound {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Filter {
    /// Checks a filter.
    ///
    /// # Errors
    /// It is too deep, too large, or says something unknown or incomplete.
    pub fn parse(raw: &RawFilter) -> Result<Self, FilterFault> {
        parse(raw, 0, &mut 0)
    }

    /// Whether a publication with these tags passes.
    #[must_use]
    pub fn passes(&self, tags: Option<&BTreeMap<String, String>>) -> bool {
        match self {
            Self::And(nodes) => nodes.iter().all(|node| node.passes(tags)),
            Self::Or(nodes) => nodes.iter().any(|node| node.passes(tags)),
            Self::Not(node) => !node.passes(tags),
            Self::Compare(key, comparison) => comparison.holds(tags.and_then(|tags| tags.get(key)).map(String::as_str)),
        }
    }
}

impl Comparison {
    fn holds(&self, tag: Option<&str>) -> bool {
        let Some(tag) = tag else { return matches!(self, Self::NotEqual(_) | Self::NotIn(_) | Self::Missing) };
        match self {
            Self::Equal(value) => tag == value,
            Self::NotEqual(value) => tag != value,
            Self::In(values) => values.iter().any(|value| value == tag),
            Self::NotIn(values) => values.iter().all(|value| value != tag),
            Self::Exists => true,
            Self::Missing => false,
            Self::StartsWith(value) => tag.starts_with(value.as_str()),
            Self::EndsWith(value) => tag.ends_with(value.as_str()),
            Self::Contains(value) => tag.contains(value.as_str()),
            Self::Number(bound, value) => Decimal::parse(tag).is_some_and(|tag| {
                let order = tag.cmp(value);
                match bound {
                    Bound::Less => order == Ordering::Less,
                    Bound::LessOrEqual => order != Ordering::Greater,
                    Bound::Greater => order == Ordering::Greater,
                    Bound::GreaterOrEqual => order != Ordering::Less,
                }
            }),
        }
    }
}

fn parse(raw: &RawFilter, depth: usize, nodes: &mut usize) -> Result<Filter, FilterFault> {
    *nodes += 1;
    if depth > MAX_DEPTH || *nodes > MAX_NODES || raw.vals.len() > MAX_NODES {
        return Err(FilterFault("it is too large"));
    }
    let mut inner = || raw.nodes.iter().map(|node| parse(node, depth + 1, nodes)).collect::<Result<Vec<_>, _>>();
    match raw.op.as_str() {
        "" => compare(raw),
        "and" | "or" if raw.nodes.is_empty() => Err(FilterFault("\"and\" and \"or\" need nodes")),
        "and" => Ok(Filter::And(inner()?)),
        "or" => Ok(Filter::Or(inner()?)),
        "not" => {
            let mut inner = inner()?;
            let only = inner.pop().filter(|_| inner.is_empty());
            Ok(Filter::Not(Box::new(only.ok_or(FilterFault("\"not\" needs exactly one node"))?)))
        }
        _ => Err(FilterFault("the op is unknown")),
    }
}

fn compare(raw: &RawFilter) -> Result<Filter, FilterFault> {
    if raw.key.is_empty() {
        return Err(FilterFault("a comparison needs a key"));
    }
    let text = || raw.val.clone();
    let set =
        || if raw.vals.is_empty() { Err(FilterFault("this comparison needs vals")) } else { Ok(raw.vals.clone()) };
    let number = |bound| {
        let value = Decimal::parse(&raw.val).ok_or(FilterFault("this comparison needs a number"))?;
        Ok(Comparison::Number(bound, value))
    };
    let comparison = match raw.cmp.as_str() {
        "eq" => Comparison::Equal(text()),
        "neq" => Comparison::NotEqual(text()),
        "in" => Comparison::In(set()?),
        "nin" => Comparison::NotIn(set()?),
        "ex" => Comparison::Exists,
        "nex" => Comparison::Missing,
        "sw" => Comparison::StartsWith(text()),
        "ew" => Comparison::EndsWith(text()),
        "ct" => Comparison::Contains(text()),
        "lt" => number(Bound::Less)?,
        "lte" => number(Bound::LessOrEqual)?,
        "gt" => number(Bound::Greater)?,
        "gte" => number(Bound::GreaterOrEqual)?,
        _ => return Err(FilterFault("the cmp is unknown")),
    };
    Ok(Filter::Compare(raw.key.clone(), comparison))
}

/// A decimal number of any length, compared exactly.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decimal {
    negative: bool,
    /// Without leading zeros.
    whole: String,
    /// Without trailing zeros.
    fraction: String,
}

impl Decimal {
    /// Reads `-12.50` and the like. Exponents are no decimals.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !digits_only(whole) || !digits_only(fraction) {
            return None;
        }
        let whole = whole.trim_start_matches('0').to_owned();
        let fraction = fraction.trim_end_matches('0').to_owned();
        let zero = whole.is_empty() && fraction.is_empty();
        Some(Self { negative: negative && !zero, whole, fraction })
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let size = |a: &Self, b: &Self| {
            let whole = a.whole.len().cmp(&b.whole.len()).then_with(|| a.whole.cmp(&b.whole));
            whole.then_with(|| a.fraction.cmp(&b.fraction))
        };
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => size(self, other),
            (true, true) => size(other, self),
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(key: &str, cmp: &str, val: &str) -> RawFilter {
        RawFilter { key: key.into(), cmp: cmp.into(), val: val.into(), ..RawFilter::default() }
    }

    fn node(op: &str, nodes: Vec<RawFilter>) -> RawFilter {
        RawFilter { op: op.into(), nodes, ..RawFilter::default() }
    }

    fn tags() -> BTreeMap<String, String> {
        [("price", "99.50"), ("side", "buy"), ("zero", "-0.0")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }

    #[test]
    fn comparisons() {
        for (key, cmp, val, expected) in [
            ("side", "eq", "buy", true),
            ("side", "neq", "buy", false),
            ("none", "neq", "buy", true),
            ("none", "nex", "", true),
            ("side", "ex", "", true),
            ("side", "sw", "b", true),
            ("side", "ew", "y", true),
            ("side", "ct", "u", true),
            ("price", "gt", "99.5", false),
            ("price", "gte", "99.5", true),
            ("price", "lt", "100", true),
            ("price", "lte", "9.95", false),
            ("zero", "gte", "0", true),
            ("side", "gt", "1", false),
            ("none", "lt", "1", false),
        ] {
            let filter = Filter::parse(&leaf(key, cmp, val)).unwrap();
            assert_eq!(filter.passes(Some(&tags())), expected, "{key} {cmp} {val}");
        }
        assert!(Filter::parse(&leaf("none", "nin", "")).is_err());
    }

    #[test]
    fn combinations_and_refusals() {
        let both = node("and", vec![leaf("side", "eq", "buy"), node("not", vec![leaf("price", "lt", "50")])]);
        assert!(Filter::parse(&both).unwrap().passes(Some(&tags())));
        assert!(!Filter::parse(&both).unwrap().passes(None));
        let bad = [
            node("and", vec![]),
            node("xor", vec![leaf("a", "eq", "b")]),
            node("not", vec![leaf("a", "ex", ""), leaf("b", "ex", "")]),
            leaf("", "eq", "b"),
            leaf("a", "like", "b"),
            leaf("a", "gt", "1e3"),
        ];
        assert!(bad.iter().all(|raw| Filter::parse(raw).is_err()));
        let mut deep = leaf("a", "ex", "");
        for _ in 0..20 {
            deep = node("not", vec![deep]);
        }
        assert!(Filter::parse(&deep).is_err());
    }
}
