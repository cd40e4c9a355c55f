//! Query strings.

/// Name and value of every parameter in order, percent-decoded; what is no UTF-8 becomes U+FFFD.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (String, String)> + '_ {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

/// The value of the first parameter of this name, percent-decoded.
#[must_use]
pub fn value(query: &str, name: &str) -> Option<String> {
    pairs(query).find(|(key, _)| key == name).map(|(_, value)| value)
}

fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = tail.split_first_chunk::<2>().and_then(|(digits, after)| Some((hex(*digits)?, after)));
        (rest, _) = match (first, escaped) {
            (b'%', Some((byte, after))) => (after, out.push(byte)),
            (b'+', _) => (tail, out.push(b' ')),
            (other, _) => (tail, out.push(*other)),
        };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex([high, low]: [u8; 2]) -> Option<u8> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters() {
        let table = [
            ("a=1&b=2", vec![("a", "1"), ("b", "2")]),
            ("&&a&=x&", vec![("a", ""), ("", "x")]),
            ("a=x%3Dy+z=%26", vec![("a", "x=y z=&")]),
            ("a=%&b=%4&c=%zz&d=%f", vec![("a", "%"), ("b", "%4"), ("c", "%zz"), ("d", "%f")]),
            ("a=%c3%A9%ff", vec![("a", "é\u{fffd}")]),
            ("", vec![]),
        ];
        for (query, want) in table {
            let got: Vec<_> = pairs(query).collect();
            let got: Vec<_> = got.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            assert_eq!(got, want, "{query}");
        }
    }
}
