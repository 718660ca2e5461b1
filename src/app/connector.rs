//! The retailer's order system over HTTP: one `POST` for each call.
//!
//! The call is the body, as JSON; the answer is an [`OrderReply`]. `Idempotency-Key` is the same for a
//! call that comes again. Nothing is tried twice here: a shopper waits, and asks again.

use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::AppError;
use crate::config::Connector;
use crate::skills::concierge::{OrderCall, OrderReply, Orders, OrdersError};

/// Bytes of an answer.
const MAX_ANSWER_BYTES: usize = 64 << 10;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The order system.
pub(super) struct Webhook {
    client: reqwest::Client,
    connector: Connector,
}

impl Webhook {
    /// Reads the token's file; blocks on the disk.
    pub(super) fn open(connector: Connector) -> Result<Self, AppError> {
        let mut headers = HeaderMap::new();
        if let Some(path) = &connector.token_file {
            let token = std::fs::read_to_string(path)
                .map_err(|source| AppError::ConnectorToken { path: path.clone(), source })?;
            let bearer = HeaderValue::from_str(&format!("Bearer {}", token.trim()));
            let mut bearer =
                bearer.map_err(|_| AppError::Connector("the token is no header".to_owned()))?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        // Fails where one is installed already, which is just as well.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .user_agent(concat!("endcap/", env!("CARGO_PKG_VERSION")))
            .timeout(connector.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .default_headers(headers)
            .build()
            .map_err(|error| AppError::Connector(error.to_string()))?;
        Ok(Self { client, connector })
    }

    async fn ask(&self, call: OrderCall, key: String) -> Result<OrderReply, OrdersError> {
        let unreachable = |error: reqwest::Error| {
            // What was asked has no place in a log.
            OrdersError::Unreachable(error.without_url().to_string())
        };
        let body = serde_json::to_vec(&call).map_err(|e| OrdersError::Form(e.to_string()))?;
        let request = self.client.post(self.connector.address.as_str()).body(body);
        let request = request
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .header(IDEMPOTENCY_KEY, key);
        let mut answer = request.send().await.map_err(unreachable)?;
        if !answer.status().is_success() {
            return Err(OrdersError::Status { status: answer.status().as_u16() });
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_ANSWER_BYTES {
                let why = format!("it is longer than {MAX_ANSWER_BYTES} bytes");
                return Err(OrdersError::Form(why));
            }
        }
        let parsed: Result<OrderReply, _> = serde_json::from_slice(&bytes);
        // Of a fault only its kind and place: the rest may quote the answer.
        parsed.map_err(|error| {
            OrdersError::Form(format!(
                "{:?} at line {} column {}",
                error.classify(),
                error.line(),
                error.column()
            ))
        })
    }
}

impl Orders for Webhook {
    fn call<'a>(
        &'a self,
        call: OrderCall,
        key: String,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<OrderReply, OrdersError>> {
        async move {
            let asked = tokio::time::timeout_at(deadline.into(), self.ask(call, key)).await;
            asked.unwrap_or_else(|_| Err(OrdersError::Unreachable("no time is left".to_owned())))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use axum::Router;
    use axum::body::Bytes;
    use axum::http::StatusCode;
    use axum::routing::post;
    use serde_json::Value;

    use super::*;
    use crate::skills::concierge::{Action, OrderState};

    type Asked = Arc<Mutex<Vec<(HeaderMap, Value)>>>;

    /// A system that answers this to everything, and notes what it was asked.
    async fn system(status: StatusCode, answer: String) -> (String, Asked) {
        let asked = Asked::default();
        let noted = Arc::clone(&asked);
        let answer = move |headers: axum::http::HeaderMap, body: Bytes| {
            let (noted, answer) = (Arc::clone(&noted), answer.clone());
            async move {
                let body = serde_json::from_slice(&body).unwrap();
                noted.lock().unwrap().push((headers, body));
                (status, answer)
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let router = Router::new().route("/", post(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (url, asked)
    }

    async fn ask(url: &str, token: Option<&str>) -> Result<OrderReply, OrdersError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let token_file = token.map(|token| {
            std::fs::write(&path, token).unwrap();
            path
        });
        let timeout = Duration::from_millis(500);
        let connector = Connector { address: url.parse().unwrap(), token_file, timeout };
        let webhook = Webhook::open(connector).unwrap();
        let order = "1042".to_owned();
        let call = OrderCall { action: Action::Status, order, proof: None, note: None };
        let deadline = Instant::now() + Duration::from_secs(5);
        webhook.call(call, "key-1".to_owned(), deadline).await
    }

    #[tokio::test]
    async fn a_call_is_one_post_with_token_and_key() {
        let answer = r#"{"result": "status", "state": "ready", "place": "Desk 2"}"#;
        let (url, asked) = system(StatusCode::OK, answer.to_owned()).await;
        let reply = ask(&url, Some("secret\n")).await.unwrap();
        assert!(matches!(reply, OrderReply::Status { state: OrderState::Ready, .. }));
        let asked = asked.lock().unwrap();
        let (headers, body) = asked.first().unwrap();
        assert_eq!(headers["authorization"], "Bearer secret");
        assert_eq!(headers["idempotency-key"], "key-1");
        assert_eq!(*body, serde_json::json!({ "action": "status", "order": "1042" }));
    }

    #[tokio::test]
    async fn what_is_no_answer_is_an_error_that_quotes_nothing() {
        let (url, _) = system(StatusCode::OK, r#"{"result": "secret"}"#.to_owned()).await;
        let error = ask(&url, None).await.unwrap_err();
        assert!(matches!(error, OrdersError::Form(_)) && !error.to_string().contains("secret"));
        let (url, _) = system(StatusCode::INTERNAL_SERVER_ERROR, String::new()).await;
        assert_eq!(ask(&url, None).await, Err(OrdersError::Status { status: 500 }));
        let long = format!("\"{}\"", "x".repeat(MAX_ANSWER_BYTES));
        let (url, _) = system(StatusCode::OK, long).await;
        assert!(matches!(ask(&url, None).await, Err(OrdersError::Form(_))));
        assert!(matches!(ask("http://127.0.0.1:1/", None).await, Err(OrdersError::Unreachable(_))));
    }
}
