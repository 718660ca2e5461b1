//! `endcap config live|set|unset`: the settings of a running server.

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::arguments::Common;
use super::place::Place;
use super::{output, settings};
use crate::protocol::UnixMillis;

const EXAMPLES: &str = "\
Examples:
  endcap config set log_level=debug --owner Ada --reason \"slow answers\" --for 2h
  endcap config set cache.ask=off blocked_terms=cheapest,best --owner Ada --reason audit --for 7d
  endcap config unset";

/// Arguments of `config live`.
#[derive(Debug, Args)]
pub(super) struct Live {
    /// As one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Arguments of `config set`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{}\n\n{EXAMPLES}", settings::NAMES))]
pub(super) struct Set {
    /// NAME=VALUE; in place of what was laid before
    #[arg(required = true, value_name = "SETTING")]
    settings: Vec<String>,
    /// Who lays it, for people
    #[arg(long)]
    owner: String,
    /// Why, for people
    #[arg(long)]
    reason: String,
    /// After how long it ends by itself: 90m, 8h, 7d; at most 30d
    #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
    lease_s: u64,
    #[command(flatten)]
    place: Place,
}

/// Arguments of `config unset`.
#[derive(Debug, Args)]
pub(super) struct Unset {
    #[command(flatten)]
    place: Place,
}

impl Live {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<()> {
        let sources = common.sources();
        let view = self.place.ask(&sources, Method::GET, "/store/v1/config", None).await?;
        if self.json {
            return output::json(&view);
        }
        show(&view)
    }
}

impl Set {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<()> {
        let Self { settings, owner, reason, lease_s, place } = self;
        let settings = settings::document(&settings)?;
        let body = json!({
            "owner": owner, "reason": reason, "lease_s": lease_s, "settings": settings,
        });
        let path = "/store/v1/config/override";
        show(&place.ask(&common.sources(), Method::POST, path, Some(body)).await?)
    }
}

impl Unset {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<()> {
        let path = "/store/v1/config/override";
        let answer = self.place.ask(&common.sources(), Method::DELETE, path, None).await?;
        let lifted = answer.get("lifted").and_then(Value::as_bool).unwrap_or_default();
        output::note(if lifted { "taken away" } else { "nothing was laid over the settings" });
        Ok(())
    }
}

fn show(view: &Value) -> anyhow::Result<()> {
    let text = |value: &Value, field: &str| {
        value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let settings = view.get("settings").and_then(Value::as_array).context("no settings")?;
    let wide = settings.iter().map(|setting| text(setting, "name").len()).max().unwrap_or(0);
    for setting in settings {
        let are_profiles = text(setting, "name") == "device_profiles";
        let value = match setting.get("value") {
            None | Some(Value::Null) if are_profiles => "none".to_owned(),
            None | Some(Value::Null) => "not limited".to_owned(),
            Some(Value::String(text)) if are_profiles => format!("{} bytes of TOML", text.len()),
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        };
        let layer = match setting.get("version").and_then(Value::as_u64) {
            Some(version) => format!("hq, version {version}"),
            None => text(setting, "layer"),
        };
        output::line(&format!("{:wide$}  {value}  ({layer})", text(setting, "name")))?;
    }
    if let Some(local) = view.get("override").filter(|local| !local.is_null()) {
        let until = local.get("until_ms").and_then(Value::as_u64).unwrap_or_default();
        let left = left(until.saturating_sub(UnixMillis::now().0) / 1000);
        let (owner, reason) = (text(local, "owner"), text(local, "reason"));
        output::note(&format!("override of {owner}, which ends in {left}: {reason}"));
    }
    let hq = view.get("hq").filter(|hq| !hq.is_null());
    for (name, why) in hq.and_then(|hq| hq.get("not_in_force")?.as_object()).into_iter().flatten() {
        output::note(&format!("not in force: {name}: {}", why.as_str().unwrap_or_default()));
    }
    if let Some(refused) = hq.and_then(|hq| hq.get("refused")).filter(|it| !it.is_null()) {
        let version = refused.get("version").and_then(Value::as_u64).unwrap_or_default();
        output::note(&format!("version {version} of HQ was refused: {}", text(refused, "why")));
    }
    Ok(())
}

/// How long it is, for people.
fn left(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A time as people write it: `90m`, `8h`, `7d`, `45s`.
fn seconds(text: &str) -> anyhow::Result<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let each = match text.strip_prefix(digits) {
        Some("s") => 1,
        Some("m") => 60,
        Some("h") => 3600,
        Some("d") => 86_400,
        _ => bail!("`{text}` is no time such as 90m, 8h or 7d"),
    };
    let count: u64 = digits.parse().with_context(|| format!("`{text}` is no time such as 8h"))?;
    count.checked_mul(each).context("that is too long")
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn times_are_typed_with_their_unit() {
        let times = [("45s", 45), ("90m", 5400), ("8h", 28_800), ("7d", 604_800)];
        for (text, wanted) in times {
            assert_eq!(seconds(text).unwrap(), wanted);
        }
        for wrong in ["8", "h", "8w", "-1h", "1.5h", "99999999999999999d"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
