//! The settings that HQ may set, too: what stands here lies below HQ's document.

use super::kinds;
use super::raw::{Given, Reader};
use super::sections::bytes_or;
use crate::cache::{self, Tiers};
use crate::protocol::documents::{CacheTiers, ConfigDoc, InstallHours};
use crate::protocol::limits::{MAX_BLOCKED_TERMS, MAX_LISTED};
use crate::protocol::{List, Text};
use crate::skills::clerk;

/// Settings of HQ's document, and those of the configuration that lie below them.
pub(super) const NAMES: [(&str, &str); 10] = [
    ("blocked_terms", "skills.blocked_terms"),
    ("cache.ask", "cache.ask"),
    ("cache.chat", "cache.chat"),
    ("cache.concierge", "cache.concierge"),
    ("cache.copy", "cache.copy"),
    ("default_language", "skills.language"),
    ("device_profiles", "firmware.profiles"),
    ("install_hours", "store.install_hours"),
    ("log_level", "log.filter"),
    ("wan_bytes_per_day", "line.wan_per_day"),
];

/// The lowest layer of the settings that HQ may set.
pub(super) fn read(
    reader: &mut Reader<'_>,
    skills: &clerk::Settings,
    cache: &cache::Config,
) -> ConfigDoc {
    let route = |(name, tiers): (&String, &Tiers)| Some((name.parse().ok()?, kept(*tiers)));
    ConfigDoc {
        blocked_terms: Some(blocked(reader, skills)),
        default_language: Some(Text::cut(skills.language.code())),
        cache: cache.routes.iter().filter_map(route).collect(),
        install_hours: reader.read("store.install_hours", None, hours, show_hours),
        wan_bytes_per_day: bytes_or(reader, "line.wan_per_day", "no limit", 0..=1 << 50),
        log_level: None,
        // Those of the file lie over HQ's, layer by layer, and not below.
        device_profiles: None,
    }
}

fn kept(tiers: Tiers) -> CacheTiers {
    match tiers {
        Tiers::Off => CacheTiers::Off,
        Tiers::Exact => CacheTiers::Exact,
        Tiers::Semantic => CacheTiers::Semantic,
    }
}

fn blocked(
    reader: &mut Reader<'_>,
    skills: &clerk::Settings,
) -> List<Text<128>, MAX_BLOCKED_TERMS> {
    let terms = skills.blocked_terms.iter().map(|term| Text::new(term.as_str()));
    let terms = terms.collect::<Result<Vec<Text<128>>, _>>().and_then(List::new);
    let setting = "skills.blocked_terms";
    match terms {
        Ok(terms) if terms.iter().any(|term| term.trim().is_empty()) => {
            reader.refuse(setting, "an empty term is in every text");
            List::default()
        }
        Ok(terms) => terms,
        Err(fault) => {
            reader.refuse(setting, fault.to_string());
            List::default()
        }
    }
}

/// Spans of the day, as `22:00-05:00`; an empty list is any time.
fn hours(given: &Given) -> Result<Option<List<InstallHours, MAX_LISTED>>, String> {
    let span = |text: &String| {
        let wrong = || format!("`{text}` is no span of the day such as 22:00-05:00");
        let (from, until) = text.split_once('-').ok_or_else(wrong)?;
        let part = |text: &str| text.trim().parse().map_err(|_| wrong());
        let span = InstallHours { from: part(from)?, until: part(until)? };
        if span.from == span.until { Err(wrong()) } else { Ok(span) }
    };
    let spans = kinds::list(given)?.iter().map(span).collect::<Result<Vec<_>, _>>()?;
    List::new(spans).map(Some).map_err(|fault| fault.to_string())
}

fn show_hours(hours: &Option<List<InstallHours, MAX_LISTED>>) -> String {
    let spans = hours.iter().flat_map(|hours| hours.iter());
    let spans: Vec<_> = spans.map(|span| format!("{}-{}", span.from, span.until)).collect();
    if spans.is_empty() { "any time".to_owned() } else { spans.join(", ") }
}
