//! The index of the products' words, by tantivy, in memory.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use tantivy::collector::TopDocs;
use tantivy::directory::RamDirectory;
use tantivy::indexer::{IndexWriterOptions, UserOperation};
use tantivy::query::{
    BooleanQuery, BoostQuery, ConstScoreQuery, DisjunctionMaxQuery, Occur, Query, TermQuery,
};
use tantivy::schema::{
    FAST, Field, IndexRecordOption, STRING, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::TextAnalyzer;
use tantivy::{IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyDocument, Term};

use super::SearchError;
use super::language::{self, STEMMED};
use super::spelling;
use crate::facts::Product;

/// What the writer collects before it makes a segment of it; the least that tantivy takes.
const WRITER_BYTES: usize = 15_000_000;
/// Memory of an index besides its files: its threads, what they keep, and what is open for reading.
const OWN_BYTES: usize = 3 << 20;
/// What a word counts for, by where it is found.
const IN_NAME: f32 = 3.0;
const IN_CATEGORY: f32 = 1.5;
const IN_BRAND: f32 = 2.0;
const IN_DESCRIPTION: f32 = 0.4;
/// A word in the language that was asked for.
const IN_ASKED_LANGUAGE: f32 = 1.5;
/// What a word counts for that differs from the one that was typed by one letter, and by two.
const ALIKE_BY_ONE: f32 = 0.7;
const ALIKE_BY_TWO: f32 = 0.5;
/// A word that the typed one begins.
const BEGUN: f32 = 0.6;
const LEAST_BEGINNING: usize = 3;
/// Words that a beginning may stand for.
const MOST_BEGUN: usize = 8;
/// What a word counts for at its second-best place.
const TIE: f32 = 0.1;
/// Words of a query that are looked up.
const MOST_WORDS: usize = 32;

/// What one product is in the index.
pub(super) type Slot = u64;

/// Something to do to the index.
pub(super) enum Step<'a> {
    /// A product is to be found like this and no longer as it was.
    Put(Slot, &'a str, &'a Product),
    /// A product is not to be found.
    Remove(&'a str),
}

/// What words found.
pub(super) struct Found {
    /// Best first, each with its score.
    pub(super) products: Vec<(Slot, f32)>,
    /// The largest share of the words that one product has, from 0 to 1.
    pub(super) coverage: f32,
}

pub(super) struct Index {
    fields: Fields,
    files: RamDirectory,
    writer: Mutex<IndexWriter>,
    reader: IndexReader,
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").finish_non_exhaustive()
    }
}

struct Fields {
    sku: Field,
    slot: Field,
    /// Names of all languages as they are written.
    names: Field,
    brand: Field,
    category: Field,
    /// Stems of names and of descriptions, by the language's place in [`STEMMED`].
    stems: Vec<(Field, Field)>,
}

impl Fields {
    fn new() -> (Schema, Self) {
        let mut schema = Schema::builder();
        let text = |tokenizer: &str| {
            let indexing = TextFieldIndexing::default()
                .set_tokenizer(tokenizer)
                .set_index_option(IndexRecordOption::WithFreqs);
            TextOptions::default().set_indexing_options(indexing)
        };
        let fields = Self {
            sku: schema.add_text_field("sku", STRING),
            slot: schema.add_u64_field("slot", FAST),
            names: schema.add_text_field("names", text("plain")),
            brand: schema.add_text_field("brand", text("plain")),
            category: schema.add_text_field("category", text("stems-en")),
            stems: STEMMED
                .iter()
                .map(|(code, _)| {
                    let tokenizer = format!("stems-{code}");
                    let name = schema.add_text_field(&format!("name-{code}"), text(&tokenizer));
                    let about = schema.add_text_field(&format!("about-{code}"), text(&tokenizer));
                    (name, about)
                })
                .collect(),
        };
        (schema.build(), fields)
    }
}

