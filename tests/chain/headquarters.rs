//! A real `endcap hq serve`, asked over its API and looked at in its database.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use endcap_testing::mosquitto::free_address;
use endcap_testing::proxy::Proxy;
use reqwest::{Certificate, Client, Method};
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use super::broker::Mosquitto;
use super::process::Process;
use crate::support::{endcap, run, stderr, stdout};

pub(super) const TENANT: &str = "acme";
/// The catalogue that all stores follow.
pub(super) const CATALOGUE: &str = "shop";
const PATIENCE: Duration = Duration::from_secs(60);

/// What the stores' bytes go through, where it is to be counted or meddled with.
pub(super) struct Ways {
    pub(super) line: Proxy,
    pub(super) web: Proxy,
}

/// HQ with its broker, both over TLS with certificates of HQ's authority.
pub(super) struct Headquarters {
    folder: tempfile::TempDir,
    pub(super) broker: Mosquitto,
    pub(super) process: Process,
    pub(super) ways: Option<Ways>,
    address: SocketAddr,
    token: String,
    pub(super) client: Client,
    database: SqlitePool,
}

impl Headquarters {
    /// HQ and a broker of its own, which stores reach straight.
    pub(super) async fn start() -> Self {
        Self::begin(false).await
    }

    /// The same, with stores that reach both through proxies.
    pub(super) async fn behind_proxies() -> Self {
        Self::begin(true).await
    }

    async fn begin(proxies: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("hq");
        let at = data.to_str().unwrap();
        let made = run(&["hq", "init", "--admin", "Ada", "--at", at]);
        assert!(made.status.success(), "{}", stderr(&made));
        let token = stdout(&made).trim().to_owned();
        let broker = Mosquitto::start(&data).await;
        let address = free_address();
        let mut ways = None;
        if proxies {
            let line = Proxy::before(broker.address()).await;
            ways = Some(Ways { line, web: Proxy::before(address).await });
        }
        let client = client(&std::fs::read(data.join("authority.pem")).unwrap());
        let options = SqliteConnectOptions::new().filename(data.join("hq.db")).read_only(true);
        let database = SqlitePool::connect_lazy_with(options);
        let process = serve(folder.path(), address, &broker, ways.as_ref());
        let this = Self { folder, broker, process, ways, address, token, client, database };
        this.answers().await;
        this
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("hq")
    }

    /// The certificate of who vouches for HQ and its broker.
    pub(super) fn authority(&self) -> PathBuf {
        self.data().join("authority.pem")
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// Where stores find HQ.
    pub(super) fn stores_url(&self) -> String {
        let own = self.address.port();
        let port = self.ways.as_ref().map_or(own, |ways| ways.web.port);
        format!("https://localhost:{port}")
    }

    /// Bytes of the database with what is not yet in its main file.
    pub(super) fn database_bytes(&self) -> u64 {
        let size = |name: &str| self.data().join(name).metadata().map_or(0, |file| file.len());
        size("hq.db") + size("hq.db-wal")
    }

    /// Waits until HQ answers and is at its broker.
    pub(super) async fn answers(&self) {
        let url = format!("{}/health/ready", self.url());
        let ready = async {
            loop {
                let answer = self.client.get(&url).send().await;
                if let Ok(answer) = answer
                    && let Ok(text) = answer.text().await
                    && text.contains("listening")
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, ready).await;
        assert!(waited.is_ok(), "HQ does not listen: {}", self.log());
    }

    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Started anew after it was killed.
    pub(super) fn start_again(&mut self) {
        self.process = serve(self.folder.path(), self.address, &self.broker, self.ways.as_ref());
    }

    /// What the API answers; `path` is below the tenant's.
    pub(super) async fn ask(&self, method: Method, path: &str, body: &Value) -> Value {
        let path = format!("/hq/v1/tenants/{TENANT}{path}");
        let answer = self.try_send(method, &path, "application/json", body.to_string()).await;
        answer.unwrap_or_else(|why| panic!("{path}: {why}"))
    }

    /// What the API answers, or why it does not.
    pub(super) async fn try_send(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: String,
    ) -> Result<Value, String> {
        let request = self.client.request(method, format!("{}{path}", self.url()));
        let request = request.bearer_auth(&self.token).header("content-type", kind).body(body);
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let (status, text) = (answer.status(), answer.text().await);
        let text = text.map_err(|error| error.to_string())?;
        if !status.is_success() {
            return Err(format!("{status} {text}"));
        }
        serde_json::from_str(&text).map_err(|error| error.to_string())
    }

    /// Publishes facts, one JSON object each, as an epoch.
    pub(super) async fn push(&self, facts: impl IntoIterator<Item = Value>) -> u64 {
        self.try_push(facts).await.unwrap()
    }

    /// The same; an error where HQ did not say that it has them.
    pub(super) async fn try_push(
        &self,
        facts: impl IntoIterator<Item = Value>,
    ) -> Result<u64, String> {
        let lines: String = facts.into_iter().map(|fact| format!("{fact}\n")).collect();
        let path = format!("/hq/v1/tenants/{TENANT}/catalogues/{CATALOGUE}/facts?create=true");
        let pushed = self.try_send(Method::POST, &path, "application/x-ndjson", lines).await?;
        Ok(pushed["epoch"].as_u64().unwrap())
    }

    /// A claim for the box of a store, which is made.
    pub(super) async fn claim(&self, store: &str) -> String {
        self.ask(Method::PUT, &format!("/stores/{store}"), &json!({"title": store})).await;
        let claim = json!({"store": store, "node": "box"});
        let claim = self.ask(Method::POST, "/claims", &claim).await;
        claim["token"].as_str().unwrap().to_owned()
    }

    /// A number that HQ's database has; 0 for none.
    pub(super) async fn number(&self, select: &str) -> u64 {
        let (number,): (Option<i64>,) =
            sqlx::query_as(select).fetch_one(&self.database).await.unwrap();
        number.unwrap_or_default().try_into().unwrap()
    }

    /// A text that it has.
    pub(super) async fn text(&self, select: &str) -> Option<String> {
        let row: Option<(Option<String>,)> =
            sqlx::query_as(select).fetch_optional(&self.database).await.unwrap();
        row.and_then(|(text,)| text)
    }
}

fn serve(folder: &Path, listen: SocketAddr, broker: &Mosquitto, ways: Option<&Ways>) -> Process {
    let nodes = ways.map_or(broker.url(), |ways| format!("mqtts://localhost:{}", ways.line.port));
    let mut command = endcap();
    command
        .args(["hq", "serve", "--tenant", TENANT, "--listen", &listen.to_string(), "--at"])
        .arg(folder.join("hq"))
        .args(["--node-broker", &nodes, "--broker", &broker.url(), "--credentials"])
        .arg(broker.hq_folder())
        .arg("--tls-certificate")
        .arg(broker.certificate())
        .arg("--tls-key")
        .arg(broker.key());
    Process::start(&mut command, &folder.join("log"))
}

/// A price of a product, as HQ takes it.
pub(super) fn price(number: usize, cents: u64) -> Value {
    let amount = format!("{}.{:02}", cents / 100, cents % 100);
    json!({"table": "prices", "id": format!("sku-{number:05}"),
           "fact": {"amount": amount, "currency": "EUR"}})
}

/// A client that believes one authority.
pub(super) fn client(authority: &[u8]) -> Client {
    // An error means that another test has chosen one already.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let authority = Certificate::from_pem(authority).unwrap();
    let builder = Client::builder().no_proxy().http1_only().user_agent("endcap/0.1.0");
    builder.tls_built_in_root_certs(false).add_root_certificate(authority).build().unwrap()
}
