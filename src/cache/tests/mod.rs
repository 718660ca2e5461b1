//! The cache as a whole, with makers that say what they are told to.

mod checks;
mod failures;
mod flights;
mod meaning;
mod night;
mod packs;
mod property;
mod reports;
mod restart;
mod speed;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::stream::{StreamExt, iter, unfold};
use tokio::sync::mpsc;

use super::*;
use crate::engine::{Chunk, EngineError, FinishReason, Usage};
use crate::facts::{Batch, Change, Fact, Facts, FactsConfig, Record, Table, UnixSeconds};
use crate::telemetry::CacheMetrics;

pub(super) fn facts() -> Facts {
    let none = [None; Table::ALL.len()];
    Facts::in_memory(FactsConfig { max_age: none, ..FactsConfig::default() }).unwrap()
}

pub(super) fn cache_of(facts: &Facts) -> Cache {
    Cache::in_memory(Config::default(), facts.clone(), CacheMetrics::default())
}

/// A question of this text, in the scope of the store.
pub(super) fn ask(text: &str) -> Ask {
    ask_in(Scope::Store, text)
}

pub(super) fn ask_in(scope: Scope, text: &str) -> Ask {
    let provenance =
        Provenance { route: "chat".into(), model: "tiny".into(), ..Provenance::default() };
    Ask {
        key: KeyBuilder::new("test").field("text", text).finish(scope),
        scope,
        policy: Policy::EXACT,
        question: None,
        provenance,
        recipe: None,
    }
}

pub(super) fn said(text: &str) -> Step {
    Step::Event(Event::Chunk {
        choice: 0,
        chunk: Chunk { text: text.into(), tokens: Vec::new(), finish: None },
    })
}

pub(super) fn end(reason: FinishReason) -> Step {
    let usage = Usage { prompt_tokens: 7, completion_tokens: 3, cached_tokens: 0 };
    let chunk = Chunk { text: String::new(), tokens: Vec::new(), finish: Some((reason, usage)) };
    Step::Event(Event::Chunk { choice: 0, chunk })
}

/// A whole answer of these words.
pub(super) fn words(words: &[&str]) -> Vec<Step> {
    words.iter().map(|word| said(word)).chain([end(FinishReason::Stop)]).collect()
}

/// A maker that says this at once, and counts how often it was asked to.
pub(super) fn saying(steps: Vec<Step>) -> (Generate, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let generate: Generate = Arc::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok(iter(steps.clone()).map(Ok).boxed())
    });
    (generate, count)
}

/// A maker that says what it is handed, step by step; each making has a number.
pub(super) struct Hand {
    begun: mpsc::UnboundedReceiver<mpsc::UnboundedSender<Result<Step, EngineError>>>,
}

impl Hand {
    pub(super) fn new() -> (Generate, Self) {
        let (begin, begun) = mpsc::unbounded_channel();
        let generate: Generate = Arc::new(move || {
            let (say, hear) = mpsc::unbounded_channel();
            begin.send(say).unwrap();
            let steps = unfold(hear, |mut hear| async move { Some((hear.recv().await?, hear)) });
            Ok(steps.boxed())
        });
        (generate, Self { begun })
    }

    /// By which the next making is told what to say; dropped, it is at its end.
    pub(super) async fn next(&mut self) -> mpsc::UnboundedSender<Result<Step, EngineError>> {
        tokio::time::timeout(Duration::from_secs(20), self.begun.recv()).await.unwrap().unwrap()
    }

    pub(super) fn is_idle(&mut self) -> bool {
        self.begun.try_recv().is_err()
    }
}

pub(super) async fn get(cache: &Cache, ask: Ask, generate: &Generate) -> Answer {
    cache.ask(ask, std::future::ready(None), Arc::clone(generate)).await.unwrap()
}

/// How an answer was come by, and its text.
pub(super) async fn text(answer: Answer) -> (&'static str, String) {
    let how = answer.status().how.name();
    let events = answer.collect().await.unwrap();
    let texts = events.iter().filter_map(|event| match event {
        Event::Chunk { chunk, .. } => Some(chunk.text.as_str()),
        Event::Note(_) | Event::Withheld { .. } => None,
    });
    (how, texts.collect())
}

pub(super) async fn ask_text(cache: &Cache, q: Ask, generate: &Generate) -> (&'static str, String) {
    text(get(cache, q, generate).await).await
}

/// Lets tasks run until this holds.
pub(super) async fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never came to hold");
}

pub(super) fn put(facts: &Facts, table: Table, id: &str, value: serde_json::Value) {
    let fact = Fact::parse(table, value.to_string().as_bytes()).unwrap();
    let change = Change::Put { id: id.parse().unwrap(), fact, source: None };
    facts.write(Batch::of(change), UnixSeconds::now()).unwrap();
}

pub(super) fn price(facts: &Facts, sku: &str, amount: f64) {
    let value = serde_json::json!({ "amount": amount, "currency": "USD" });
    put(facts, Table::Prices, sku, value);
}

pub(super) fn product(facts: &Facts, sku: &str, name: &str) {
    put(facts, Table::Products, sku, serde_json::json!({ "names": { "en": name } }));
}

pub(super) fn recall(facts: &Facts, id: &str, sku: &str) {
    let value = serde_json::json!({
        "skus": [sku], "reasons": { "en": "glass" }, "since": "2020-01-01T00:00:00Z",
    });
    put(facts, Table::Recalls, id, value);
}

/// What is read when a price is looked up.
pub(super) fn read_price(facts: &Facts, sku: &str) -> (Record, String) {
    let mut reader = facts.reader(UnixSeconds::now());
    let price = reader.price(sku).map_or("none".to_owned(), |price| price.amount.to_string());
    (reader.finish(), price)
}

/// A maker that looks a price up and says it.
pub(super) fn pricing(facts: &Facts, sku: &str) -> (Generate, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let (counted, facts, sku) = (Arc::clone(&count), facts.clone(), sku.to_owned());
    let generate: Generate = Arc::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        let (record, price) = read_price(&facts, &sku);
        let steps = std::iter::once(Step::Read(record)).chain(words(&[&price]));
        Ok(iter(steps.collect::<Vec<_>>()).map(Ok).boxed())
    });
    (generate, count)
}