impl Index {
    pub(super) fn new() -> Result<Self, SearchError> {
        let (schema, fields) = Fields::new();
        let files = RamDirectory::create();
        let settings = tantivy::IndexSettings::default();
        let index = tantivy::Index::create(files.clone(), schema, settings)?;
        index.tokenizers().register("plain", language::plain());
        for (code, language) in STEMMED {
            index.tokenizers().register(&format!("stems-{code}"), language::stems(language));
        }
        let options = IndexWriterOptions::builder()
            .num_worker_threads(1)
            .memory_budget_per_thread(WRITER_BYTES)
            .num_merge_threads(1)
            .build();
        let writer = Mutex::new(index.writer_with_options(options)?);
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Self { fields, files, writer, reader })
    }

    /// Bytes of its files, which are in memory, of what reads and writes them, and at most of what is
    /// being written.
    pub(super) fn bytes(&self) -> usize {
        self.files.total_mem_usage() + OWN_BYTES + WRITER_BYTES
    }

    /// Does all steps; from then on they are seen.
    pub(super) fn apply<'a>(
        &self,
        steps: impl Iterator<Item = Step<'a>>,
    ) -> Result<(), SearchError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        for step in steps {
            match step {
                Step::Put(slot, sku, product) => {
                    let old = Term::from_field_text(self.fields.sku, sku);
                    let new = self.document(slot, sku, product);
                    writer.run([UserOperation::Delete(old), UserOperation::Add(new)])?;
                }
                Step::Remove(sku) => {
                    writer.delete_term(Term::from_field_text(self.fields.sku, sku));
                }
            }
        }
        writer.commit()?;
        self.reader.reload()?;
        Ok(())
    }

    fn document(&self, slot: Slot, sku: &str, product: &Product) -> TantivyDocument {
        let fields = &self.fields;
        let mut document = TantivyDocument::new();
        document.add_text(fields.sku, sku);
        document.add_u64(fields.slot, slot);
        for name in product.names.values() {
            document.add_text(fields.names, name);
        }
        if let Some(brand) = &product.brand {
            document.add_text(fields.brand, brand);
        }
        if let Some(category) = &product.category {
            document.add_text(fields.category, category.as_str());
        }
        let stemmed = |lang: &str| fields.stems.get(language::stemmed(lang)?).copied();
        for (lang, name) in &product.names {
            if let Some((field, _)) = stemmed(lang) {
                document.add_text(field, name);
            }
        }
        for (lang, about) in &product.descriptions {
            if let Some((_, field)) = stemmed(lang) {
                document.add_text(field, about);
            }
        }
        document
    }

    /// Products with words of the text, best first, each with its score by BM25.
    pub(super) fn find(
        &self,
        text: &str,
        asked: Option<&str>,
        limit: usize,
    ) -> Result<Found, SearchError> {
        let searcher = self.reader.searcher();
        let (used, known) = (self.used(&searcher), OnceCell::new());
        let asking = Asking { index: self, searcher: &searcher, asked, used, known };
        let words = asking.words(text)?;
        let coverage = asking.coverage(&words)?;
        let query = asking.query(text, words);
        let top = searcher.search(&query, &TopDocs::with_limit(limit).order_by_score())?;
        let mut found = Vec::with_capacity(top.len());
        for (score, address) in top {
            let segment = searcher.segment_reader(address.segment_ord);
            let slots = segment.fast_fields().u64("slot")?;
            found.extend(slots.first(address.doc_id).map(|slot| (slot, score)));
        }
        Ok(Found { products: found, coverage })
    }

    /// Places in [`STEMMED`] of the languages that products have.
    fn used(&self, searcher: &Searcher) -> Vec<usize> {
        let has_words = |(place, (field, _)): (usize, &(Field, Field))| {
            let any = searcher.segment_readers().iter().any(|segment| {
                segment.inverted_index(*field).is_ok_and(|words| words.terms().num_terms() > 0)
            });
            any.then_some(place)
        };
        self.fields.stems.iter().enumerate().filter_map(has_words).collect()
    }
}

/// What a word may stand for.
struct Meant {
    /// Where that may stand: in any place of each list.
    places: Vec<Vec<(Term, f32)>>,
    /// The largest weight of its places, below 1 where it is known under another spelling only.
    trust: f32,
}

/// A query on its way.
struct Asking<'a> {
    index: &'a Index,
    searcher: &'a Searcher,
    asked: Option<&'a str>,
    used: Vec<usize>,
    known: OnceCell<BTreeMap<String, u64>>,
}

