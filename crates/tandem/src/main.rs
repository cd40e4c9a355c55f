//! The `tandem` command.
#![forbid(unsafe_code)]

mod cli;
mod config;
mod doctor;
mod files;
mod keys;
mod logs;
mod relay;
mod serve;
mod signals;
mod token;

use clap::Parser;
use cli::{Cli, Command};
use std::process::ExitCode;

/// A sentence for whoever typed the command.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failure(String);

impl From<tandem_server::config::ConfigError> for Failure {
    fn from(error: tandem_server::config::ConfigError) -> Self {
        Self(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(flags) => serve::run(&flags),
        Command::Token(flags) => token::run(&flags),
        Command::Config { command } => config::run(&command),
        Command::Doctor(flags) => doctor::run(&flags),
        Command::Send(flags) => files::send(&flags),
        Command::Receive(flags) => files::receive(&flags),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("tandem: {failure}");
            ExitCode::FAILURE
        }
    }
}
