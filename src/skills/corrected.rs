//! Answers that a person put right, given instead of what would be made, for as long as their facts hold.
//!
//! What a person wrote passes the same checks as what a model says: an amount of money that is a
//! product's price becomes a slot, and any other is refused; allergens, quantities and products are
//! those of the facts. It is kept for the words of its question, so a question that means something
//! said before cannot have one.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};

use super::answer::{self, Answer, Kept, Provenance, Step};
use super::ask;
use super::bind::{bind, price_slot};
use super::checks::{self, Ground, Wording};
use super::clerk::Clerk;
use super::figures;
use super::language::Language;
use super::view::View;
use super::wording;
use super::words::{fold, words};
use crate::cache::{self, Ask, Event, Generate, Look, Policy, Scope};
use crate::engine::{Chunk, FinishReason, Usage};
use crate::facts::{Product, Seen, UnixSeconds};

/// The skill's name in keys and metrics.
const SKILL: &str = "corrected";
/// Characters of an answer.
const MAX_CHARS: usize = 1_000;

impl Clerk {
    /// Gives this answer from now on where the same is asked, until a fact changes that it stands on.
    /// `cited` are the products that the wrong answer stood on. Where it may not be given, the names of
    /// the reasons come back.
    pub async fn pin(
        &self,
        question: &str,
        better: &str,
        language: &str,
        cited: &[String],
    ) -> Result<(), Vec<&'static str>> {
        let short = language.split('-').next().unwrap_or(language);
        let known = Language::ALL.into_iter().find(|language| language.code() == short);
        let language = known.ok_or_else(|| vec!["language"])?;
        let question = crate::privacy::redact(question.trim());
        let (text, record) = self.checked(&question, better, language, cited)?;
        let kept = Kept {
            text,
            cited: cited.to_vec(),
            step: Step::Template,
            seed: None,
            refused: Vec::new(),
            read: record.read.clone(),
            made: None,
        };
        let failed = |_: serde_json::Error| vec!["failed"];
        let note = serde_json::to_string(&kept).map_err(failed)?;
        let generate: Generate = Arc::new(move || {
            let usage = Usage { prompt_tokens: 0, completion_tokens: 0, cached_tokens: 0 };
            let finish = Some((FinishReason::Stop, usage));
            let end = Chunk { text: String::new(), tokens: Vec::new(), finish };
            let steps = [
                cache::Step::Read(record.clone()),
                cache::Step::By(SKILL),
                cache::Step::Particular,
                cache::Step::Event(Event::Note(note.clone())),
                cache::Step::Event(Event::Chunk { choice: 0, chunk: end }),
            ];
            Ok(stream::iter(steps.map(Ok)).boxed())
        });
        let policy = Policy { read: false, ..Policy::EXACT };
        let (Look::Miss(ticket) | Look::Stale(_, ticket)) =
            self.cache.look(about(&question, language, policy)).await
        else {
            return Err(vec!["failed"]);
        };
        let made = ticket.make(generate).map_err(|_| vec!["failed"])?;
        made.collect().await.map(drop).map_err(|_| vec!["failed"])
    }

    /// The text with slots, and what it stands on.
    fn checked(
        &self,
        question: &str,
        better: &str,
        language: Language,
        cited: &[String],
    ) -> Result<(String, crate::facts::Record), Vec<&'static str>> {
        let mut view = View::open(&self.facts, &self.search, language, UnixSeconds::now());
        let products: Vec<Seen<Product>> =
            cited.iter().filter_map(|sku| view.reader.product(sku)).collect();
        if products.is_empty() {
            return Err(vec!["ungrounded"]);
        }
        if !names_any(question, &products, language) {
            return Err(vec!["context"]);
        }
        let text = with_slots(better.trim(), cited, &mut view);
        let (_, mut ground) = ask::told_facts(&products, &view, |_| true);
        cited.iter().for_each(|sku| place(sku, &mut ground, &mut view));
        let wording = Wording {
            max_chars: MAX_CHARS,
            min_words: 1,
            blocked: self.settings.now().blocked_terms.clone(),
            question: question.to_owned(),
        };
        let refused = checks::check(&text, &ground, language, &wording);
        if !refused.is_empty() {
            return Err(refused.into_iter().map(checks::Refused::name).collect());
        }
        // What it says by slots is read now, so that it dies with them.
        bind(&text, &mut view).map_err(|_| vec!["slot"])?;
        Ok((text, view.reader.finish()))
    }

    /// What a person put right for this question; none where nobody did, or its facts have changed.
    pub(super) async fn corrected(&self, question: &str, language: Language) -> Option<Answer> {
        let ask = about(question, language, Policy::EXACT);
        let Look::Answer(found) = self.cache.look(ask).await else { return None };
        let status = found.status().clone();
        let events = found.collect().await.ok()?;
        let kept: Kept = events.iter().find_map(|event| match event {
            Event::Note(text) => serde_json::from_str(text).ok(),
            Event::Chunk { .. } | Event::Withheld { .. } => None,
        })?;
        let now = UnixSeconds::now();
        let mut view = View::open(&self.facts, &self.search, language, now);
        let text = bind(&kept.text, &mut view).ok()?;
        let record = view.reader.finish();
        self.metrics.answered(SKILL, kept.step.name());
        Some(Answer {
            text,
            facts: answer::facts_read(&self.facts, &kept.read, &record, now),
            freshness: answer::ages(&self.facts, &kept.read, &record, now),
            citations: kept.cited,
            provenance: Provenance {
                step: kept.step,
                intent: SKILL,
                model: None,
                template_digest: wording::digest(language),
                seed: None,
                made: None,
                refused: Vec::new(),
            },
            disclosure: wording::disclosure(language, false),
            status,
        })
    }
}

