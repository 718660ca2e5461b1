//! Packs on their way from HQ to a cache, over a real state.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::fetching::{Bringer, Came};
use super::*;
use crate::cache::*;
use crate::facts::{Batch, Change, Fact, Facts, FactsConfig, Table, UnixSeconds};
use crate::protocol::documents::*;
use crate::protocol::{
    Applied, Clock, Contents, Digest, Document, Envelope, List, Message, Pointer, Run, Stage,
    Stream, UnixMillis,
};
use crate::reconcile::fetch::tests::origin::{ArtefactStore, Fault};
use crate::reconcile::fetch::{FetchError, FetchLimits, Fetcher, Hold};
use crate::reconcile::surroundings::Surroundings;
use crate::reconcile::tests::{World, until};
use endcap_engine::{Chunk, FinishReason, Usage};

const NOW: UnixMillis = UnixMillis(1_790_000_000_000);
const SKUS: [&str; 3] = ["41", "42", "43"];

fn price(facts: &Facts, sku: &str, amount: &str) {
    let json = format!(r#"{{"amount": {amount}, "currency": "EUR"}}"#);
    let fact = Fact::parse(Table::Prices, json.as_bytes()).unwrap();
    let change = Change::Put { id: sku.parse().unwrap(), fact, source: None };
    facts.write(Batch::of(change), UnixSeconds::now()).unwrap();
}

/// Asks a box what something costs; how the answer was come by, and how often it was made.
async fn ask(cache: &Cache, facts: &Facts, sku: &str) -> (&'static str, usize) {
    let made = Arc::new(AtomicUsize::new(0));
    let (counted, facts, asked) = (Arc::clone(&made), facts.clone(), sku.to_owned());
    let generate: Generate = Arc::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        let mut reader = facts.reader(UnixSeconds::now());
        let text = reader.price(&asked).map_or("none".to_owned(), |p| p.amount.to_string());
        let usage = Usage { prompt_tokens: 1, completion_tokens: 1, cached_tokens: 0 };
        let finish = Some((FinishReason::Stop, usage));
        let chunk = Chunk { text, tokens: Vec::new(), finish };
        let said = Step::Event(Event::Chunk { choice: 0, chunk });
        let steps = [Step::Read(reader.finish()), Step::By("model"), said];
        Ok(futures_util::stream::iter(steps.map(Ok)).boxed())
    });
    let provenance = Provenance { route: "copy".into(), ..Provenance::default() };
    let ask = Ask {
        key: key(sku),
        scope: Scope::Store,
        policy: Policy::EXACT,
        question: None,
        provenance,
        recipe: None,
    };
    let answer = cache.ask(ask, std::future::ready(None), generate).await.unwrap();
    let how = answer.status().how.name();
    drop(answer.collect().await.unwrap());
    (how, made.load(Ordering::SeqCst))
}

fn key(sku: &str) -> Key {
    KeyBuilder::new("test").field("sku", sku).finish(Scope::Store)
}

/// What another box says of these products, in their order.
async fn answers(skus: &[&str]) -> Vec<Vec<u8>> {
    let facts = Facts::in_memory(FactsConfig::default()).unwrap();
    skus.iter().for_each(|sku| price(&facts, sku, "2.49"));
    let cache = Cache::in_memory(Config::default(), facts.clone(), Default::default());
    for sku in skus {
        assert_eq!(ask(&cache, &facts, sku).await, ("miss", 1));
    }
    until(|| cache.kept().entries == skus.len() as u64).await;
    let choice = Choice {
        routes: vec!["copy".into()],
        languages: Vec::new(),
        min_asked: 1,
        max_answers: 100,
        max_bytes: 1 << 20,
    };
    let mut export = cache.export(&choice).unwrap();
    let mut file = Vec::new();
    while let Some(piece) = export.next_piece().unwrap() {
        file.extend(piece);
    }
    let answers = PackSourceReader::new(&file[..], 1 << 20).unwrap();
    let mut answers: Vec<_> = answers.map(Result::unwrap).collect();
    let place = |answer: &Vec<u8>| {
        let asked = PackedAnswer::parse(answer).unwrap().key.0;
        skus.iter().position(|sku| *key(sku).bytes() == asked)
    };
    answers.sort_by_key(place);
    answers
}

fn compressed(answers: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = PackWriter::new(Vec::new()).unwrap();
    answers.iter().for_each(|answer| writer.write(answer).unwrap());
    writer.finish().unwrap()
}

