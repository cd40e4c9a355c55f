//! The app's files as gzip, packed once when the first browser asks.

use super::App;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::HashMap;
use std::io::Write;
use std::sync::OnceLock;

/// Smaller files fit one packet anyway.
const WORTH_IT: usize = 1024;
const TEXTS: [&str; 6] = [".js", ".css", ".html", ".svg", ".json", ".wasm"];

/// The packed form of a file; `None` if it is not worth it.
pub(super) fn get(path: &str) -> Option<Bytes> {
    static PACKED: OnceLock<HashMap<String, Bytes>> = OnceLock::new();
    PACKED.get_or_init(pack_all).get(path).cloned()
}

fn pack_all() -> HashMap<String, Bytes> {
    let texts = App::iter().filter(|path| TEXTS.iter().any(|end| path.ends_with(end)));
    texts.filter_map(|path| Some((path.to_string(), pack(&App::get(&path)?.data)?))).collect()
}

fn pack(data: &[u8]) -> Option<Bytes> {
    if data.len() < WORTH_IT {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).ok()?;
    let packed = encoder.finish().ok()?;
    (packed.len() < data.len()).then(|| packed.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Read;

    #[test]
    fn what_is_packed_unpacks() {
        let text = "tandem ".repeat(1000);
        let packed = pack(text.as_bytes()).unwrap();
        assert!(packed.len() < 200);
        let mut back = String::new();
        flate2::read::GzDecoder::new(packed.as_ref()).read_to_string(&mut back).unwrap();
        assert_eq!(back, text);
        assert!(pack(b"short").is_none());
    }
}
