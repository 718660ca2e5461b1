//! Commands that talk to a running server: which packages are in memory, and under which names.

use anyhow::bail;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::output;
use crate::cli::place::Place;
use crate::config::Sources;
use crate::units::Bytes;

/// What is asked of a running server.
#[derive(Debug, Subcommand)]
pub(super) enum Running {
    /// Show which packages of a running server are in memory.
    Ps {
        #[command(flatten)]
        place: Place,
    },
    /// Bring a package into the memory of a running server.
    Load {
        /// Name of an installed model.
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Take a package out of the memory of a running server, once its requests are done.
    Unload {
        /// Name of an installed model.
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Keep a package in the memory of a running server whatever happens, also after a restart.
    Pin {
        /// Name of an installed model.
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Let a package leave memory when others need the room.
    Unpin {
        /// Name of an installed model.
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Show, set or remove a name for one or more packages of a running server.
    #[command(after_help = "Examples:
  endcap models alias                                  all aliases
  endcap models alias chat smollm2-135m-instruct
  endcap models alias chat old=9 new=1                 a tenth of the requests goes to `new`
  endcap models alias chat --remove")]
    Alias {
        /// The name; without it, all are shown.
        name: Option<String>,
        /// Packages, each with its weight where there are several.
        #[arg(value_name = "PACKAGE[=WEIGHT]", value_parser = share)]
        packages: Vec<Value>,
        /// Take back what was set for the name.
        #[arg(long, requires = "name", conflicts_with = "packages")]
        remove: bool,
        #[command(flatten)]
        place: Place,
    },
}

fn share(text: &str) -> Result<Value, String> {
    let Some((package, weight)) = text.split_once('=') else {
        return Ok(json!({ "package": text }));
    };
    let weight: u32 = weight.parse().map_err(|_| format!("`{weight}` is no weight such as 9"))?;
    Ok(json!({ "package": package, "weight": weight }))
}

impl Running {
    /// Asks, and shows the answer as JSON or as text.
    pub(super) async fn run(self, sources: &Sources, as_json: bool) -> anyhow::Result<()> {
        let (place, method, path, body) = self.question()?;
        let answer = place.ask(sources, method, &path, body).await?;
        if as_json {
            return output::json(&answer);
        }
        match (answer.get("models"), answer.get("aliases")) {
            (Some(models), _) => output::line(&table(models, &answer)),
            (_, Some(aliases)) => output::line(&names(aliases)),
            _ => output::line(&row(&answer).join("  ")),
        }?;
        Ok(())
    }

    fn question(self) -> anyhow::Result<(Place, Method, String, Option<Value>)> {
        let act = |name: &str, act: &str| format!("/store/v1/models/{name}/{act}");
        let alias = |name: &str| format!("/store/v1/aliases/{name}");
        Ok(match self {
            Self::Ps { place } => (place, Method::GET, "/store/v1/models".to_owned(), None),
            Self::Load { name, place } => (place, Method::POST, act(&name, "load"), None),
            Self::Unload { name, place } => (place, Method::POST, act(&name, "unload"), None),
            Self::Pin { name, place } => (place, Method::POST, act(&name, "pin"), None),
            Self::Unpin { name, place } => (place, Method::POST, act(&name, "unpin"), None),
            Self::Alias { name: None, place, .. } => {
                (place, Method::GET, "/store/v1/aliases".to_owned(), None)
            }
            Self::Alias { name: Some(name), remove: true, place, .. } => {
                (place, Method::POST, format!("{}/remove", alias(&name)), None)
            }
            Self::Alias { name: Some(name), packages, place, .. } => {
                if packages.is_empty() {
                    bail!("name the packages of `{name}`, or --remove");
                }
                (place, Method::POST, alias(&name), Some(json!({ "packages": packages })))
            }
        })
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, field: &str) -> u64 {
    value.get(field).and_then(Value::as_u64).unwrap_or_default()
}

/// A package: name, state, size, and what else there is to say.
fn row(model: &Value) -> Vec<String> {
    let mut notes = Vec::new();
    if model.get("pinned").and_then(Value::as_bool) == Some(true) {
        notes.push("pinned".to_owned());
    }
    for (field, unit) in [("in_flight", "in flight"), ("waiting", "waiting")] {
        let count = number(model, field);
        if count > 0 {
            notes.push(format!("{count} {unit}"));
        }
    }
    if let Some(idle_s) = model.get("idle_s").and_then(Value::as_f64) {
        notes.push(format!("used {idle_s:.0} s ago"));
    }
    if let Some(failure) = model.get("failure").and_then(Value::as_str) {
        notes.push(failure.to_owned());
    }
    let size = Bytes(number(model, "bytes")).to_string();
    vec![text(model, "name").to_owned(), text(model, "state").to_owned(), size, notes.join(", ")]
}

fn table(models: &Value, answer: &Value) -> String {
    let rows: Vec<_> = models.as_array().into_iter().flatten().map(row).collect();
    let width = |at: usize| {
        rows.iter().filter_map(|row| row.get(at)).map(String::len).max().unwrap_or_default()
    };
    let (name, state, size) = (width(0), width(1), width(2));
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| match row.as_slice() {
            [a, b, c, d] => format!("{a:name$}  {b:state$}  {c:>size$}  {d}").trim_end().to_owned(),
            _ => String::new(),
        })
        .collect();
    lines.push(budget(answer));
    lines.join("\n")
}

/// All of it, and what of it is not for models.
fn budget(answer: &Value) -> String {
    let held = answer.get("held_bytes").and_then(Value::as_object);
    let held = held.into_iter().flatten().filter_map(|(name, bytes)| Some((name, bytes.as_u64()?)));
    let held: Vec<_> = held.map(|(name, bytes)| format!("{name} {}", Bytes(bytes))).collect();
    let whole = format!("budget {}", Bytes(number(answer, "budget_bytes")));
    if held.is_empty() { whole } else { format!("{whole}, of it {}", held.join(", ")) }
}

fn names(aliases: &Value) -> String {
    let shares = |alias: &Value| {
        let packages = alias.get("packages").and_then(Value::as_array);
        let share =
            |share: &Value| format!("{}={}", text(share, "package"), number(share, "weight"));
        packages.into_iter().flatten().map(share).collect::<Vec<_>>().join(" ")
    };
    let line = |alias: &Value| format!("{}  {}", text(alias, "name"), shares(alias));
    let lines: Vec<_> = aliases.as_array().into_iter().flatten().map(line).collect();
    if lines.is_empty() { "there is no alias".to_owned() } else { lines.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_package_and_perhaps_a_weight() {
        assert_eq!(share("old"), Ok(json!({ "package": "old" })));
        assert_eq!(share("old=9"), Ok(json!({ "package": "old", "weight": 9 })));
        assert!(share("old=many").is_err() && share("old=-1").is_err());
    }

    #[test]
    fn a_listing_says_what_matters() {
        let model = json!({
            "name": "tiny", "state": "loaded", "bytes": 2048, "pinned": true, "in_flight": 2,
            "waiting": 0, "idle_s": 4.2, "failure": null,
        });
        let answer = json!({
            "models": [model], "budget_bytes": 1 << 30, "held_bytes": { "facts": 1 << 20, "index": 2048 },
        });
        assert_eq!(
            table(&answer["models"], &answer),
            "tiny  loaded  2.0 KiB  pinned, 2 in flight, used 4 s ago\n\
             budget 1.0 GiB, of it facts 1.0 MiB, index 2.0 KiB"
        );
        let aliases = json!([{ "name": "chat", "packages": [{ "package": "old", "weight": 9 }] }]);
        assert_eq!(names(&aliases), "chat  old=9");
        assert_eq!(names(&json!([])), "there is no alias");
    }
}
