//! Search over the products: by their words, by their meaning, within filters.
//!
//! [`Search`] keeps an index of the products beside the [`Facts`]. Words are looked up as they are
//! written, by their stems in each language and, where a word is not known, by words that are spelled
//! alike. Meaning is compared by vectors that somebody else makes: [`Search::missing`] says of which
//! texts, [`Search::put_vectors`] takes them. [`Search::find`] joins both.
//!
//! **Invariants**
//! - A product is found as it is now: the index is brought up to the facts before it is asked, and
//!   what it names is read from the caller's snapshot. What is deleted is not found.
//! - Filters are decided by facts and not by the index; what they stand on is in the reader's record.
//! - A product whose allergens are not known passes no filter that leaves allergens out.
//! - Vectors are kept under the digest of their text and the encoder's name: those of another text or
//!   another encoder are not used.
//!
//! **Not here**: the encoder, HTTP, what is said about the products.

mod error;
mod filter;
mod fusion;
mod index;
mod language;
mod other_names;
mod query;
mod spelling;
#[cfg(test)]
mod tests;
mod upkeep;
mod vectors;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use super::{Collection, Facts, Product, Reader, Seen, Table};

pub use error::SearchError;
pub use other_names::other_names;
pub use query::{Filters, MAX_HITS, MAX_QUERY_BYTES, Query};
pub use vectors::{Missing, Vectorised};

use filter::Sieve;
use fusion::{Ranked, Worded};
use index::Index;
use upkeep::Upkeep;
use vectors::Vectors;

/// Candidates that words, and that meaning, bring at most.
const CANDIDATES: usize = 1000;

/// A product that was found.
#[derive(Debug, Clone)]
pub struct Hit {
    /// The product.
    pub product: Seen<Product>,
    /// How well it fits, to be compared within one answer only.
    pub score: f32,
    /// How near its meaning is to the query's, up to 1; none where that is not known or far.
    pub cosine: Option<f32>,
}

/// What a search takes in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SearchMemory {
    /// Of the index of words.
    pub index_bytes: usize,
    /// Of the vectors.
    pub vector_bytes: usize,
}

/// Search over the products of a shop.
#[derive(Debug)]
pub struct Search {
    facts: Facts,
    index: Index,
    upkeep: Mutex<Upkeep>,
    vectors: RwLock<Vectors>,
}

impl Search {
    /// Over these facts; vectors are kept in a file, which may be deleted at any time, or with no file
    /// as long as the process lives.
    pub fn open(facts: Facts, vectors: Option<&Path>) -> Result<Self, SearchError> {
        let vectors = RwLock::new(Vectors::open(vectors)?);
        let (index, upkeep) = (Index::new()?, Mutex::default());
        Ok(Self { facts, index, upkeep, vectors })
    }

    /// The facts it looks through.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Brings the index up to the facts. Computes for a moment after many changes.
    pub fn catch_up(&self) -> Result<(), SearchError> {
        let mut upkeep = self.upkeep();
        let first = upkeep.is_new();
        let mut gone = upkeep.follow(&self.facts, &self.index)?;
        if first {
            // Products may have gone while nobody followed.
            let vectors = self.vectors.read().unwrap_or_else(PoisonError::into_inner);
            gone.extend(vectors.skus().filter(|sku| !upkeep.has(sku)));
        }
        drop(upkeep);
        if !gone.is_empty() {
            self.vectors.write().unwrap_or_else(PoisonError::into_inner).forget(&gone);
        }
        Ok(())
    }

    /// Products of the reader's snapshot that fit the query, best first. `meaning` is the query's
    /// vector. Blocks while the index catches up.
    pub fn find(
        &self,
        reader: &mut Reader,
        query: &Query,
        meaning: Option<&[f32]>,
    ) -> Result<Vec<Hit>, SearchError> {
        query.check()?;
        self.catch_up()?;
        reader.note(Collection::table(Table::Products));
        let sieve = Sieve::new(&query.filters, reader);
        let ranked = match query.text.trim() {
            "" => {
                let unranked = |sku| Ranked { sku, score: 0.0, cosine: None };
                self.upkeep().skus().map(unranked).collect()
            }
            text => {
                let language = query.language.as_deref();
                let mut words = self.worded(text, language)?;
                if let Some(other) = other_names(text) {
                    words = words.or(self.worded(&other, language)?);
                }
                let vectors = self.vectors.read().unwrap_or_else(PoisonError::into_inner);
                let meaning = meaning.map(|vector| vectors.nearest(vector, CANDIDATES));
                fusion::fuse(words, meaning.unwrap_or_default())
            }
        };
        let passing = ranked.into_iter().filter(|ranked| sieve.passes(&ranked.sku));
        let found: Vec<_> = passing.take(query.limit).collect();
        let hit = |Ranked { sku, score, cosine }: Ranked| {
            reader.product(&sku).map(|product| Hit { product, score, cosine })
        };
        Ok(found.into_iter().filter_map(hit).collect())
    }

    fn worded(&self, text: &str, language: Option<&str>) -> Result<Worded, SearchError> {
        let found = self.index.find(text, language, CANDIDATES)?;
        let skus = self.upkeep();
        let products = found.products.into_iter();
        let products = products.filter_map(|(slot, score)| Some((skus.sku(slot)?, score)));
        Ok(Worded::of(products, found.coverage))
    }

    /// Names who makes the vectors, by whatever changes when they would be others. Vectors of another
    /// encoder are dropped.
    pub fn set_encoder(&self, name: &str) -> Result<(), SearchError> {
        self.vectors.write().unwrap_or_else(PoisonError::into_inner).set_encoder(name)
    }

    /// Texts whose vectors are not there, at most so many.
    pub fn missing(&self, limit: usize) -> Result<Vec<Missing>, SearchError> {
        self.catch_up()?;
        let products: Vec<_> = self.upkeep().skus().collect();
        let vectors = self.vectors.read().unwrap_or_else(PoisonError::into_inner);
        let product = |sku: &str| {
            let id = super::FactId::new(Table::Products, sku).ok()?;
            match self.facts.get(&id)?.fact {
                super::Fact::Product(product) => Some(product),
                _ => None,
            }
        };
        let missing = products.iter().filter_map(|sku| {
            let missing = Missing::of(sku, &*product(sku)?);
            (!vectors.has(&missing)).then_some(missing)
        });
        Ok(missing.take(limit).collect())
    }

    /// Takes vectors, each with the text it was made of. Blocks on the disk.
    pub fn put_vectors(&self, made: Vec<Vectorised>) -> Result<(), SearchError> {
        self.vectors.write().unwrap_or_else(PoisonError::into_inner).put(made)
    }

    /// Products with a vector, and products.
    pub fn coverage(&self) -> (usize, usize) {
        let vectors = self.vectors.read().unwrap_or_else(PoisonError::into_inner).len();
        (vectors, self.upkeep().len())
    }

    /// What it takes in memory. Blocks while the index catches up or vectors are written.
    pub fn memory(&self) -> SearchMemory {
        // An index of nothing has some kilobytes of files, which are no shop's.
        let index_bytes = match self.upkeep().bytes() {
            0 => 0,
            slots => slots + self.index.bytes(),
        };
        let vectors = self.vectors.read().unwrap_or_else(PoisonError::into_inner);
        SearchMemory { index_bytes, vector_bytes: vectors.bytes() }
    }

    fn upkeep(&self) -> MutexGuard<'_, Upkeep> {
        self.upkeep.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
