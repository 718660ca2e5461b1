//! The facts of one moment, as one language says them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::figures;
use super::language::Language;
use super::slots::inert;
use super::wording::{self, Say};
use crate::facts::search::{Filters, Hit, Query, Search};
use crate::facts::{Facts, Product, Promotion, Reader, Seen, Table, UnixSeconds, Zone};

/// What texts mean, by text: vectors of one encoder.
pub(super) type Meanings = BTreeMap<String, Arc<[f32]>>;

/// What an answer is made from: a reader, and how it is said.
pub(super) struct View<'a> {
    pub(super) facts: &'a Facts,
    search: &'a Search,
    pub(super) reader: Reader,
    pub(super) language: Language,
    pub(super) now: UnixSeconds,
    /// By which products are found that words alone do not find.
    pub(super) meanings: Meanings,
    /// Texts whose words have found no product for certain.
    pub(super) missed: Vec<String>,
}

impl<'a> View<'a> {
    /// The facts as they are now.
    pub(super) fn open(
        facts: &'a Facts,
        search: &'a Search,
        language: Language,
        now: UnixSeconds,
    ) -> Self {
        let (meanings, missed) = (Meanings::new(), Vec::new());
        Self { facts, search, reader: facts.reader(now), language, now, meanings, missed }
    }

    /// The products that a search for these words finds, best first; by their meaning as well,
    /// where that is known.
    pub(super) fn find(&mut self, words: &str, limit: usize) -> Vec<Hit> {
        self.find_with(words, limit, Filters::default())
    }

    /// The same of those that pass filters.
    pub(super) fn find_with(&mut self, words: &str, limit: usize, filters: Filters) -> Vec<Hit> {
        let mut query = Query { filters, ..Query::of(words, limit) };
        query.language = self.language.code().parse().ok();
        let meaning = self.meanings.get(words).map(|vector| &**vector);
        match self.search.find(&mut self.reader, &query, meaning) {
            Ok(hits) => hits,
            Err(error) => {
                tracing::warn!(%error, "the products could not be searched");
                Vec::new()
            }
        }
    }

    pub(super) fn say(&self, say: Say<'_>) -> String {
        wording::say(self.language, say)
    }

    /// Whether a table's feed is silent for longer than it may be. One that never spoke is not:
    /// what it could tell is not there.
    pub(super) fn is_old(&self, table: Table) -> bool {
        let age = self.facts.feed_age(table, self.now);
        let limit = self.facts.config().max_age(table);
        matches!((age, limit), (Some(age), Some(limit)) if age > limit)
    }

    pub(super) fn zone(&self) -> Zone {
        self.facts.config().zone
    }

    /// A product by which it is told from others: its name, with its size where the name has none.
    pub(super) fn label(&self, product: &Product) -> String {
        label(product, self.language)
    }

    /// What a promotion gives, to whom and until when.
    pub(super) fn offer(&self, promotion: &Seen<Promotion>) -> String {
        offer(promotion, self.language, self.zone())
    }
}

/// A product's name, with its size where the name has none.
pub(super) fn label(product: &Product, language: Language) -> String {
    let name = language.text(&product.names);
    inert(&match &product.size {
        Some(size) if !name.contains(&size.text) => format!("{name} ({})", size.text),
        _ => name.to_owned(),
    })
}

/// What a promotion gives, to whom and until when: `20% off, from 2 pieces, until December 24`.
pub(super) fn offer(promotion: &Promotion, language: Language, zone: Zone) -> String {
    let mut parts = vec![figures::offer(&promotion.offer, language)];
    if let Some(least) = promotion.conditions.min_quantity.filter(|least| *least > 1) {
        parts.push(match language {
            Language::English => format!("from {least} pieces"),
            Language::German => format!("ab {least} Stück"),
            Language::Spanish => format!("a partir de {least} unidades"),
            Language::French => format!("à partir de {least} pièces"),
        });
    }
    if promotion.conditions.loyalty_only {
        let only = [
            "with the loyalty card",
            "mit Kundenkarte",
            "con la tarjeta de cliente",
            "avec la carte de fidélité",
        ];
        parts.push(language.pick(only).to_owned());
    }
    if let Some(ends) = promotion.ends {
        // The last day is the one before the moment at which it is over.
        let last = zone.local(UnixSeconds(ends.0.saturating_sub(1)));
        let until = language.pick(["until", "bis", "hasta el", "jusqu’au"]);
        parts.push(format!("{until} {}", figures::day(last.date(), language)));
    }
    parts.join(", ")
}
