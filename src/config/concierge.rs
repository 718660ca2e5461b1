//! The sections `[concierge]` and `[connector]`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::kinds;
use super::raw::{Given, Reader};
use super::sections::{list, path, seconds};
use super::{Connector, ConnectorAddress};
use crate::skills::concierge::House;
use crate::skills::language::Language;

/// Characters of texts that a chain chooses.
const MAX_CHARS: usize = 300;
/// How long the order system may take.
const PATIENCE: Duration = Duration::from_secs(4);
/// Greetings, by language.
const GREETING: &str = "concierge.greeting";

pub(super) fn house(reader: &mut Reader<'_>) -> House {
    House {
        name: text(reader, "concierge.name", "none"),
        tone: text(reader, "concierge.tone", "none"),
        greetings: greetings(reader),
        languages: languages(reader),
        blocked_topics: list(reader, "concierge.blocked_topics"),
        larger_model: text(reader, "concierge.larger_model", "none"),
    }
}

/// The retailer's order system; none without its address.
pub(super) fn connector(reader: &mut Reader<'_>) -> Option<Connector> {
    let parse = |given: &Given| kinds::text(given)?.parse().map(Some);
    let show = |address: &Option<ConnectorAddress>| match address {
        Some(address) => address.to_string(),
        None => "none".to_owned(),
    };
    let address = reader.read("connector.url", None, parse, show);
    let token_file = path(reader, "connector.token_file", None);
    let timeout = seconds(reader, "connector.timeout_s", PATIENCE, 0.1, 30.0);
    if address.is_none() && token_file.is_some() {
        reader.refuse("connector.token_file", "it needs connector.url as well");
    }
    Some(Connector { address: address?, token_file, timeout })
}

fn text(reader: &mut Reader<'_>, setting: &'static str, unset: &'static str) -> Option<String> {
    let parse = |given: &Given| {
        let text = kinds::text(given)?;
        checked(&text).map(Some)
    };
    reader.read(setting, None, parse, |text| text.clone().unwrap_or_else(|| unset.to_owned()))
}

/// A text of one line that is not empty and not too long.
fn checked(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err("it is empty; leave it out or write something".to_owned()),
        _ if text.chars().any(char::is_control) => Err("it has more than one line".to_owned()),
        count if count > MAX_CHARS => {
            Err(format!("{count} characters are more than the limit of {MAX_CHARS}"))
        }
        _ => Ok(text.to_owned()),
    }
}

fn greetings(reader: &mut Reader<'_>) -> BTreeMap<Language, String> {
    let found = reader.read_group(GREETING, |given| checked(&kinds::text(given)?), Clone::clone);
    let mut greetings = BTreeMap::new();
    for (code, text) in found {
        match language(&code) {
            Ok(language) => drop(greetings.insert(language, text)),
            Err(why) => reader.refuse(GREETING, why),
        }
    }
    greetings
}

fn languages(reader: &mut Reader<'_>) -> Vec<Language> {
    let parse = |given: &Given| -> Result<Vec<Language>, String> {
        kinds::list(given)?.iter().map(|code| language(code)).collect()
    };
    let show = |languages: &Vec<Language>| match languages.as_slice() {
        [] => "all".to_owned(),
        some => some.iter().map(|language| language.code()).collect::<Vec<_>>().join(", "),
    };
    reader.read("concierge.languages", Vec::new(), parse, show)
}

fn language(code: &str) -> Result<Language, String> {
    let found = Language::ALL.into_iter().find(|language| language.code() == code);
    let known = Language::ALL.map(Language::code).join(", ");
    found.ok_or_else(|| format!("`{code}` is none of {known}"))
}
