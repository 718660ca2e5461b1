//! Over TLS a node's token counts only with the node's certificate.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::hq::enrolment::Authority;
use crate::hq::server::{ServerConfig, serve};
use crate::hq::users::Role;
use crate::http::{self, TlsFiles};
use crate::identity::{
    Identity, make_proof, make_renewal, make_request, pending_request, write_identity,
    write_renewal,
};
use crate::sync::mqtt::Credentials;
use crate::telemetry::Metrics;

const CONTENTS: &[u8] = b"hello world";

/// HQ that speaks TLS as its own authority has it.
struct House {
    hq: Arc<Hq>,
    url: String,
    folder: tempfile::TempDir,
    stop: CancellationToken,
}

/// A box that has enrolled: its folder, and a client that shows what is there.
struct Enrolled {
    folder: tempfile::TempDir,
    identity: Identity,
    client: Client,
}

/// What HQ said, and why.
type Answer = (StatusCode, String);

async fn sent(request: RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

/// A client that makes each connection anew.
fn client(authority: &Path, own: Option<&Path>) -> Client {
    let own =
        own.map(|folder| (folder.join(Credentials::CERTIFICATE), folder.join(Credentials::KEY)));
    let tls = Credentials { authority: authority.to_owned(), own }.client_config().unwrap();
    let builder = Client::builder().no_proxy().pool_max_idle_per_host(0);
    builder.use_preconfigured_tls((*tls).clone()).build().unwrap()
}

impl House {
    async fn open(life: Duration, token_alone: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path()).unwrap();
        let (certificate, key) = authority.open_door(&["127.0.0.1".to_owned()]).unwrap();
        let node_broker = Some("mqtts://hq.example".to_owned());
        let hq = HqConfig { node_broker, certificate_life: life, ..HqConfig::new(folder.path()) };
        let listen = ([127, 0, 0, 1], 0).into();
        let tls = Some(TlsFiles { certificate, key });
        let http = http::Config { listen, tls, ..http::Config::default() };
        let tenant = place().tenant;
        let config = ServerConfig { hq, http, tenant, token_alone, broker: None };
        let (tell, told) = oneshot::channel();
        let stop = CancellationToken::new();
        let metrics = Arc::new(Metrics::new().with_hq());
        let serving = serve(config, metrics, stop.clone(), |hq, started| {
            let _ = tell.send((Arc::clone(hq), started.url.clone()));
        });
        tokio::spawn(async move { serving.await.map(drop) });
        let (hq, url) = told.await.unwrap();
        let (actor, place) = (Actor::local(), place());
        hq.registry().set_store(&actor, &place.tenant, &place.store, "One").await.unwrap();
        Self { hq, url, folder, stop }
    }

    fn authority(&self) -> std::path::PathBuf {
        self.folder.path().join(Credentials::AUTHORITY)
    }

    /// A client without a certificate, as a browser is one.
    fn stranger(&self) -> Client {
        client(&self.authority(), None)
    }

    /// The box of this name enrols over the wire.
    async fn enrol(&self, node: &str) -> Enrolled {
        let place = Place { node: node.parse().unwrap(), ..place() };
        let claim = self.hq.add_claim(&Actor::local(), &place, 60_000).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (key, request) = pending_request(folder.path()).unwrap();
        let asked = serde_json::json!({ "claim": claim.token, "request": request });
        let request = self.stranger().post(format!("{}/hq/v1/enrol", self.url));
        let request = request.header("content-type", "application/json").body(asked.to_string());
        let (status, answer) = sent(request).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let identity: Identity = serde_json::from_str(&answer).unwrap();
        write_identity(folder.path(), &self.url, &key, &identity).unwrap();
        let client = client(&folder.path().join(Credentials::AUTHORITY), Some(folder.path()));
        Enrolled { folder, identity, client }
    }

    /// An artefact that HQ has, asked for with a token.
    fn artefact(&self, client: &Client, token: &str) -> RequestBuilder {
        client.get(format!("{}/artefacts/{}", self.url, Digest::of(CONTENTS))).bearer_auth(token)
    }

    async fn fetch(&self, client: &Client, token: &str) -> Answer {
        sent(self.artefact(client, token)).await
    }

    /// A person keeps the artefact here; gives their token.
    async fn person(&self) -> String {
        let token = self.hq.add_user(&Actor::local(), "Ada", Role::Operator).await.unwrap().token;
        let url = format!("{}/artefacts/{}", self.url, Digest::of(CONTENTS));
        let put = self.stranger().put(url).bearer_auth(&token).body(CONTENTS);
        assert_eq!(sent(put).await.0, StatusCode::OK);
        token
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Enrolled {
    fn key(&self) -> String {
        std::fs::read_to_string(self.folder.path().join(Credentials::KEY)).unwrap()
    }

    fn renewal(&self, house: &House, client: &Client) -> RequestBuilder {
        let body = serde_json::to_string(&make_renewal(&self.key()).unwrap()).unwrap();
        let request = client.post(format!("{}/hq/v1/renew", house.url));
        let request = request.header("content-type", "application/json").body(body);
        request.bearer_auth(&self.identity.token)
    }
}

const DAYS: Duration = Duration::from_secs(90 * 24 * 3600);

fn refused(answer: &Answer, why: &str) {
    assert_eq!(answer.0, StatusCode::UNAUTHORIZED, "{}", answer.1);
    assert!(answer.1.contains(why), "{}", answer.1);
}

#[tokio::test]
async fn a_nodes_token_counts_only_with_its_own_certificate() {
    let house = House::open(DAYS, false).await;
    let person = house.person().await;
    let (box_a, box_b) = (house.enrol("box-a").await, house.enrol("box-b").await);
    let token = &box_a.identity.token;
    let (status, body) = house.fetch(&box_a.client, token).await;
    assert_eq!((status, body.as_bytes()), (StatusCode::OK, CONTENTS));
    refused(&house.fetch(&house.stranger(), token).await, "shows none");
    refused(&house.fetch(&box_b.client, token).await, "that of somebody else");
    refused(&sent(box_a.renewal(&house, &house.stranger())).await, "shows none");
    refused(&sent(box_a.renewal(&house, &box_b.client)).await, "that of somebody else");
    // What was refused has changed nothing.
    assert_eq!(sent(box_a.renewal(&house, &box_a.client)).await.0, StatusCode::OK);
    // People have no certificate, and one that a box left with them is no harm.
    for client in [&house.stranger(), &box_b.client] {
        assert_eq!(house.fetch(client, &person).await.0, StatusCode::OK);
    }
    refused(&house.fetch(&box_a.client, "enode_guess").await, "not valid");
}

#[tokio::test]
async fn a_revoked_box_is_not_let_in_nor_a_replaced_ones_certificate() {
    let house = House::open(DAYS, false).await;
    house.person().await;
    let stolen = house.enrol("box-a").await;
    assert_eq!(house.fetch(&stolen.client, &stolen.identity.token).await.0, StatusCode::OK);
    house.hq.revoke_node(&Actor::local(), &place()).await.unwrap();
    refused(&house.fetch(&stolen.client, &stolen.identity.token).await, "revoked");
    let first = house.enrol("box-b").await;
    let next = house.enrol("box-b").await;
    assert_eq!(house.fetch(&next.client, &next.identity.token).await.0, StatusCode::OK);
    refused(&house.fetch(&first.client, &next.identity.token).await, "revoked or replaced");
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_by_clients_that_were_there_before() {
    let house = House::open(DAYS, false).await;
    house.person().await;
    let node = house.enrol("box-a").await;
    // With another key, HQ can tell the two certificates apart.
    let (key, request) = make_request().unwrap();
    let proof = make_proof(&node.key(), &request).unwrap();
    let next = house.hq.renew(&place(), &request, &proof).await.unwrap();
    std::fs::write(node.folder.path().join(Credentials::KEY), &key).unwrap();
    write_renewal(node.folder.path(), &next).unwrap();
    // The second time the key of before counts no more.
    for _ in 0..2 {
        assert_eq!(house.fetch(&node.client, &next.token).await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_certificate_that_is_over_lets_nobody_in() {
    let house = House::open(Duration::from_secs(2), false).await;
    let person = house.person().await;
    let node = house.enrol("box-a").await;
    // Certificates count whole seconds, and the last one belongs to them.
    tokio::time::sleep(Duration::from_millis(3100)).await;
    let (own, persons) = (node.identity.token.as_str(), person.as_str());
    for token in [own, persons] {
        assert!(house.artefact(&node.client, token).send().await.is_err());
    }
    assert_eq!(house.fetch(&house.stranger(), &person).await.0, StatusCode::OK);
}

#[tokio::test]
async fn behind_something_that_ends_tls_a_token_alone_counts_where_that_was_said() {
    let house = House::open(DAYS, true).await;
    house.person().await;
    let node = house.enrol("box-a").await;
    let alone = house.fetch(&house.stranger(), &node.identity.token).await;
    assert_eq!(alone.0, StatusCode::OK, "{}", alone.1);
}
