//! API keys.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::http::HeaderMap;

/// Whether a request carries the key: as `X-API-Key`, `Authorization: apikey …` or `?api_key=…`.
pub(super) fn fits(key: &str, headers: &HeaderMap, query: Option<&str>) -> bool {
    if key.is_empty() {
        return false;
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text("authorization").and_then(|value| value.split_once(' '));
    let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("apikey")).map(|(_, key)| key);
    let in_query = query.into_iter().flat_map(|query| query.split('&')).find_map(|pair| pair.strip_prefix("api_key="));
    [text("x-api-key"), bearer, in_query]
        .into_iter()
        .flatten()
        .any(|given| verify_slices_are_equal(given.as_bytes(), key.as_bytes()).is_ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn three_ways_to_show_a_key() {
        let with = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            headers
        };
        let none = HeaderMap::new();
        assert!(fits("k", &with("x-api-key", "k"), None));
        assert!(fits("k", &with("authorization", "apikey k"), None));
        assert!(fits("k", &none, Some("a=b&api_key=k")));
        assert!(!fits("k", &with("x-api-key", "l"), None));
        assert!(!fits("k", &with("authorization", "Bearer k"), None));
        assert!(!fits("", &with("x-api-key", ""), None));
        assert!(!fits("k", &none, None));
    }
}
