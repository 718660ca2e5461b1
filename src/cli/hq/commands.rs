//! `endcap hq cmd`.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::place::{HqPlace, rows, text};
use crate::cli::output;

/// Between two looks at what became of a command.
const LOOK: Duration = Duration::from_millis(500);

/// Arguments of `hq cmd`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Cmd {
    /// A box as store/box, or a group
    target: String,
    /// What to do
    name: String,
    /// With what, as name=value; whole numbers, true and false are taken as such
    arguments: Vec<String>,
    /// Seconds that it waits for a box that is away
    #[arg(long, default_value_t = 3600)]
    expires: u64,
    /// Wait until every box has answered, and fail where one did not do it
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    place: HqPlace,
}

impl Cmd {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        let place = &self.place;
        let body = json!({
            "target": place.target(&self.target),
            "name": self.name,
            "arguments": arguments(&self.arguments)?,
            "expires_in_s": self.expires,
        });
        let answer = place.ask(Method::POST, &place.path("commands"), Some(body)).await?;
        let ids: Vec<&str> = rows(&answer, "ids").iter().filter_map(Value::as_str).collect();
        if self.wait {
            return self.wait_for(&ids).await;
        }
        ids.iter().try_for_each(|id| output::line(id))?;
        Ok(())
    }

    async fn wait_for(&self, ids: &[&str]) -> anyhow::Result<()> {
        let end = Instant::now() + Duration::from_secs(self.expires);
        loop {
            let path = self.place.path("commands?limit=500");
            let page = self.place.ask(Method::GET, &path, None).await?;
            let given: Vec<&Value> =
                rows(&page, "data").iter().filter(|row| ids.contains(&text(row, "id"))).collect();
            let over = |row: &&&Value| {
                matches!(text(row, "outcome"), "done" | "failed" | "expired" | "refused")
            };
            if given.len() == ids.len() && given.iter().filter(over).count() == ids.len() {
                return tell(&given);
            }
            if Instant::now() >= end {
                bail!("not every box answered within {} s", self.expires);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn tell(given: &[&Value]) -> anyhow::Result<()> {
    for row in given {
        let details = row.get("details").map(Value::to_string).unwrap_or_default();
        output::line(&format!("{}  {}  {details}", text(row, "place"), text(row, "outcome")))?;
    }
    let failed = given.iter().filter(|row| text(row, "outcome") != "done").count();
    if failed > 0 {
        bail!("{failed} of {} boxes did not do it", given.len());
    }
    Ok(())
}

fn arguments(pairs: &[String]) -> anyhow::Result<Value> {
    let mut fields = Map::new();
    for pair in pairs {
        let (name, text) = pair
            .split_once('=')
            .with_context(|| format!("`{pair}` is not of the form name=value"))?;
        let value = match text {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            text => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
        };
        fields.insert(name.to_owned(), value);
    }
    Ok(Value::Object(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_as_what_they_look_like() {
        let pairs = ["a=1", "b=true", "c=x=y", "d="].map(str::to_owned);
        let read = arguments(&pairs).unwrap();
        assert_eq!(read, json!({ "a": 1, "b": true, "c": "x=y", "d": "" }));
        assert!(arguments(&["a".to_owned()]).unwrap_err().to_string().contains("name=value"));
    }
}
