//! Bringing the message plane up.

use super::mail::{Hello, Mail};
use super::plane::Plane;
use crate::auth::Keys;
use crate::auth::channel::ChannelTokens;
use crate::config::{Config, ConfigError};
use crate::door::centrifuge::{Desk, Settled};
use crate::hooks::Hooks;
use crate::push::Push;
use crate::store::StoreError;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tandem_hub::code::ErrorCode;
use tandem_net::stream_loop::{self, LoopOptions, Loops, StreamStats};
use tokio::runtime::Handle;

/// Forgotten channels are looked for this often.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// Why there is no message plane.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The settings do not fit together.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The disk.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system.
    #[error("cannot start the threads of channels: {0}")]
    Io(#[from] std::io::Error),
    /// The client for questions to backends.
    #[error("cannot prepare questions to backends: {0}")]
    Hooks(#[from] reqwest::Error),
}

/// What the doors need of the message plane.
pub struct ChannelParts {
    /// Channels.
    pub channels: Arc<Plane>,
    /// Tokens of their clients.
    pub tokens: Arc<ChannelTokens>,
    /// Notifications to closed pages.
    pub push: Option<Arc<Push>>,
}

/// Brings up the message plane of a node: settings, keys, disk, threads. Must be called inside the
/// runtime that questions to backends run on.
///
/// # Errors
/// See [`StartError`].
pub fn start(config: &Config, keys: &Keys, node_id: &str) -> Result<ChannelParts, StartError> {
    let settings = config.channel_settings()?;
    let tokens = Arc::new(ChannelTokens::new(config, keys)?);
    let hooks = Arc::new(Hooks::new(settings.proxies.clone())?);
    let settled = Arc::new(Settled {
        tokens: Arc::clone(&tokens),
        hooks,
        runtime: Handle::current(),
        id: node_id.to_owned(),
        insecure: settings.client.insecure,
        unknown_rpc: ErrorCode::NOT_AVAILABLE,
    });
    let plane = Arc::new(Plane::new(settings));
    if plane.settings.namespaces.any_on_disk() {
        plane.open_store(&config.data)?;
    }
    let counters = loops(&plane, &settled, config.channel_loops())?;
    plane.stats.attach(counters);
    let push = if config.push.enabled { Some(Push::start(config)?) } else { None };
    if let Some(push) = &push {
        plane.attach_push(Arc::clone(push));
    }
    Ok(ChannelParts { channels: plane, tokens, push })
}

/// Starts the loops of a plane and its sweeper; gives the loops' counters.
fn loops(plane: &Arc<Plane>, settled: &Arc<Settled>, count: usize) -> std::io::Result<Vec<Arc<Mutex<StreamStats>>>> {
    let mut handles = Vec::new();
    let mut stats = Vec::new();
    for index in 0..u16::try_from(count.max(1)).unwrap_or(1) {
        let options = LoopOptions {
            name: format!("channels-{index}"),
            index,
            outbox_bytes: plane.settings.client.queue_max_size,
        };
        let desk = Desk::new(Arc::clone(plane), Arc::clone(settled));
        let (handle, counters) = stream_loop::start(&options, desk)?;
        handles.push(handle);
        stats.push(counters);
    }
    plane.attach(Loops::<Mail, Hello>::new(handles));
    let sweeping = Arc::downgrade(plane);
    settled.runtime.spawn(async move {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            let Some(plane) = sweeping.upgrade() else { return };
            plane.sweep();
        }
    });
    Ok(stats)
}
