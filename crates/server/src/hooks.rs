//! Questions to the application's backend over HTTP: may this one connect, subscribe, publish?
//!
//! A question is a POST with a JSON object; the answer is `{"result": …}`, `{"error": {"code",
//! "message", "temporary"}}` or `{"disconnect": {"code", "reason"}}`, as Centrifugo's proxies have it.

mod answer;

pub use answer::{Answer, ResultOf};

use crate::config::channels::ProxySettings;
use axum::http::HeaderMap;
use bytes::Bytes;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Largest answer, bytes.
const ANSWER_BYTES: usize = 1024 * 1024;
/// Questions open at once, of all connections; more wait.
const OPEN_QUESTIONS: usize = 512;

/// What is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the protocol's words
pub enum Event {
    Connect,
    Refresh,
    Subscribe,
    SubRefresh,
    Publish,
    Rpc,
}

/// A question.
pub struct Asked {
    /// About what.
    pub event: Event,
    /// Whom to ask, by name.
    pub proxy: Arc<str>,
    /// The question.
    pub body: Map<String, Value>,
    /// Of the client's request.
    pub headers: Arc<HeaderMap>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No backend has that name.
    #[error("no proxy is called {0:?}; name it under \"proxies\"")]
    Unknown(Arc<str>),
    /// It could not be reached, or took too long.
    #[error("{0}")]
    Unreachable(String),
    /// It answered with something else than 200.
    #[error("the backend answered {0}")]
    Status(u16),
    /// The answer cannot be understood.
    #[error("the backend's answer cannot be understood: {0}")]
    Answer(String),
}

/// All backends of a node.
pub struct Hooks {
    client: reqwest::Client,
    backends: HashMap<Arc<str>, ProxySettings>,
    open: Semaphore,
}

impl Hooks {
    /// These backends, by name.
    ///
    /// # Errors
    /// The system gives no TLS.
    pub fn new(backends: HashMap<Arc<str>, ProxySettings>) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { client, backends, open: Semaphore::new(OPEN_QUESTIONS) })
    }

    /// Whether anybody is ever asked; then headers of requests are kept.
    #[must_use]
    pub fn any(&self) -> bool {
        !self.backends.is_empty()
    }

    /// Whether a backend is told the `meta` of connections.
    #[must_use]
    pub fn wants_meta(&self, proxy: &str) -> bool {
        self.backends.get(proxy).is_some_and(|backend| backend.include_meta)
    }

    /// Asks.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn ask(&self, asked: Asked) -> Result<Answer, Fault> {
        let backend = self.backends.get(&asked.proxy).ok_or_else(|| Fault::Unknown(Arc::clone(&asked.proxy)))?;
        let asking = async {
            let _slot = self.open.acquire().await;
            self.exchange(backend, asked.body, &asked.headers).await
        };
        let late = |_| Fault::Unreachable(format!("{} did not answer within {:?}", backend.endpoint, backend.timeout));
        let answer = tokio::time::timeout(backend.timeout, asking).await.map_err(late)??;
        answer::parse(asked.event, &answer)
    }

    async fn exchange(
        &self,
        backend: &ProxySettings,
        body: Map<String, Value>,
        from: &HeaderMap,
    ) -> Result<Bytes, Fault> {
        let unreachable = |error: reqwest::Error| Fault::Unreachable(error.without_url().to_string());
        let mut headers = backend.headers.clone();
        for name in &backend.pass_headers {
            for value in from.get_all(name) {
                headers.append(name.clone(), value.clone());
            }
        }
        let body = Value::Object(body).to_string();
        let request = self.client.post(&backend.endpoint).headers(headers);
        let request = request.header("content-type", "application/json").body(body);
        let mut response = request.send().await.map_err(unreachable)?;
        if response.status().as_u16() != 200 {
            return Err(Fault::Status(response.status().as_u16()));
        }
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if answer.len() + chunk.len() > ANSWER_BYTES {
                return Err(Fault::Answer("it is too large".to_owned()));
            }
            answer.extend_from_slice(&chunk);
        }
        Ok(answer.into())
    }
}

/// Adds a text that is not empty.
pub fn put_text(body: &mut Map<String, Value>, name: &str, text: &str) {
    if !text.is_empty() {
        body.insert(name.to_owned(), Value::String(text.to_owned()));
    }
}

/// Adds JSON that is not empty.
pub fn put_raw(body: &mut Map<String, Value>, name: &str, json: &Bytes) {
    if let Ok(value) = serde_json::from_slice(json) {
        body.insert(name.to_owned(), value);
    }
}

/// Adds data of a client: as JSON, or what is none as base64.
pub fn put_data(body: &mut Map<String, Value>, data: &Bytes) {
    use base64::Engine;
    if data.is_empty() {
        return;
    }
    match serde_json::from_slice(data) {
        Ok(value) => body.insert("data".to_owned(), value),
        Err(_) => body.insert("b64data".to_owned(), base64::engine::general_purpose::STANDARD.encode(data).into()),
    };
}
