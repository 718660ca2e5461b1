//! What is seen of the box and told to HQ: its models, and what its log warns of.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::notes::Notes;
use super::repeats::Repeats;
use crate::api::shelf::{Presence, Shelf};
use crate::protocol::{Fields, Level, LogLine, Message, Name, Stream, Text, Value};
use crate::telemetry::Warned;

/// How often models are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Tells HQ of warnings and errors.
pub(super) async fn warnings(mut warned: mpsc::Receiver<Warned>, notes: Notes) {
    let mut repeats = Repeats::default();
    while let Some(mut warned) = warned.recv().await {
        let Some(before) = repeats.pass(&warned, Instant::now()) else { continue };
        if before > 0 {
            warned.fields.push(("also_before", before.to_string()));
        }
        if let Some(line) = line(&warned) {
            notes.tell(Stream::Log, Message::Log(line));
        }
    }
}

fn line(warned: &Warned) -> Option<LogLine> {
    let room = ["endcap::", "endcap_"].iter().find_map(|own| warned.target.strip_prefix(own));
    let room = room.unwrap_or(warned.target);
    let field = |(name, value): &(&'static str, String)| -> Option<(Name, Value)> {
        Some((name.to_lowercase().parse().ok()?, Value::from(&**value)))
    };
    let fields: BTreeMap<_, _> = warned.fields.iter().filter_map(field).collect();
    Some(LogLine {
        level: if warned.error { Level::Error } else { Level::Warn },
        room: room.replace("::", ".").parse().or_else(|_| "other".parse()).ok()?,
        sentence: Text::cut(&warned.sentence),
        fields: Fields::new(fields).ok()?,
    })
}

/// Where a package is, as far as HQ cares.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    loaded: bool,
    version: String,
    failure: Option<String>,
}

/// Tells HQ of packages that came into memory, left it, or could not be loaded.
pub(super) async fn models(shelf: Arc<dyn Shelf>, notes: Notes) {
    let mut known = BTreeMap::new();
    loop {
        let seen: BTreeMap<String, Seen> = shelf
            .list()
            .into_iter()
            .map(|shelved| {
                let loaded = shelved.presence == Presence::Loaded;
                let (version, failure) = (shelved.about.version, shelved.failure);
                (shelved.name, Seen { loaded, version, failure })
            })
            .collect();
        for (event, name, detail) in news(&known, &seen) {
            notes.event(event, [("package", name.into()), ("detail", detail.into())]);
        }
        known = seen;
        tokio::time::sleep(LOOK).await;
    }
}

/// What changed: which event, of which package, with its version or the reason.
fn news<'a>(
    before: &'a BTreeMap<String, Seen>,
    after: &'a BTreeMap<String, Seen>,
) -> Vec<(&'static str, &'a str, &'a str)> {
    let mut news = Vec::new();
    for (name, seen) in after {
        let old = before.get(name);
        let was_loaded = old.is_some_and(|old| old.loaded && old.version == seen.version);
        match &seen.failure {
            Some(why) if old.and_then(|old| old.failure.as_ref()) != Some(why) => {
                news.push(("model.failed", &**name, &**why));
            }
            _ if seen.loaded && !was_loaded => {
                news.push(("model.loaded", &**name, &*seen.version));
            }
            _ if !seen.loaded && old.is_some_and(|old| old.loaded) => {
                news.push(("model.left", &**name, &*seen.version));
            }
            _ => {}
        }
    }
    let gone = before.iter().filter(|(name, old)| old.loaded && !after.contains_key(*name));
    news.extend(gone.map(|(name, old)| ("model.left", &**name, &*old.version)));
    news
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(loaded: bool, version: &str, failure: Option<&str>) -> Seen {
        Seen { loaded, version: version.to_owned(), failure: failure.map(str::to_owned) }
    }

    #[test]
    fn only_what_changed_of_models_is_told() {
        let one = |seen: Seen| BTreeMap::from([("tiny".to_owned(), seen)]);
        let none = BTreeMap::new();
        let (away, loaded) = (one(seen(false, "1", None)), one(seen(true, "1", None)));
        let failed = one(seen(false, "1", Some("no room")));
        let newer = one(seen(true, "2", None));
        for (before, after, told) in [
            (&none, &away, None),
            (&none, &loaded, Some(("model.loaded", "1"))),
            (&loaded, &loaded, None),
            (&loaded, &newer, Some(("model.loaded", "2"))),
            (&loaded, &away, Some(("model.left", "1"))),
            (&loaded, &none, Some(("model.left", "1"))),
            (&away, &failed, Some(("model.failed", "no room"))),
            (&failed, &failed, None),
        ] {
            let news = news(before, after);
            let told: Vec<_> = told.into_iter().map(|(e, detail)| (e, "tiny", detail)).collect();
            assert_eq!(news, told, "{before:?} to {after:?}");
        }
    }

    #[test]
    fn a_warning_becomes_a_line_with_names_that_the_protocol_takes() {
        let warned = Warned {
            error: true,
            target: "endcap::sync::mqtt",
            sentence: "it broke".to_owned(),
            fields: vec![("why", "full".to_owned()), ("log.target", "x".to_owned())],
        };
        let line = line(&warned).unwrap();
        assert_eq!((line.level, line.room.as_str()), (Level::Error, "sync.mqtt"));
        assert_eq!(line.fields.get("why"), Some(&Value::from("full")));
        let own = Warned { target: "endcap_sync::mqtt", ..warned.clone() };
        assert_eq!(super::line(&own).unwrap().room.as_str(), "sync.mqtt");
        let odd = Warned { target: "Some-Crate", ..warned };
        assert_eq!(super::line(&odd).unwrap().room.as_str(), "other");
    }
}
