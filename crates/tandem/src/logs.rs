//! Logs, on standard error.

use crate::Failure;
use std::io::IsTerminal;
use tandem_server::config::Log;
use tracing_subscriber::EnvFilter;

/// Starts logging. `flag` says that the level was asked for on the command line or in the
/// environment, which wins over `RUST_LOG`.
pub(crate) fn start(log: &Log, flag: bool) -> Result<(), Failure> {
    let variable = std::env::var("RUST_LOG").ok().filter(|text| !flag && !text.is_empty());
    let level = variable.as_deref().unwrap_or(&log.level);
    // The media engine tells the life of every peer connection at "info".
    let directives = if level == "info" { "info,str0m=warn".to_owned() } else { level.to_owned() };
    let filter = EnvFilter::try_new(&directives)
        .map_err(|_| Failure(format!("\"{level}\" is no log level; use error, warn, info, debug or trace")))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = if log.json { builder.json().try_init() } else { builder.try_init() };
    started.map_err(|error| Failure(format!("cannot start logging: {error}")))
}
