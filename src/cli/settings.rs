//! Settings as people type them: `NAME=VALUE`.

use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};

use crate::units::Bytes;

/// Which settings there are, for help.
pub(super) const NAMES: &str = "\
Settings: blocked_terms=a,b  default_language=de  cache.ask=off|exact|semantic (chat, copy, too)
  install_hours=22:00-05:00,…  wan_bytes_per_day=\"5 GiB\"  log_level=error|warn|info|debug
  device_profiles=@FILE
An empty list: blocked_terms=";

/// A document of settings.
pub(super) fn document(settings: &[String]) -> anyhow::Result<Map<String, Value>> {
    let mut document = Map::new();
    for setting in settings {
        set(&mut document, setting)?;
    }
    Ok(document)
}

/// Sets `NAME=VALUE` in a document.
pub(super) fn set(document: &mut Map<String, Value>, setting: &str) -> anyhow::Result<()> {
    let (name, text) = setting
        .split_once('=')
        .with_context(|| format!("`{setting}` is no setting such as log_level=debug"))?;
    let (name, text) = (name.trim(), text.trim());
    if let Some(route) = name.strip_prefix("cache.") {
        let routes = document.entry("cache").or_insert_with(|| json!({}));
        let routes = routes.as_object_mut().context("`cache` of the document is no object")?;
        routes.insert(route.to_owned(), text.into());
        return Ok(());
    }
    document.insert(name.to_owned(), value(name, text)?);
    Ok(())
}

/// Takes a setting out of a document; `false` where it was not there.
pub(super) fn unset(document: &mut Map<String, Value>, name: &str) -> bool {
    let Some(route) = name.strip_prefix("cache.") else { return document.remove(name).is_some() };
    let routes = document.get_mut("cache").and_then(Value::as_object_mut);
    routes.is_some_and(|routes| routes.remove(route).is_some())
}

fn value(name: &str, text: &str) -> anyhow::Result<Value> {
    let listed = || text.split(',').map(str::trim).filter(|item| !item.is_empty());
    Ok(match name {
        "blocked_terms" => listed().collect::<Vec<_>>().into(),
        "install_hours" => Value::Array(listed().map(hours).collect::<anyhow::Result<_>>()?),
        "wan_bytes_per_day" => text.parse::<Bytes>()?.0.into(),
        "default_language" | "log_level" => text.into(),
        "device_profiles" => match text.strip_prefix('@') {
            Some(path) => {
                std::fs::read_to_string(path).with_context(|| format!("reading {path}"))?.into()
            }
            None => bail!("profiles are named by their file, as device_profiles=@profiles.toml"),
        },
        _ => bail!("`{name}` is no setting that changes while a server runs\n{NAMES}"),
    })
}

fn hours(text: &str) -> anyhow::Result<Value> {
    let parts = text.split_once('-');
    let (from, until) = parts.with_context(|| format!("`{text}` is no span as 22:00-05:00"))?;
    Ok(json!({ "from": from.trim(), "until": until.trim() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::documents::ConfigDoc;

    #[test]
    fn every_setting_can_be_typed() {
        let typed = [
            "blocked_terms=cheapest, best",
            "default_language=de",
            "cache.ask=off",
            "cache.chat=exact",
            "install_hours=22:00-05:00",
            "wan_bytes_per_day=1 GiB",
            "log_level=debug",
        ];
        let document = document(&typed.map(str::to_owned)).unwrap();
        let parsed = ConfigDoc::parse(Value::Object(document).to_string().as_bytes()).unwrap();
        assert_eq!(parsed.sets().len(), 6, "{parsed:?}");
        assert_eq!(parsed.wan_bytes_per_day, Some(1 << 30));
        for wrong in ["log_level", "engine.threads=2", "wan_bytes_per_day=lots", "install_hours=9"]
        {
            assert!(super::document(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_setting_is_taken_out_by_its_name() {
        let mut document = document(&["cache.ask=off".into(), "log_level=warn".into()]).unwrap();
        assert!(unset(&mut document, "cache.ask") && !unset(&mut document, "cache.ask"));
        assert!(unset(&mut document, "log_level") && !unset(&mut document, "log_level"));
        assert_eq!(Value::Object(document), json!({ "cache": {} }));
    }
}
