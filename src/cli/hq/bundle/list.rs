//! `endcap hq bundle list`.

use clap::Args;
use reqwest::Method;
use serde_json::Value;

use crate::cli::hq::place::{HqPlace, ago, number, rows, text};
use crate::cli::output;
use crate::units::Bytes;

/// Arguments of `hq bundle list`.
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// As one JSON array
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: HqPlace,
}

impl List {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let path = self.place.path("bundles?limit=500");
        let page = self.place.ask(Method::GET, &path, None).await?;
        let bundles = rows(&page, "data");
        if self.json {
            return output::json(&bundles);
        }
        if bundles.is_empty() {
            output::note("no bundle is published; `endcap hq bundle publish FILE` makes one known");
        }
        bundles.iter().try_for_each(|bundle| Ok(output::line(&shown(bundle))?))
    }
}

fn shown(bundle: &Value) -> String {
    let parts: Vec<&str> = rows(bundle, "parts").iter().filter_map(Value::as_str).collect();
    let digest = text(bundle, "digest");
    format!(
        "{:24}  {}  {:>10}  {}  by {}, {}",
        text(bundle, "id"),
        digest.get(..12).unwrap_or(digest),
        Bytes(number(bundle, "files_bytes")).to_string(),
        parts.join(", "),
        text(bundle, "author"),
        ago(number(bundle, "created_ms")),
    )
}
