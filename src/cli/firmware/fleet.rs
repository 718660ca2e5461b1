//! `endcap firmware-config status`.

use anyhow::Context as _;
use reqwest::Method;
use serde_json::Value;

use crate::cli::arguments::Common;
use crate::cli::output;
use crate::cli::place::Place;

pub(super) async fn status(common: &Common, place: &Place, json: bool) -> anyhow::Result<()> {
    let answer = place.ask(&common.sources(), Method::GET, "/store/v1/devices", None).await?;
    let devices = answer.get("small").context("no small devices in the answer")?;
    if json {
        return output::json(devices);
    }
    for device in devices.as_array().into_iter().flatten() {
        output::line(&row(device))?;
    }
    Ok(())
}

fn row(device: &Value) -> String {
    let text = |field: &str| device.get(field).and_then(Value::as_str).unwrap_or("-");
    let number = |field: &str| match device.get(field).and_then(Value::as_u64) {
        Some(number) => number.to_string(),
        None => "-".to_owned(),
    };
    let versions = format!("{}/{}", number("running"), number("desired"));
    let why = device.get("why").and_then(Value::as_str).unwrap_or_default();
    let (name, class, standing) = (text("name"), text("class"), text("standing"));
    format!("{name:20} {class:14} {:12} {versions:>9} {standing:11} {why}", text("zone"))
        .trim_end()
        .to_owned()
}
