//! `tandem config`, and how flags, environment and file become settings.

use crate::Failure;
use crate::cli::{self, Serve};
use std::io::Write;
use std::path::Path;
use tandem_server::auth::Keys;
use tandem_server::auth::channel::ChannelTokens;
use tandem_server::config::{Config, ConfigError, example, schema};

/// Serves `tandem config`.
pub(crate) fn run(command: &cli::Config) -> Result<(), Failure> {
    let text = match command {
        cli::Config::Check { file } => {
            // Reads the keys of tokens too.
            ChannelTokens::new(&Config::load(file)?, &Keys::default())?;
            format!("{} is fine\n", file.display())
        }
        cli::Config::Schema => format!("{:#}\n", schema()?),
        cli::Config::Example => example()?,
    };
    print(&text)
}

/// Writes to standard output; a closed pipe is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// The settings of the file, or the defaults without one.
pub(crate) fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
    file.map_or_else(|| Ok(Config::default()), Config::load)
}

/// File below environment below flags; clap has merged the latter two.
pub(crate) fn merged(flags: &Serve) -> Result<Config, Failure> {
    let mut config = load(flags.config.as_deref())?;
    config.dev |= flags.dev;
    config.bind = flags.bind.or(config.bind);
    set(&mut config.port, flags.port);
    set(&mut config.udp_port, flags.udp_port);
    set(&mut config.tcp_port, flags.tcp_port);
    set(&mut config.turn_port, flags.turn_port);
    set(&mut config.shards, flags.shards);
    set(&mut config.data, flags.data.clone());
    set(&mut config.public_ip, (!flags.public_ip.is_empty()).then(|| flags.public_ip.clone()));
    set(&mut config.log.level, flags.log_level.clone());
    config.log.json |= flags.log_json;
    Ok(config)
}

fn set<T>(setting: &mut T, flag: Option<T>) {
    if let Some(value) = flag {
        *setting = value;
    }
}

/// Keys given by flag or environment, else those of the file; `None` without any.
pub(crate) fn given_keys(flag: Option<&str>, config: &Config) -> Result<Option<Keys>, Failure> {
    let keys = match flag {
        Some(text) => Keys::parse(text).map_err(|fault| Failure(format!("--keys (TANDEM_KEYS): {fault}")))?,
        None => Keys::new(config.keys.iter().map(|(key, secret)| (key.clone(), secret.0.clone())).collect()),
    };
    Ok((!keys.is_empty()).then_some(keys))
}
