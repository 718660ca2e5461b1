//! `endcap hq bundle status`.

use clap::Args;
use reqwest::Method;

use super::show::{nodes, of_deployment, of_node};
use super::watch::Follow;
use crate::cli::hq::place::{HqPlace, rows};
use crate::cli::output;

/// Arguments of `hq bundle status`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Status {
    /// The deployment's number; without, all are listed
    number: Option<u64>,
    #[command(flatten)]
    follow: Follow,
    #[command(flatten)]
    place: HqPlace,
}

impl Status {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let Self { number, follow, place } = self;
        let Some(number) = number else { return all(&place, follow.json).await };
        let path = place.path(&format!("deployments/{number}"));
        let deployment = place.ask(Method::GET, &path, None).await?;
        if follow.watch || follow.json {
            return follow.from(&place, deployment).await;
        }
        output::line(&of_deployment(&deployment))?;
        for node in nodes(&place, number).await? {
            output::line(&of_node(&node))?;
        }
        Ok(())
    }
}

async fn all(place: &HqPlace, json: bool) -> anyhow::Result<()> {
    let page = place.ask(Method::GET, &place.path("deployments?limit=100"), None).await?;
    let deployments = rows(&page, "data");
    if json {
        return output::json(&deployments);
    }
    if deployments.is_empty() {
        output::note(
            "nothing was deployed; `endcap hq bundle deploy BUNDLE --store STORE` asks for it",
        );
    }
    deployments.iter().try_for_each(|one| Ok(output::line(&of_deployment(one))?))
}
