//! `endcap hq enroll-token` and `endcap hq revoke`.

use anyhow::Context as _;
use clap::Args;
use reqwest::Method;
use serde_json::json;

use super::place::{HqPlace, text};
use crate::cli::output;

/// Arguments of `hq enroll-token`.
#[derive(Debug, Args)]
pub(in crate::cli) struct EnrollToken {
    /// The store; it must be there
    store: String,
    /// The box in it
    node: String,
    /// Hours until the token is worthless
    #[arg(long, default_value_t = 24)]
    hours: u64,
    #[command(flatten)]
    place: HqPlace,
}

impl EnrollToken {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        let Self { store, node, hours, place } = self;
        let body =
            json!({ "store": store, "node": node, "expires_in_s": hours.saturating_mul(3600) });
        let answer = place.ask(Method::POST, &place.path("claims"), Some(body)).await?;
        output::note(&format!(
            "for {store}/{node}, once, within {hours} h; on the box: endcap enroll --hq URL --token TOKEN"
        ));
        Ok(output::line(text(&answer, "token"))?)
    }
}

const AFTER: &str = "\
Its certificate holds until its end: let the broker know with
  endcap hq broker-files --at DIR --mosquitto DIR --only-acl     and `kill -HUP` it.
Let a replacement enrol under another name; a new claim for this name lets the old certificate in again.";

/// Arguments of `hq revoke`.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(in crate::cli) struct Revoke {
    /// The box, as store/box
    node: String,
    #[command(flatten)]
    place: HqPlace,
}

impl Revoke {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        let (store, node) = self.node.split_once('/').context("a box is named as store/box")?;
        let path = self.place.at(&["stores", store, "nodes", node])?;
        self.place.ask(Method::DELETE, &path, None).await?;
        output::note(&format!("{store}/{node} is revoked; the broker is to be told, see --help"));
        Ok(())
    }
}
