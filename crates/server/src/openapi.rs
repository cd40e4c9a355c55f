//! `GET /openapi.json`: the HTTP interfaces, for tools that make clients of them.

use crate::node::Node;
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;

const DOCUMENT: &str = include_str!("openapi.json");

/// The path of the document.
pub fn routes() -> Router<Arc<Node>> {
    Router::new().route("/openapi.json", get(document))
}

async fn document() -> Response {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_method_of_the_api_is_described() {
        let document: serde_json::Value = serde_json::from_str(DOCUMENT).unwrap();
        let methods = crate::door::api::METHODS;
        for method in methods {
            assert!(document["paths"][format!("/api/{method}")]["post"].is_object(), "{method}");
        }
        let described = document["paths"].as_object().unwrap().keys().filter(|path| path.starts_with("/api/")).count();
        assert_eq!(described, methods.len());
    }
}
