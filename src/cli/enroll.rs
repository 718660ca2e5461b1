//! `endcap enroll`: this box becomes a node of headquarters.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::{Client, Method};
use serde_json::Value;

use super::arguments::Common;
use super::output;
use super::place::{client, client_with, exchange};
use crate::config;
use crate::identity::{
    Identity, Request, make_renewal, pending_request, read_token, write_identity, write_renewal,
};
use crate::sync::Enrolment;
use crate::sync::mqtt::Credentials;

const EXAMPLES: &str = "\
Examples:
  endcap enroll --hq https://hq.example --token ecl_…
  endcap enroll --hq https://hq.example --token ecl_… --authority authority.pem
  endcap enroll --renew                        now; a running server renews by itself

The token comes from `endcap hq enroll-token STORE BOX` at HQ; it works for one box. Where the answer is
lost, the same command may be given again. The key is made here and
never leaves this box.";

/// By how much the clocks of box and HQ may differ.
const MAX_APART: Duration = Duration::from_secs(30 * 60);

/// Arguments of `enroll`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Enroll {
    /// Address of HQ; to renew, the one that this box enrolled at
    #[arg(long, value_name = "URL", env = "ENDCAP_HQ", required_unless_present = "renew")]
    hq: Option<String>,
    /// The token; better in ENDCAP_CLAIM, as others can see a command's arguments
    #[arg(
        long,
        env = "ENDCAP_CLAIM",
        hide_env_values = true,
        required_unless_present = "renew",
        conflicts_with = "renew"
    )]
    token: Option<String>,
    /// Believe this authority only (PEM), as HQ's authority.pem
    #[arg(long, value_name = "FILE")]
    authority: Option<PathBuf>,
    /// Enrol anew where this box is a node already
    #[arg(long)]
    again: bool,
    /// Get this node's next certificate, with its key
    #[arg(long, conflicts_with = "again")]
    renew: bool,
}

impl Enroll {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<()> {
        let folder = config::load(&common.sources())?.line.identity;
        if self.renew { self.renew(&folder).await } else { self.enrol(&folder).await }
    }

    async fn enrol(&self, folder: &Path) -> anyhow::Result<()> {
        if Enrolment::read(folder)?.is_some() && !self.again {
            bail!("this box is enrolled already, see {}; --again enrols it anew", folder.display());
        }
        let hq = self.hq.as_deref().context("--hq")?;
        let claim = self.token.as_deref().context("--token")?;
        let place = become_node(&self.client(hq)?, hq, claim, folder).await?;
        output::note(&format!("this box is {place} now; its identity is in {}", folder.display()));
        Ok(output::line(&place)?)
    }

    async fn renew(&self, folder: &Path) -> anyhow::Result<()> {
        let none = || format!("this box is not enrolled: {} is not there", folder.display());
        let kept = Enrolment::read(folder)?.with_context(none)?;
        let token = read_token(folder)?.with_context(none)?;
        let key = std::fs::read_to_string(folder.join(Credentials::KEY))
            .with_context(|| format!("reading the key in {}", folder.display()))?;
        let hq = self.hq.clone().or(kept.hq).context("--hq")?;
        let (client, asked) = (self.own_client(&hq, folder)?, make_renewal(&key)?);
        let identity = ask(&client, &hq, "/hq/v1/renew", Some(&token), &asked).await?;
        write_renewal(folder, &identity)?;
        output::note(&format!("{} has its next certificate", identity.place));
        Ok(())
    }

    /// A client for HQ, which is asked over https unless it is on this machine.
    fn client(&self, hq: &str) -> anyhow::Result<Client> {
        refuse_clear(hq)?;
        let read = |path: &Path| {
            std::fs::read(path).with_context(|| format!("reading {}", path.display()))
        };
        let authority = self.authority.as_deref().map(read).transpose()?;
        client(authority.as_deref())
    }

    /// A client that shows this node's certificate, and believes whom the node believes.
    fn own_client(&self, hq: &str, folder: &Path) -> anyhow::Result<Client> {
        refuse_clear(hq)?;
        let mut credentials = Credentials::in_folder(folder);
        if let Some(authority) = &self.authority {
            credentials.authority.clone_from(authority);
        }
        let tls = credentials.client_config()?;
        client_with(&tls)
    }
}

/// Makes this box the node that a claim is for, and keeps in `folder` who it is. The key is made here
/// and goes nowhere. Gives its place.
pub(super) async fn become_node(
    client: &Client,
    hq: &str,
    claim: &str,
    folder: &Path,
) -> anyhow::Result<String> {
    check_clock(client, hq).await?;
    // The key is on the disk before HQ sees it: where the answer is lost, the same claim works again.
    let (key, request) = pending_request(folder)?;
    let asked = Request { claim: Some(claim.to_owned()), request, proof: None };
    let identity = ask(client, hq, "/hq/v1/enrol", None, &asked).await?;
    write_identity(folder, hq, &key, &identity)?;
    Ok(identity.place)
}

/// Refuses a box whose clock HQ would contradict, before a claim is shown: it would not believe its
/// own certificate, nor anybody else's.
async fn check_clock(client: &Client, hq: &str) -> anyhow::Result<()> {
    let url = format!("{}/health/live", hq.trim_end_matches('/'));
    let answer = client.get(&url).send().await.with_context(|| format!("asking {url}"))?;
    let date = answer.headers().get("date").and_then(|date| date.to_str().ok());
    let Some(theirs) = date.and_then(|date| httpdate::parse_http_date(date).ok()) else {
        return Ok(()); // Something before HQ leaves it out.
    };
    let ours = SystemTime::now();
    let apart = ours.duration_since(theirs).or_else(|_| theirs.duration_since(ours));
    let apart = apart.unwrap_or_default();
    if apart > MAX_APART {
        let by = apart.as_secs() / 60;
        bail!("this box's clock and that of {hq} are {by} minutes apart; set it, then enrol");
    }
    Ok(())
}

async fn ask(
    client: &Client,
    hq: &str,
    path: &str,
    token: Option<&str>,
    asked: &Request,
) -> anyhow::Result<Identity> {
    let url = format!("{}{path}", hq.trim_end_matches('/'));
    let body = serde_json::to_string(asked)?;
    let answer: Value = exchange(client, token, Method::POST, &url, |request| {
        request.header("content-type", "application/json").body(body)
    })
    .await?;
    serde_json::from_value(answer).context("HQ's answer is no identity")
}

fn refuse_clear(hq: &str) -> anyhow::Result<()> {
    if !hq.starts_with("https://") && !is_near(hq) {
        bail!("{hq}: a token would cross the network in clear; HQ is asked over https");
    }
    Ok(())
}

/// Whether an address is on this machine, where nobody listens in.
fn is_near(url: &str) -> bool {
    let host = url.strip_prefix("http://").unwrap_or_default();
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|near| {
        host.strip_prefix(near).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    })
}

#[cfg(test)]
mod tests {
    use super::is_near;

    #[test]
    fn only_this_machine_is_near() {
        for (url, near) in [
            ("http://127.0.0.1:8090", true),
            ("http://localhost/", true),
            ("http://[::1]:1", true),
            ("http://127.0.0.1.example", false),
            ("http://hq.example", false),
            ("ftp://localhost", false),
        ] {
            assert_eq!(is_near(url), near, "{url}");
        }
    }
}
