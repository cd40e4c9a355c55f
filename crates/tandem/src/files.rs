//! `tandem send` and `tandem receive`: files between terminals, and between a terminal and the page.

mod pipe;
mod place;
mod progress;
mod receive;
mod send;
mod store;

pub(crate) use receive::run as receive;
pub(crate) use send::run as send;

use crate::Failure;
use aws_lc_rs::digest::{SHA256, digest};
use std::fmt::Write as _;
use std::time::Duration;

/// Waits before a lost connection is made again.
const AGAIN: [Duration; 5] = [
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// Why a transfer ended.
#[derive(Debug, thiserror::Error)]
enum End {
    /// It may go on with a new connection.
    #[error("{0}")]
    Lost(String),
    /// It may not.
    #[error("{0}")]
    Over(String),
}

impl From<End> for Failure {
    fn from(end: End) -> Self {
        Self(end.to_string())
    }
}

impl From<std::io::Error> for End {
    fn from(error: std::io::Error) -> Self {
        Self::Over(error.to_string())
    }
}

impl From<tandem_server::parts::files::Malformed> for End {
    fn from(error: tandem_server::parts::files::Malformed) -> Self {
        Self::Over(error.to_string())
    }
}

/// Runs until done or interrupted.
fn block_on<T>(work: impl Future<Output = Result<T, End>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let interrupted = async {
        let _ = tokio::signal::ctrl_c().await;
        Err(End::Over("interrupted; the same command goes on where it was".to_owned()))
    };
    let done = runtime.block_on(async {
        tokio::select! { done = work => done, ended = interrupted => ended }
    });
    Ok(done?)
}

/// The first bytes of a text's SHA-256, as text: the same text has the same mark.
fn mark(text: &str, bytes: usize) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().take(bytes).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
