//! Which products a message means that names none: "and is it vegan?", "the second one".
//!
//! What was shown last is what is meant. A word that names a product of its own goes before that,
//! and "the" or "that" before what was shown.

use super::memory::{Memory, Open};
use super::phrases::{self, Cue, Phrases};
use crate::skills::ask::{self, Intent, Read};
use crate::skills::language::Language;
use crate::skills::view::View;
use crate::skills::words::words;

/// Products that are told of at once where several of a kind are meant.
const MAX_OF_A_KIND: usize = 4;

/// A message as its conversation understands it.
pub(super) struct Referred {
    pub(super) read: Read,
    /// By what the conversation told what is meant; none where the message's words do.
    pub(super) by: Option<&'static str>,
}

/// A message without the words that only say that it goes on, and whether there were any.
pub(super) fn without_going_on(read: Read, phrases: &Phrases) -> (Read, bool) {
    let skip = phrases.going_on(&read.words);
    let rest = read.words.get(skip).and_then(|word| read.text.get(word.range.start..));
    match rest {
        Some(rest) if skip > 0 => (Read::said(rest, None, read.language), true),
        _ => (read, false),
    }
}

/// Finds out what is meant.
pub(super) fn refer(read: Read, memory: &Memory, view: &mut View<'_>) -> Referred {
    let phrases = phrases::of(read.language);
    let (mut read, goes_on) = without_going_on(read, phrases);
    let last = memory.intent.as_deref().and_then(Intent::named);
    let by = Referring { read: &read, phrases, memory, goes_on }.find(view);
    let Some((skus, by)) = by else {
        if goes_on {
            read.mean(Vec::new(), last);
        }
        return Referred { read, by: goes_on.then_some("goes_on") };
    };
    let chosen = matches!(by, "ordinal" | "shown");
    // Whoever chooses wants to hear what was asked before; of what "it" is nothing is assumed.
    read.mean(skus, last.filter(|_| chosen || goes_on));
    Referred { read, by: Some(by) }
}

struct Referring<'a> {
    read: &'a Read,
    phrases: &'a Phrases,
    memory: &'a Memory,
    goes_on: bool,
}

impl Referring<'_> {
    fn find(&self, view: &mut View<'_>) -> Option<(Vec<String>, &'static str)> {
        let shown = &self.memory.shown;
        if shown.is_empty() || ask::by_sku(&self.read.text, &mut view.reader).is_some() {
            return None;
        }
        let chooses = matches!(self.memory.open, Some(Open::Which));
        if chooses && shown.len() == 1 && self.phrases.has(Cue::Yes, &self.read.words) {
            return Some((shown.clone(), "shown"));
        }
        let mut names = self.read.names();
        names.retain(|name| !self.phrases.is_idle(name));
        if let Some((index, at)) = self.phrases.ordinal(&self.read.words, shown.len()) {
            let counted = self.read.words.get(at).map(|word| word.folded.as_str());
            let only = names.iter().all(|name| Some(name.as_str()) == counted);
            if let Some(sku) = shown.get(index).filter(|_| only) {
                return Some((vec![sku.clone()], "ordinal"));
            }
        }
        if names.is_empty() { self.unnamed() } else { self.named(&names, view) }
    }

    /// Where nothing is named, what was shown is meant, if the question is one of products.
    fn unnamed(&self) -> Option<(Vec<String>, &'static str)> {
        let points = self.phrases.points(&self.read.words);
        let meant = match self.read.intent() {
            intent if intent.is_of_products() => true,
            Intent::Recall | Intent::Promotions => points,
            Intent::Open => points || self.goes_on,
            _ => false,
        };
        meant.then(|| (self.memory.shown.clone(), "pronoun"))
    }

    /// Where something is named: one of what was shown, another one of its kind, or nothing of the
    /// conversation's.
    fn named(&self, names: &[String], view: &mut View<'_>) -> Option<(Vec<String>, &'static str)> {
        let shown = &self.memory.shown;
        let chooses = matches!(self.memory.open, Some(Open::Which));
        let has_all = |sku: &&String, view: &mut View<'_>| {
            let product = view.reader.product(sku);
            product.is_some_and(|product| ask::share(names, &product) == 100)
        };
        let fitting: Vec<String> = shown.iter().filter(|sku| has_all(sku, view)).cloned().collect();
        let definite = chooses || self.phrases.is_definite(&self.read.words);
        if definite && !fitting.is_empty() && fitting.len() < shown.len().max(2) {
            return Some((fitting, "shown"));
        }
        if !self.phrases.points(&self.read.words) {
            return None;
        }
        if let Some(kin) = self.of_its_kind(names, view) {
            return Some((kin, "kind"));
        }
        let own = !ask::named(names, view).is_empty();
        (!own).then(|| (shown.clone(), "pronoun"))
    }

    /// The products with these words that are of the kind of the one that was shown first: "an organic
    /// one".
    fn of_its_kind(&self, names: &[String], view: &mut View<'_>) -> Option<Vec<String>> {
        let first = self.memory.shown.first()?;
        let product = view.reader.product(first)?;
        let name = view.language.text(&product.names).to_owned();
        let size = product.size.as_ref().map_or("", |size| size.text.as_str());
        let kind = kind(name.strip_suffix(size).unwrap_or(&name), view.language)?;
        let wanted: Vec<String> = names.iter().cloned().chain([kind]).collect();
        let mut found = ask::named(&wanted, view);
        found.truncate(MAX_OF_A_KIND);
        (!found.is_empty()).then_some(found)
    }
}

/// The word of a name that says what it is: the last in English and German, the first word that is
/// no brand's cannot be told in Spanish and French.
fn kind(name: &str, language: Language) -> Option<String> {
    match language {
        Language::English | Language::German => words(name).pop().map(|word| word.folded),
        Language::Spanish | Language::French => None,
    }
}
