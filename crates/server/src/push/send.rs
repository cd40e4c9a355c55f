//! Handing messages to push services (RFC 8030).

use super::encrypt::{Keys, MESSAGE_BYTES, encrypt};
use super::list::Subscription;
use super::{Job, Push};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tandem_hub::publication::Publication;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Requests open at once.
const AT_ONCE: usize = 64;
/// Messages that wait to be tried again; of more, the newest are given up.
const WAITING: usize = 4096;
/// A service keeps a message for a browser that is off for this long, seconds.
const KEEP: &str = "86400";
/// A service must answer within this.
const PATIENCE: Duration = Duration::from_secs(10);
/// A service that is busy is asked again after these.
const AGAIN: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30)];

/// What may go on at once.
#[derive(Clone)]
struct Bounds {
    open: Arc<Semaphore>,
    again: Arc<Semaphore>,
}

/// Sends until the node ends.
pub(super) async fn run(push: Weak<Push>, mut jobs: mpsc::Receiver<Job>, client: reqwest::Client) {
    let bounds = Bounds { open: Arc::new(Semaphore::new(AT_ONCE)), again: Arc::new(Semaphore::new(WAITING)) };
    while let Some(job) = jobs.recv().await {
        let Some(push) = push.upgrade() else { return };
        let message = message(&job.channel, &job.publication);
        for subscription in push.with_list(|list| list.of(&job.channel)) {
            let Ok(slot) = Arc::clone(&bounds.open).acquire_owned().await else { return };
            let (push, client, message, bounds) = (Arc::clone(&push), client.clone(), message.clone(), bounds.clone());
            tokio::spawn(async move { deliver(&push, &client, &subscription, &message, (&bounds, slot)).await });
        }
    }
}

/// What the browser shows: data with a title as it is, anything else under the channel's name.
fn message(channel: &str, publication: &Publication) -> Vec<u8> {
    let data: Option<Value> = serde_json::from_slice(&publication.data).ok();
    let titled = data.as_ref().filter(|data| data.get("title").is_some_and(Value::is_string)).map(Value::to_string);
    let text = titled.filter(|text| text.len() <= MESSAGE_BYTES).unwrap_or_else(|| {
        let title = data.as_ref().and_then(|data| data.get("title")).and_then(Value::as_str).unwrap_or(channel);
        json!({"title": title.chars().take(100).collect::<String>(), "body": "Something new"}).to_string()
    });
    text.into_bytes()
}

async fn deliver(
    push: &Arc<Push>,
    client: &reqwest::Client,
    to: &Subscription,
    message: &[u8],
    (bounds, mut slot): (&Bounds, OwnedSemaphorePermit),
) {
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).unwrap_or_default();
    let keys = Keys { public: decode(&to.p256dh), auth: decode(&to.auth) };
    let (Some(body), Some(origin)) = (encrypt(message, &keys), origin(&to.endpoint)) else {
        return forget(push, to).await;
    };
    for wait in AGAIN.into_iter().map(Some).chain([None]) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
        let Some(authorization) = push.vapid.authorization(&origin, now) else { return };
        let request = client.post(&to.endpoint).header("authorization", authorization);
        let request = request.header("ttl", KEEP).header("content-encoding", "aes128gcm").header("urgency", "normal");
        let answer = request.body(body.clone()).timeout(PATIENCE).send().await;
        match answer.map(|answer| answer.status().as_u16()) {
            Ok(200..300) => return,
            // It is gone for good.
            Ok(404 | 410) => return forget(push, to).await,
            Ok(429 | 500..) | Err(_) => {}
            Ok(status) => {
                tracing::debug!(status, "a push service refused a message");
                return;
            }
        }
        // Whoever waits leaves its slot to others.
        drop(slot);
        let (Some(wait), Ok(_waiting)) = (wait, bounds.again.try_acquire()) else {
            tracing::debug!(%origin, "a push service did not take a message");
            return;
        };
        tokio::time::sleep(wait).await;
        slot = match Arc::clone(&bounds.open).acquire_owned().await {
            Ok(slot) => slot,
            Err(_) => return,
        };
    }
}

async fn forget(push: &Arc<Push>, subscription: &Subscription) {
    if let Err(error) = push.remove(&subscription.channel, &subscription.device).await {
        tracing::warn!(%error, "the list of push subscriptions could not be written");
    }
}

/// Scheme, host and port of an address.
pub(super) fn origin(endpoint: &str) -> Option<String> {
    let url = reqwest::Url::parse(endpoint).ok()?;
    Some(url.origin().ascii_serialization()).filter(|origin| origin != "null")
}
