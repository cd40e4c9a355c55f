//! `tandem doctor`.

use crate::Failure;
use crate::cli::Doctor;
use crate::config;
use tandem_server::config::Config;
use tandem_server::doctor::{Finding, State, examine, visit};

/// Says what is wrong. Fails if anything does not work.
pub(crate) fn run(flags: &Doctor) -> Result<(), Failure> {
    let findings = match &flags.server {
        Some(server) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(visit(server, flags.token.as_deref()))
        }
        None => {
            let loaded = flags.config.as_deref().map(Config::load).transpose()?;
            let mut config = loaded.unwrap_or_default();
            config.dev |= flags.dev;
            if let Some(data) = &flags.data {
                config.data.clone_from(data);
            }
            config.port = flags.port.unwrap_or(config.port);
            examine(&config)
        }
    };
    if flags.json {
        let all: Vec<_> = findings.iter().map(Finding::to_json).collect();
        config::print(&format!("{}\n", serde_json::Value::from(all)))?;
    } else {
        findings.iter().try_for_each(|finding| config::print(&format!("{}\n", line(finding))))?;
    }
    let bad = findings.iter().filter(|finding| finding.state == State::Bad).count();
    match bad {
        0 => Ok(()),
        1 => Err(Failure("one thing does not work".to_owned())),
        count => Err(Failure(format!("{count} things do not work"))),
    }
}

fn line(finding: &Finding) -> String {
    let mark = match finding.state {
        State::Good => "  ok ",
        State::Weak => "  -- ",
        State::Bad => "  !! ",
    };
    format!("{mark} {:<16} {}", finding.name, finding.sentence)
}
