//! Which keys a server uses.

use crate::{Failure, config};
use tandem_server::auth::{Keys, store};
use tandem_server::config::Config;
use tracing::{info, warn};

/// The pair everybody knows, as LiveKit's development mode has it.
pub(crate) fn development() -> Keys {
    Keys::new(vec![("devkey".to_owned(), "secret".to_owned())])
}

/// Given ones, else the development pair, else the server's own, made at the first start.
pub(crate) fn of_server(flag: Option<&str>, config: &Config) -> Result<Keys, Failure> {
    if let Some(keys) = config::given_keys(flag, config)? {
        for name in keys.weak().filter(|_| !config.dev) {
            warn!("the secret of key {name} is shorter than 32 characters and may be guessed");
        }
        return Ok(keys);
    }
    if config.dev {
        return Ok(development());
    }
    let path = store::path(&config.data);
    if let Some(keys) = store::load(&config.data)? {
        info!("using API key {} of {}", names(&keys), path.display());
        return Ok(keys);
    }
    let keys = store::create(&config.data)?;
    info!("made API key {}; its secret is in {}", names(&keys), path.display());
    Ok(keys)
}

fn names(keys: &Keys) -> String {
    keys.names().collect::<Vec<_>>().join(", ")
}