/// A pack of these answers, with deltas from other packs; the bytes of its index.
fn pack(
    hq: &ArtefactStore,
    epoch: u64,
    answers: &[Vec<u8>],
    deltas: &[(Digest, &[Vec<u8>])],
) -> Vec<u8> {
    let packed = compressed(answers);
    hq.put(&packed);
    let delta = |(from, answers): &(Digest, &[Vec<u8>])| {
        let bytes = compressed(answers);
        hq.put(&bytes);
        PackDelta { from: *from, artefact: Artefact::of(&bytes).unwrap() }
    };
    let entry =
        |bytes: &Vec<u8>| PackEntry { digest: Digest::of(bytes), size_bytes: bytes.len() as u32 };
    let index = PackIndex {
        epoch,
        artefact: Artefact::of(&answers.concat()).unwrap(),
        entries: List::new(answers.iter().map(entry).collect()).unwrap(),
        packed: Some(Artefact::of(&packed).unwrap()),
        deltas: Some(List::new(deltas.iter().map(delta).collect()).unwrap()),
        name: Some("prices".parse().unwrap()),
    };
    index.to_bytes().unwrap()
}

fn applied(world: &World) -> Option<Applied> {
    world.reported(Document::Cache)?.applied
}

fn is_there(world: &World, version: u64) -> bool {
    applied(world).is_some_and(|applied| applied.version == version)
}