/// What the cache is asked: the question's words in this language, whoever asks in this store.
fn about(question: &str, language: Language, policy: Policy) -> Ask {
    let key = cache::KeyBuilder::new(SKILL)
        .field("question", fold(question))
        .field("language", language.code())
        .finish(Scope::Store);
    Ask {
        key,
        scope: Scope::Store,
        policy,
        question: None,
        provenance: cache::Provenance {
            route: SKILL.to_owned(),
            step: Some(SKILL.to_owned()),
            language: Some(language.code().to_owned()),
            ..cache::Provenance::default()
        },
        recipe: None,
    }
}

/// Whether a question has a word of a product's name.
fn names_any(question: &str, products: &[Seen<Product>], language: Language) -> bool {
    let asked: Vec<String> = words(question).into_iter().map(|word| word.folded).collect();
    let is_named = |product: &Seen<Product>| {
        let name = words(language.text(&product.names));
        name.iter().any(|word| word.folded.chars().count() > 2 && asked.contains(&word.folded))
    };
    products.iter().any(is_named)
}

/// Where a product stands may be said.
fn place(sku: &str, ground: &mut Ground, view: &mut View<'_>) {
    let stock = view.reader.stock(sku);
    if let Some(location) = stock.as_ref().and_then(|stock| stock.location.as_ref()) {
        let told = serde_json::to_value(location).unwrap_or_default();
        let parts = told.as_object().into_iter().flatten();
        parts.for_each(|(_, part)| ground.text(part.to_string().trim_matches('"')));
    }
}

/// The text with a slot in the place of each price of these products.
fn with_slots(text: &str, cited: &[String], view: &mut View<'_>) -> String {
    let mut text = text.to_owned();
    for sku in cited {
        let Some(price) = view.reader.price(sku) else { continue };
        let money = figures::money(price.amount, view.language);
        let whole = figures::per(&money, price.per, view.language);
        // "$1.50 each" before "$1.50", and neither within "$1.505".
        for written in [whole, money.clone(), money.replace('\u{a0}', " ")] {
            text = replaced(&text, &written, &price_slot(sku));
        }
    }
    text
}

/// Every place of `written` that no digit goes before or behind.
fn replaced(text: &str, written: &str, by: &str) -> String {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(written) {
        let joined = before.ends_with(|c: char| c.is_ascii_digit())
            || behind.starts_with(|c: char| c.is_ascii_digit());
        done.push_str(before);
        done.push_str(if joined { written } else { by });
        rest = behind;
    }
    done + rest
}

#[cfg(test)]
mod tests;
