//! Headquarters of the demo: the program of every HQ, with a store that enrolled as every store does.

use std::ffi::OsString;
use std::net::SocketAddr;

use anyhow::Context as _;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::folder::Folder;
use super::process::Process;
use super::shop;
use crate::cli::context::Known;
use crate::cli::enroll::become_node;
use crate::cli::output;
use crate::cli::place::{client, exchange};
use crate::config::Config;
use crate::hq::{Actor, Hq, HqConfig, Role};
use crate::protocol::Digest;
use crate::sync::{Enrolment, SignsAs};

pub(super) const TENANT: &str = "main";
pub(super) const STORE: &str = "high-street";
const NODE: &str = "box-1";
const CATALOGUE: &str = "main";
/// The demo's user at its HQ.
const USER: &str = "demo";
const CLAIM_LIFE_S: u64 = 600;

/// A running headquarters.
pub(super) struct Headquarters {
    process: Process,
    known: Known,
    client: Client,
    /// What it signs with, as boxes know it.
    director: Digest,
}

impl Headquarters {
    /// Starts it, with a token that is new each time.
    pub(super) async fn start(
        folder: &Folder,
        listen: SocketAddr,
        broker: &str,
    ) -> anyhow::Result<Self> {
        let (token, director) = user(folder).await?;
        let mut url = String::new();
        let first = arguments(folder, &listen.to_string(), broker);
        let process = Process::start("headquarters", first, |address| {
            address.clone_into(&mut url);
            let (_, listen) = address.split_once("://").context("the address of headquarters")?;
            Ok(arguments(folder, listen, broker))
        });
        let process = process.await?;
        let known = Known { url, token };
        Ok(Self { process, known, client: client(None)?, director })
    }

    /// Where it is, and a token for everything.
    pub(super) fn known(&self) -> &Known {
        &self.known
    }

    /// Registers the store, publishes the sample shop, lets the store enrol: each where it was not
    /// done before. Gives how many facts there are.
    pub(super) async fn open_shop(&self, folder: &Folder, config: &Config) -> anyhow::Result<u64> {
        let title = json!({ "title": "High Street" });
        self.ask(Method::PUT, &format!("stores/{STORE}"), Some(title)).await?;
        let mut facts = self.facts().await?;
        if facts == 0 {
            let path = self.path(&format!("catalogues/{CATALOGUE}/facts"));
            shop::publish(&self.client, &self.known, &path, config.facts.zone).await?;
            facts = self.facts().await?;
        }
        self.enrol(folder, &self.known.url).await?;
        Ok(facts)
    }

    async fn enrol(&self, folder: &Folder, hq: &str) -> anyhow::Result<()> {
        let identity = folder.identity();
        let ours = |kept: &Enrolment| {
            let mut keys = kept.keys.iter();
            keys.any(|known| known.role == SignsAs::Director && known.key == self.director)
        };
        if Enrolment::read(&identity)?.filter(ours).is_none() {
            let claim = json!({ "store": STORE, "node": NODE, "expires_in_s": CLAIM_LIFE_S });
            let answer = self.ask(Method::POST, "claims", Some(claim)).await?;
            let claim = answer.get("token").and_then(Value::as_str).context("a claim's token")?;
            let place = become_node(&self.client, hq, claim, &identity).await?;
            output::note(&format!("the store enrolled at HQ as {place}"));
        }
        Ok(())
    }

    /// How many facts it has published.
    async fn facts(&self) -> anyhow::Result<u64> {
        let answer = self.ask(Method::GET, "catalogues", None).await?;
        let rows = answer.get("data").and_then(Value::as_array);
        let ours = |row: &&Value| row.get("name").and_then(Value::as_str) == Some(CATALOGUE);
        let row = rows.and_then(|rows| rows.iter().find(ours));
        Ok(row.and_then(|row| row.get("facts")?.as_u64()).unwrap_or_default())
    }

    async fn ask(&self, method: Method, below: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let url = self.path(below);
        exchange(&self.client, Some(&self.known.token), method, &url, |request| match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        })
        .await
    }

    fn path(&self, below: &str) -> String {
        format!("{}/hq/v1/tenants/{TENANT}/{below}", self.known.url)
    }

    /// Looks after it.
    pub(super) async fn look(&mut self) {
        self.process.look(true).await;
    }

    /// Why it does not run.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.process.trouble()
    }

    /// Ends it.
    pub(super) async fn end(self) {
        self.process.end().await;
    }
}

fn arguments(folder: &Folder, listen: &str, broker: &str) -> Vec<OsString> {
    let hq = folder.hq().into_os_string();
    let settings = ["--listen", listen, "--broker", broker].map(OsString::from);
    let begin = ["hq", "serve", "--until-eof", "--at"].map(OsString::from);
    begin.into_iter().chain([hq]).chain(settings).collect()
}

/// Makes the demo's user anew: its token, and the key with which HQ signs.
async fn user(folder: &Folder) -> anyhow::Result<(String, Digest)> {
    let hq = Hq::open(HqConfig::new(folder.hq())).await?;
    let (local, before) = (Actor::local(), hq.users().await?);
    let made = hq.add_user(&local, USER, Role::Admin).await?;
    // Afterwards, as the last admin stays.
    for user in before.iter().filter(|user| user.name == USER) {
        hq.revoke_user(&local, &user.id).await?;
    }
    let [(_, director), _] = hq.director().public();
    Ok((made.token, Digest(director.to_bytes())))
}

/// Tells the store where broker and headquarters are this time.
pub(super) fn tell_addresses(folder: &Folder, broker: &str, hq: &str) -> anyhow::Result<()> {
    let identity = folder.identity();
    let kept = Enrolment::read(&identity)?.context("the store is not enrolled")?;
    let (broker, hq) = (broker.to_owned(), Some(hq.to_owned()));
    if kept.broker != broker || kept.hq != hq {
        Enrolment { broker, hq, ..kept }.write(&identity)?;
    }
    Ok(())
}
