//! `endcap hq bundle publish`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::hq::place::{HqPlace, text};
use crate::cli::output;

/// Arguments of `hq bundle publish`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Publish {
    /// The document that `bundle build` wrote
    file: PathBuf,
    /// As one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: HqPlace,
}

impl Publish {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let Self { file, json, place } = self;
        let read = || format!("reading {}", file.display());
        let document = std::fs::read_to_string(&file).with_context(read)?;
        let contents: Value = serde_json::from_str(&document).with_context(read)?;
        let body = json!({ "contents": contents });
        let bundle = place.ask(Method::POST, &place.path("bundles"), Some(body)).await?;
        if json {
            return output::json(&bundle);
        }
        Ok(output::line(&format!("{}  {}", text(&bundle, "id"), text(&bundle, "digest")))?)
    }
}
