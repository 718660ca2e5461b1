//! `endcap hq bundle deploy`.

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::Method;
use serde_json::json;

use super::watch::Follow;
use crate::cli::hq::place::HqPlace;

/// Arguments of `hq bundle deploy`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Deploy {
    /// Id or digest of a published bundle
    bundle: String,
    #[command(flatten)]
    whom: Whom,
    /// Approve it as well, which takes an approver
    #[arg(long)]
    approve: bool,
    /// How long it may take once it has begun, as 90s, 30m, 12h or 3d [default: as long as the bundle
    /// gives its boxes]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    within: Option<u64>,
    /// Boxes that may be bad before the rest is set back
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    max_bad: u64,
    /// Only where this is the newest deployment of the same target, 0 for none
    #[arg(long, value_name = "NUMBER")]
    over: Option<u64>,
    #[command(flatten)]
    follow: Follow,
    #[command(flatten)]
    place: HqPlace,
}

/// For whom.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Whom {
    /// All boxes of a store
    #[arg(long)]
    store: Option<String>,
    /// One box, as store/box
    #[arg(long = "box", value_name = "STORE/BOX")]
    node: Option<String>,
    /// All boxes of a group
    #[arg(long)]
    group: Option<String>,
    /// All boxes of all stores
    #[arg(long)]
    all: bool,
}

impl Whom {
    /// As HQ calls it.
    fn target(&self, tenant: &str) -> String {
        match (&self.store, &self.node, &self.group) {
            (Some(store), ..) => format!("{tenant}/{store}"),
            (_, Some(node), _) => format!("{tenant}/{node}"),
            (.., Some(group)) => format!("{tenant}/grp/{group}"),
            _ => tenant.to_owned(),
        }
    }
}

impl Deploy {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        if self.whom.node.as_ref().is_some_and(|node| !node.contains('/')) {
            bail!("--box is STORE/BOX");
        }
        let place = &self.place;
        let body = json!({
            "bundle": self.bundle,
            "target": self.whom.target(&place.tenant),
            "within_s": self.within,
            "max_bad": self.max_bad,
            "over": self.over,
            "approve": self.approve,
        });
        let asked = place.ask(Method::POST, &place.path("deployments"), Some(body)).await?;
        self.follow.from(place, asked).await
    }
}

/// A time as people write it, in seconds.
fn seconds(text: &str) -> anyhow::Result<u64> {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let number: u64 = number.parse().context("a time is a number and s, m, h or d, as 12h")?;
    let unit = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        other => bail!("`{other}` is no unit of time; there are s, m, h and d"),
    };
    number.checked_mul(unit).context("no time is that long")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, expected) in [
            ("90", Some(90)),
            ("90s", Some(90)),
            ("30m", Some(1800)),
            ("12h", Some(43_200)),
            ("3d", Some(259_200)),
            ("h", None),
            ("3w", None),
            ("", None),
            ("99999999999999999d", None),
        ] {
            assert_eq!(seconds(text).ok(), expected, "{text}");
        }
    }
}
