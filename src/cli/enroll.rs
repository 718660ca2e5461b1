//! `endcap enroll`: this box becomes a node of headquarters.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::Method;
use serde_json::Value;

use super::arguments::Common;
use super::output;
use super::place::{client, exchange};
use crate::config;
use crate::hq::enrolment::{Identity, Request, make_request, write_identity};

const EXAMPLES: &str = "\
Examples:
  endcap enroll --hq https://hq.example --token ecl_…
  endcap enroll --hq https://hq.example --token ecl_… --authority authority.pem

The token comes from `endcap hq enroll-token STORE BOX` at HQ; it works once. The key is made here and
never leaves this box.";

/// Arguments of `enroll`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Enroll {
    /// Address of HQ
    #[arg(long, value_name = "URL", env = "ENDCAP_HQ")]
    hq: String,
    /// The token; better in ENDCAP_CLAIM, as others can see a command's arguments
    #[arg(long, env = "ENDCAP_CLAIM", hide_env_values = true)]
    token: String,
    /// Believe this authority only (PEM), as HQ's authority.pem
    #[arg(long, value_name = "FILE")]
    authority: Option<PathBuf>,
    /// Enrol anew where this box is a node already
    #[arg(long)]
    again: bool,
}

impl Enroll {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<()> {
        let folder = config::load(&common.sources())?.data_dir.join("identity");
        if folder.exists() && !self.again {
            bail!("this box is enrolled already, see {}; --again enrols it anew", folder.display());
        }
        if !self.hq.starts_with("https://") && !is_near(&self.hq) {
            bail!("{}: the token would cross the network in clear; HQ is asked over https", self.hq);
        }
        let (key, request) = make_request()?;
        let asked = Request { claim: Some(self.token.clone()), request, proof: None };
        let identity = self.ask(&asked).await?;
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        write_identity(&folder, &self.hq, &key, &identity)?;
        output::note(&format!("this box is {} now; its identity is in {}", identity.place, folder.display()));
        Ok(output::line(&identity.place)?)
    }

    async fn ask(&self, asked: &Request) -> anyhow::Result<Identity> {
        let read = |path: &Path| {
            std::fs::read(path).with_context(|| format!("reading {}", path.display()))
        };
        let authority = self.authority.as_deref().map(read).transpose()?;
        let client = client(authority.as_deref())?;
        let url = format!("{}/hq/v1/enrol", self.hq.trim_end_matches('/'));
        let body = serde_json::to_string(asked)?;
        let answer: Value = exchange(&client, None, Method::POST, &url, |request| {
            request.header("content-type", "application/json").body(body)
        })
        .await?;
        serde_json::from_value(answer).context("HQ's answer is no identity")
    }
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
