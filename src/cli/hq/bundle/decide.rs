//! `endcap hq bundle approve`, `cancel` and `revert`.

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::show::is_over;
use super::watch::Follow;
use crate::cli::hq::place::{HqPlace, text};
use crate::cli::output;

/// Arguments of `hq bundle approve`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Approve {
    /// The deployment's number
    number: u64,
    /// Only as it was at this revision
    #[arg(long, value_name = "REVISION")]
    over: Option<u64>,
    #[command(flatten)]
    follow: Follow,
    #[command(flatten)]
    place: HqPlace,
}

/// Arguments of `hq bundle cancel`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Cancel {
    /// The deployment's number
    number: u64,
    /// Only as it was at this revision
    #[arg(long, value_name = "REVISION")]
    over: Option<u64>,
    /// As one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: HqPlace,
}

/// Arguments of `hq bundle revert`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Revert {
    /// The number of the deployment that is taken back
    number: u64,
    /// Approve it as well, which takes an approver
    #[arg(long)]
    approve: bool,
    #[command(flatten)]
    follow: Follow,
    #[command(flatten)]
    place: HqPlace,
}

async fn decide(place: &HqPlace, number: u64, act: &str, body: Value) -> anyhow::Result<Value> {
    place.ask(Method::POST, &place.path(&format!("deployments/{number}/{act}")), Some(body)).await
}

impl Approve {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let body = json!({ "over": self.over });
        let approved = decide(&self.place, self.number, "approve", body).await?;
        self.follow.from(&self.place, approved).await
    }
}

impl Revert {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let body = json!({ "approve": self.approve });
        let asked = decide(&self.place, self.number, "revert", body).await?;
        self.follow.from(&self.place, asked).await
    }
}

impl Cancel {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let Self { number, over, json, place } = self;
        let cancelled = decide(&place, number, "cancel", json!({ "over": over })).await?;
        if json {
            return output::json(&cancelled);
        }
        let state = text(&cancelled, "state");
        if is_over(&cancelled) && state != "cancelled" {
            output::note(&format!(
                "deployment {number} was {state} already; `endcap hq bundle revert {number}` takes it back"
            ));
        }
        Ok(output::line(&format!("{number}  {state}"))?)
    }
}
