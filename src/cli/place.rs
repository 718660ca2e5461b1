//! A running server, asked over HTTP.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;
use reqwest::{Certificate, Client, ClientBuilder, Method, RequestBuilder};
use serde_json::Value;
use tokio_rustls::rustls;

use super::context::{Context, Known};
use crate::config::{self, Sources};

/// Until a server takes the connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A large package that is packed for the first time takes minutes.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Where the server is and who asks.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// Address of the server [default: that of a running demo, else http:// and the configured
    /// server.listen]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// An admin token; better in ENDCAP_TOKEN, as others can see a command's arguments. A running
    /// demo's is known
    #[arg(long)]
    token: Option<String>,
}

impl Place {
    /// What the server answers, or why it does not.
    pub(super) async fn ask(
        &self,
        sources: &Sources,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<Value> {
        self.send(sources, method, path, |request| with_json(request, body)).await
    }

    /// The same with a request that the caller completes.
    pub(super) async fn send(
        &self,
        sources: &Sources,
        method: Method,
        path: &str,
        complete: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> anyhow::Result<Value> {
        let (url, token) = self.address(sources, path)?;
        exchange(&client(None)?, Some(&token), method, &url, complete).await
    }

    /// What is known of a running demo, where no other server is named.
    pub(super) fn context(&self, sources: &Sources) -> anyhow::Result<Context> {
        match self.server {
            Some(_) => Ok(Context::default()),
            None => Context::read(&config::load(sources)?.data_dir),
        }
    }

    /// Where a path is, and who asks.
    pub(super) fn address(
        &self,
        sources: &Sources,
        path: &str,
    ) -> anyhow::Result<(String, String)> {
        let (server, known) = match (&self.server, self.context(sources)?.server) {
            (Some(server), _) => (server.clone(), None),
            (None, Some(Known { url, token })) => (url, Some(token)),
            (None, None) => (format!("http://{}", config::load(sources)?.server.listen), None),
        };
        let token = self.token.as_deref().or(sources.token()).or(known.as_deref()).context(
            "an admin token is needed, in ENDCAP_TOKEN; `endcap token create --role admin` makes one",
        )?;
        Ok((format!("{}{path}", server.trim_end_matches('/')), token.to_owned()))
    }
}

impl Place {
    /// The server's answer to be read piece by piece, or why there is none.
    pub(super) async fn open(
        &self,
        sources: &Sources,
        path: &str,
    ) -> anyhow::Result<reqwest::Response> {
        let (url, token) = self.address(sources, path)?;
        let request = client(None)?.get(&url).bearer_auth(token);
        let answer = request.send().await.with_context(|| format!("asking {url}"))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let text = answer.text().await.with_context(|| format!("reading from {url}"))?;
        Err(refused(&url, status, &text))
    }
}

/// A request with this body, or with none.
pub(super) fn with_json(request: RequestBuilder, body: Option<Value>) -> RequestBuilder {
    match body {
        Some(body) => request.header("content-type", "application/json").body(body.to_string()),
        None => request,
    }
}

/// A client for servers on this box or beside it. Where an authority is named (PEM), it alone is believed.
pub(super) fn client(authority: Option<&[u8]>) -> anyhow::Result<Client> {
    // An error means that the program has chosen one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = builder();
    if let Some(pem) = authority {
        let certificate =
            Certificate::from_pem(pem).context("reading the authority's certificate")?;
        builder = builder.tls_built_in_root_certs(false).add_root_certificate(certificate);
    }
    Ok(builder.build()?)
}

/// A client that speaks TLS like this.
pub(super) fn client_with(tls: &rustls::ClientConfig) -> anyhow::Result<Client> {
    Ok(builder().use_preconfigured_tls(tls.clone()).build()?)
}

fn builder() -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("endcap/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .no_proxy()
}

/// Asks a server; what it answers as JSON, or why it does not.
pub(super) async fn exchange(
    client: &Client,
    token: Option<&str>,
    method: Method,
    url: &str,
    complete: impl FnOnce(RequestBuilder) -> RequestBuilder,
) -> anyhow::Result<Value> {
    let mut request = client.request(method, url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = complete(request).send().await.with_context(|| format!("asking {url}"))?;
    let status = answer.status();
    let text = answer.text().await.with_context(|| format!("reading from {url}"))?;
    if status.is_success() {
        return Ok(serde_json::from_str(&text).unwrap_or_default());
    }
    Err(refused(url, status, &text))
}

/// Why a server does not do it.
fn refused(url: &str, status: reqwest::StatusCode, text: &str) -> anyhow::Error {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    match value.pointer("/error/message").and_then(Value::as_str) {
        Some(message) => anyhow!("{message}"),
        None => anyhow!("{url} answered {status}"),
    }
}
