//! The key pair a node makes for itself when nobody gave it one.

use super::Keys;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tandem_core::SidGenerator;

/// Where the pair is, below the data directory.
#[must_use]
pub fn path(data: &Path) -> PathBuf {
    data.join("keys.yaml")
}

/// The pair of an earlier start; `None` if there was none.
///
/// # Errors
/// The file cannot be read or holds no keys.
pub fn load(data: &Path) -> io::Result<Option<Keys>> {
    let path = path(data);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(named(&path, &error)),
    };
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    match Keys::parse(&lines.join("\n")) {
        Ok(keys) if !keys.is_empty() => Ok(Some(keys)),
        _ => Err(io::Error::other(format!("{} holds no line \"NAME: SECRET\"", path.display()))),
    }
}

/// Makes a pair and keeps it, readable by its owner only.
///
/// # Errors
/// The directory or the file cannot be written.
pub fn create(data: &Path) -> io::Result<Keys> {
    let name = SidGenerator::new(rand::random()).sid("API").to_string();
    let secret = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
    let path = path(data);
    fs::create_dir_all(data).map_err(|error| named(data, &error))?;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let text =
        format!("# API key of this node. Whoever has the secret may enter and change everything.\n{name}: {secret}\n");
    let written = options.open(&path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| named(&path, &error))?;
    Ok(Keys::new(vec![(name, secret)]))
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot use {}: {error}", path.display()))
}
