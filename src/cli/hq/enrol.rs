//! `endcap hq enroll-token`.

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