impl Asking<'_> {
    /// What each word of the text that says something may stand for.
    fn words(&self, text: &str) -> Result<Vec<Meant>, SearchError> {
        let mut plain = language::plain();
        let words = language::words(&mut plain, text);
        let all_empty = words.iter().all(|word| language::is_empty(word));
        let says = |word: &&String| all_empty || !language::is_empty(word);
        words.iter().take(MOST_WORDS).filter(says).map(|word| self.word(word, text)).collect()
    }

    fn query(&self, text: &str, words: Vec<Meant>) -> BooleanQuery {
        let sku = |word| term(Term::from_field_text(self.index.fields.sku, word), 100.0);
        let skus = text.split_whitespace().map(sku);
        let words = words.into_iter().flat_map(|word| word.places);
        let words = words.map(|places| Box::new(any(places)) as Box<dyn Query>);
        BooleanQuery::new(skus.chain(words).map(|part| (Occur::Should, part)).collect())
    }

    /// The largest share of the words that one product has, from 0 to 1; a word that is known under
    /// another spelling only counts as far as it is trusted.
    fn coverage(&self, words: &[Meant]) -> Result<f32, SearchError> {
        let mut parts: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for Meant { places, trust } in words {
            let share = trust / places.len().max(1) as f32;
            parts.extend(places.iter().map(|places| {
                let there = ConstScoreQuery::new(Box::new(any(places.clone())), share);
                (Occur::Should, Box::new(there) as Box<dyn Query>)
            }));
        }
        let query = BooleanQuery::new(parts);
        let top = self.searcher.search(&query, &TopDocs::with_limit(1).order_by_score())?;
        let most = top.first().map_or(0.0, |(score, _)| *score);
        Ok((most / words.len().max(1) as f32).min(1.0))
    }

    /// A word wherever it may stand; where it stands nowhere, those that it may have been meant for.
    fn word(&self, word: &str, text: &str) -> Result<Meant, SearchError> {
        let places = self.places(&self.written(word, text), 1.0);
        if self.is_known(&places)? {
            return Ok(Meant { places: vec![places], trust: 1.0 });
        }
        let known = self.known()?;
        let alike = spelling::alike(word, words(known));
        if let Some(parts) = spelling::parts(word, known).filter(|_| alike.is_empty()) {
            let part = |part: &&str| {
                let mut places = self.places(part, 1.0);
                for begun in begun(part, words(known)) {
                    places.extend(self.places(begun, ALIKE_BY_ONE));
                }
                places
            };
            return Ok(Meant { places: parts.iter().map(part).collect(), trust: 1.0 });
        }
        let mut places = Vec::new();
        let trust = match alike.first() {
            Some((_, 0..=1)) => ALIKE_BY_ONE,
            Some(_) => ALIKE_BY_TWO,
            None => BEGUN,
        };
        for (alike, _) in alike {
            places.extend(self.places(alike, trust));
        }
        for begun in begun(word, words(known)) {
            places.extend(self.places(begun, BEGUN));
        }
        Ok(Meant { places: vec![places], trust })
    }

    /// The word as it was typed, with the accents that stemmers want.
    fn written<'a>(&self, word: &'a str, text: &'a str) -> std::borrow::Cow<'a, str> {
        let mut plain = language::plain();
        let typed = text.split(|c: char| !c.is_alphanumeric());
        let same = |typed: &&str| {
            !typed.is_empty()
                && language::words(&mut plain, typed).first().is_some_and(|w| w == word)
        };
        typed.into_iter().find(same).unwrap_or(word).into()
    }

    /// Where a word may stand, and what it counts for there.
    fn places(&self, word: &str, weight: f32) -> Vec<(Term, f32)> {
        let fields = &self.index.fields;
        let first = |mut analyzer: TextAnalyzer| {
            language::words(&mut analyzer, word).into_iter().next().unwrap_or_default()
        };
        let plain = first(language::plain());
        let english = first(language::stems(tantivy::tokenizer::Language::English));
        let mut places = vec![
            (Term::from_field_text(fields.names, &plain), IN_NAME * weight),
            (Term::from_field_text(fields.brand, &plain), IN_BRAND * weight),
            (Term::from_field_text(fields.category, &english), IN_CATEGORY * weight),
        ];
        let asked = self.asked.and_then(language::stemmed);
        for &place in &self.used {
            let Some(((name, about), (_, language))) =
                fields.stems.get(place).copied().zip(STEMMED.get(place))
            else {
                continue;
            };
            let own = if asked == Some(place) { IN_ASKED_LANGUAGE } else { 1.0 };
            let stem = first(language::stems(*language));
            places.push((Term::from_field_text(name, &stem), IN_NAME * own * weight));
            places.push((Term::from_field_text(about, &stem), IN_DESCRIPTION * own * weight));
        }
        places
    }

    fn is_known(&self, places: &[(Term, f32)]) -> Result<bool, SearchError> {
        for (place, _) in places {
            if self.searcher.doc_freq(place)? > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Every word of names and brands, with how many products have it.
    fn known(&self) -> Result<&BTreeMap<String, u64>, SearchError> {
        if let Some(known) = self.known.get() {
            return Ok(known);
        }
        let mut known = BTreeMap::new();
        for segment in self.searcher.segment_readers() {
            for field in [self.index.fields.names, self.index.fields.brand] {
                let words = segment.inverted_index(field)?;
                let mut stream = words.terms().stream().map_err(tantivy::TantivyError::from)?;
                while let Some((word, info)) = stream.next() {
                    if let Ok(word) = std::str::from_utf8(word) {
                        *known.entry(word.to_owned()).or_default() += u64::from(info.doc_freq);
                    }
                }
            }
        }
        Ok(self.known.get_or_init(|| known))
    }
}

fn words(known: &BTreeMap<String, u64>) -> impl Iterator<Item = (&str, u64)> {
    known.iter().map(|(word, used)| (word.as_str(), *used))
}

/// A word at any of these places; the best one counts, the others a little.
fn any(places: Vec<(Term, f32)>) -> DisjunctionMaxQuery {
    let places = places.into_iter().map(|(place, weight)| term(place, weight)).collect();
    DisjunctionMaxQuery::with_tie_breaker(places, TIE)
}

/// The most frequent words that begin so.
fn begun<'a>(word: &str, known: impl Iterator<Item = (&'a str, u64)>) -> Vec<&'a str> {
    if word.chars().count() < LEAST_BEGINNING {
        return Vec::new();
    }
    let mut found: Vec<_> = known.filter(|(other, _)| other.starts_with(word)).collect();
    found.sort_by_key(|(other, used)| (std::cmp::Reverse(*used), *other));
    found.into_iter().take(MOST_BEGUN).map(|(other, _)| other).collect()
}

fn term(term: Term, weight: f32) -> Box<dyn Query> {
    Box::new(BoostQuery::new(Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs)), weight))
}
