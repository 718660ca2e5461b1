//! From which layer each setting is. Nothing here does I/O.

use std::collections::BTreeMap;

use serde_json::Value;

use super::layers::Layers;
use crate::protocol::documents::ConfigDoc;
use crate::reconcile::error::ReconcileError;

/// A layer, the lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// What the box was set up with.
    File,
    /// HQ's document.
    Hq,
    /// What somebody in the store laid on top.
    Override,
}

/// A setting that somebody has set.
#[derive(Debug, Clone, PartialEq)]
pub struct InForce {
    /// Its name, as `log_level` or `cache.ask`.
    pub name: String,
    /// Its value, as it stands in the document.
    pub value: Value,
    /// Where it is from.
    pub layer: Layer,
}

/// Every setting that is in force where these layers are, by name.
pub(super) fn in_force(layers: &Layers) -> Result<Vec<InForce>, ReconcileError> {
    let local = layers.local.as_ref().map(|local| &local.settings);
    let all = [
        (Layer::File, Some(&layers.file)),
        (Layer::Hq, layers.hq.as_ref()),
        (Layer::Override, local),
    ];
    let mut found = BTreeMap::new();
    for (layer, document) in all {
        for (name, value) in document.map(named).transpose()?.unwrap_or_default() {
            found.insert(name, (value, layer));
        }
    }
    let one = |(name, (value, layer))| InForce { name, value, layer };
    Ok(found.into_iter().map(one).collect())
}

/// What a document sets, by name; each route of the cache by its own.
fn named(document: &ConfigDoc) -> Result<BTreeMap<String, Value>, ReconcileError> {
    let damaged = |error: serde_json::Error| ReconcileError::Damaged {
        what: "settings",
        why: error.to_string(),
    };
    let Value::Object(fields) = serde_json::to_value(document).map_err(damaged)? else {
        return Ok(BTreeMap::new());
    };
    let mut named = BTreeMap::new();
    for (name, value) in fields {
        match value {
            Value::Object(routes) => {
                let route = |(route, value)| (format!("{name}.{route}"), value);
                named.extend(routes.into_iter().map(route));
            }
            value => {
                named.insert(name, value);
            }
        }
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protocol::{Text, UnixMillis};
    use crate::reconcile::config::Override;

    fn parse(json: &str) -> ConfigDoc {
        ConfigDoc::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn each_setting_is_told_with_the_layer_that_it_is_from() {
        let layers = Layers {
            file: parse(r#"{"log_level":"warn","cache":{"ask":"exact","chat":"off"}}"#),
            hq: Some(parse(r#"{"log_level":"info","cache":{"chat":"exact"}}"#)),
            local: Some(Override {
                owner: Text::cut("manager"),
                reason: Text::cut("stocktaking"),
                by: Text::cut("tok_1"),
                until: UnixMillis(9),
                settings: parse(r#"{"log_level":"debug","blocked_terms":["x"]}"#),
            }),
        };
        let told = in_force(&layers).unwrap().into_iter().map(|s| (s.name, s.value, s.layer));
        let wanted = [
            ("blocked_terms", json!(["x"]), Layer::Override),
            ("cache.ask", json!("exact"), Layer::File),
            ("cache.chat", json!("exact"), Layer::Hq),
            ("log_level", json!("debug"), Layer::Override),
        ];
        let wanted = wanted.map(|(name, value, layer)| (name.to_owned(), value, layer));
        assert_eq!(told.collect::<Vec<_>>(), wanted);
        let effective = layers.effective(crate::protocol::Clock::Known(UnixMillis(1)));
        let same = Layers { file: effective.settings, hq: None, local: None };
        let values = |layers| in_force(layers).unwrap().into_iter().map(|s| (s.name, s.value));
        assert!(values(&same).eq(values(&layers)), "what is told is what is in force");
    }
}