/// The names of all events that HQ is told.
fn events(world: &World) -> Vec<String> {
    let run = Run { first: 1, last: u64::MAX };
    let items = world.store.waiting(Stream::Evt, run, usize::MAX).unwrap();
    let name = |bytes: &[u8]| match Envelope::parse(bytes).unwrap().message().unwrap() {
        Message::Event(event) => event.name.to_string(),
        other => panic!("{other:?}"),
    };
    items.iter().map(|item| name(&item.bytes)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pack_that_another_box_made_is_given_here_and_reported_once() {
    let mut world = World::new().await;
    SKUS.iter().for_each(|sku| price(&world.facts, sku, "2.49"));
    let index = pack(&world.hq, 1, &answers(&SKUS).await, &[]);
    world.want(Document::Cache, 4, &index);
    until(|| is_there(&world, 4)).await;
    let told = world.reported(Document::Cache).unwrap();
    let digest = Digest::of(&index);
    assert_eq!(told.applied, Some(Applied { version: 4, digest }));
    assert_eq!((told.observed, told.stage), (Some(digest), Stage::Committed));
    assert_eq!(ask(&world.cache, &world.facts, "41").await, ("exact", 0));
    price(&world.facts, "41", "1.99");
    assert_eq!(ask(&world.cache, &world.facts, "41").await, ("outdated", 1));
    world.restart().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(events(&world), ["pack.installed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delta_is_taken_where_there_is_one_and_everything_where_it_is_of_no_use() {
    let world = World::new().await;
    SKUS.iter().for_each(|sku| price(&world.facts, sku, "2.49"));
    let all = answers(&SKUS).await;
    let first = pack(&world.hq, 1, &all[..2], &[]);
    world.want(Document::Cache, 1, &first);
    until(|| is_there(&world, 1)).await;
    // Everything of the second cannot be had, so it came by its delta.
    let from = Digest::of(&first);
    let second = pack(&world.hq, 2, &all[1..], &[(from, &all[2..])]);
    let whole = PackIndex::parse(&second).unwrap().packed.unwrap();
    world.hq.remove(whole.digest);
    world.want(Document::Cache, 2, &second);
    until(|| is_there(&world, 2)).await;
    assert_eq!(ask(&world.cache, &world.facts, "43").await, ("exact", 0));
    assert_eq!(ask(&world.cache, &world.facts, "41").await, ("miss", 1));
    // A delta that lacks an entry is of no use.
    let third = pack(&world.hq, 3, &all, &[(Digest::of(&second), &[])]);
    world.want(Document::Cache, 3, &third);
    until(|| is_there(&world, 3)).await;
    assert_eq!(world.reported(Document::Cache).unwrap().observed, Some(Digest::of(&third)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pack_before_comes_back_without_a_network_and_an_empty_one_takes_all() {
    let world = World::new().await;
    SKUS.iter().for_each(|sku| price(&world.facts, sku, "2.49"));
    let all = answers(&SKUS).await;
    let (first, second) = (pack(&world.hq, 1, &all[..1], &[]), pack(&world.hq, 2, &all[1..], &[]));
    for (version, index) in [(1, &first), (2, &second)] {
        world.want(Document::Cache, version, index);
        until(|| is_there(&world, version)).await;
    }
    world.hq.always(Some(Fault::Status(404)));
    world.want(Document::Cache, 3, &first);
    until(|| is_there(&world, 3)).await;
    assert_eq!(ask(&world.cache, &world.facts, "41").await, ("exact", 0));
    assert_eq!(ask(&world.cache, &world.facts, "42").await, ("miss", 1));
    world.hq.always(None);
    world.want(Document::Cache, 4, &pack(&world.hq, 3, &[], &[]));
    until(|| is_there(&world, 4)).await;
    assert_eq!(ask(&world.cache, &world.facts, "41").await, ("miss", 1));
    assert_eq!(ask(&world.cache, &world.facts, "42").await, ("exact", 0), "it was made here");
    let told = ["pack.installed", "pack.installed", "pack.rolled_back", "pack.installed"];
    until(|| events(&world) == told).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_cut_forged_or_no_pack_is_refused_and_told_and_the_one_before_stays() {
    let world = World::new().await;
    SKUS.iter().for_each(|sku| price(&world.facts, sku, "2.49"));
    let all = answers(&SKUS).await;
    let good = pack(&world.hq, 1, &all[..1], &[]);
    world.want(Document::Cache, 1, &good);
    until(|| is_there(&world, 1)).await;
    let failed = |code: &str| {
        let told = world.reported(Document::Cache).unwrap();
        told.failure.is_some_and(|failure| failure.code.as_str() == code)
            && told.applied.unwrap().version == 1
            && told.observed == Some(Digest::of(&good))
    };
    // Compressed bytes that end early, signed as they are.
    let cut = {
        let mut index = PackIndex::parse(&pack(&world.hq, 2, &all, &[])).unwrap();
        let bytes = compressed(&all);
        let bytes = &bytes[..bytes.len() - 3];
        world.hq.put(bytes);
        index.packed = Some(Artefact::of(bytes).unwrap());
        index.to_bytes().unwrap()
    };
    // An entry that is another answer than the index says.
    let exchanged = {
        let mut index = PackIndex::parse(&pack(&world.hq, 3, &all, &[])).unwrap();
        let mut entries = index.entries.to_vec();
        entries[1].digest = Digest([1; 32]);
        index.entries = List::new(entries).unwrap();
        index.to_bytes().unwrap()
    };
    for (version, bytes, code) in
        [(2, cut, "entries"), (3, exchanged, "entries"), (4, b"no pack".to_vec(), "document")]
    {
        world.want(Document::Cache, version, &bytes);
        until(|| failed(code) && world.reported(Document::Cache).unwrap().desired == Some(version))
            .await;
    }
    // The right index from somebody whom nobody believes is not even looked at.
    world.want_signed_by(&[9; 32], Document::Cache, 5, &pack(&world.hq, 5, &all, &[]));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(world.reported(Document::Cache).unwrap().desired, Some(4));
    assert_eq!(ask(&world.cache, &world.facts, "41").await, ("exact", 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_wait_for_the_wan_and_nothing_comes_while_the_time_is_unknown() {
    let hq = ArtefactStore::start().await;
    let folder = tempfile::tempdir().unwrap();
    let facts = Facts::in_memory(FactsConfig::default()).unwrap();
    let file = folder.path().join("answers.redb");
    let cache = Cache::open(Config::default(), facts, Default::default(), &file);
    let index = pack(&hq, 1, &answers(&SKUS).await, &[]);
    let pointer = Pointer {
        target: "acme/store-1/box-a".parse().unwrap(),
        document: Document::Cache,
        version: 1,
        digest: Digest::of(&index),
        size_bytes: index.len() as u64,
        contents: Contents::Path(artefact_path(hq.put(&index))),
        issued: NOW,
        expires: Some(NOW.plus(1000)),
    };
    let bringer = |clock, hold: Option<Hold>| Bringer {
        cache: cache.clone(),
        fetcher: Fetcher::new(
            &folder.path().join("packs"),
            vec![hq.origin(true)],
            None,
            FetchLimits { spare_bytes: 0, ..FetchLimits::default() },
        )
        .unwrap(),
        around: Surroundings {
            time: Arc::new(move || (clock, 0)),
            in_hours: Arc::new(|_| true),
            facts_epoch: Arc::new(|| None),
            gate: Arc::new(move |_| hold.map_or(Ok(()), Err)),
        },
    };
    let bring = async |clock, hold| {
        let cancel = CancellationToken::new();
        bringer(clock, hold).bring(&pointer, &cancel).await
    };
    let known = Clock::Known(NOW);
    let unknown = Clock::Unknown { at_least: NOW };
    assert!(matches!(bring(unknown, None).await, Err(PackFailure::Clock)));
    let over = Clock::Known(NOW.plus(1000));
    assert!(matches!(bring(over, None).await, Err(PackFailure::Expired)));
    let budget = Hold::Budget { until: NOW };
    let held = bring(known, Some(budget)).await.unwrap_err();
    assert!(matches!(held, PackFailure::Fetch(FetchError::Held(_))) && held.may_pass(), "{held}");
    assert_eq!(cache.packs().0, None);
    assert_eq!(bring(known, None).await.unwrap(), Came::Fetched);
    assert_eq!(bring(known, None).await.unwrap(), Came::Already);
    assert_eq!(std::fs::read_dir(folder.path().join("packs")).unwrap().count(), 0, "it is tidy");
}
