//! What a hundred thousand answers cost. Run alone, built for release:
//! `cargo test --release --package endcap-cache -- --ignored --nocapture a_hundred_thousand_answers`.

#![allow(clippy::print_stdout, reason = "figures are what it is for")]

use std::time::Instant;

use super::*;

const ENTRIES: usize = 100_000;
const PRODUCTS: usize = 5_000;

fn percentile(mut times: Vec<Duration>, share: f64) -> Duration {
    times.sort();
    times[(times.len() as f64 * share) as usize]
}

fn print(what: &str, time: Duration) {
    println!("{what:44} {:9.3} ms", time.as_secs_f64() * 1e3);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures: takes half a minute, and the machine alone"]
async fn a_hundred_thousand_answers_start_in_a_second_and_let_go_of_a_product_in_ten_milliseconds()
{
    let folder = tempfile::tempdir().unwrap();
    let (file, facts) = (folder.path().join("answers.redb"), facts());
    let config = Config { disk_bytes: 4 << 30, memory_bytes: 256 << 20, ..Config::default() };
    let cache = Cache::open(config.clone(), facts.clone(), CacheMetrics::default(), &file);
    let batch = |skus: std::ops::Range<usize>| {
        let put = |sku: usize| {
            let value = serde_json::json!({ "amount": 3.49, "currency": "USD" });
            let fact = Fact::parse(Table::Prices, value.to_string().as_bytes()).unwrap();
            Change::Put { id: format!("{sku}").parse().unwrap(), fact, source: None }
        };
        Batch { changes: skus.map(put).collect(), idempotency: None }
    };
    facts.write(batch(0..PRODUCTS), UnixSeconds::now()).unwrap();
    let began = Instant::now();
    for at in 0..ENTRIES {
        let (again, sku) = (facts.clone(), format!("{}", at % PRODUCTS));
        let generate: Generate = Arc::new(move || {
            let mut reader = again.reader(UnixSeconds::now());
            let _ = (reader.product(&sku), reader.price(&sku), reader.promotions_of(&sku));
            let steps = [vec![Step::Read(reader.finish())], words(&["A tasty ", "product."])];
            Ok(iter(steps.concat()).map(Ok).boxed())
        });
        ask_text(&cache, ask(&at.to_string()), &generate).await;
    }
    print("making them, each", began.elapsed() / ENTRIES as u32);
    cache.flush();
    let kept = cache.kept();
    println!("{kept:?}, the file has {} bytes", std::fs::metadata(&file).unwrap().len());
    assert_eq!(kept.entries, ENTRIES as u64);
    until(|| Arc::strong_count(&cache.0) == 1).await;
    drop(cache);

    let began = Instant::now();
    let cache = Cache::open(config, facts.clone(), CacheMetrics::default(), &file);
    let start = began.elapsed();
    print("starting with them", start);
    assert_eq!(cache.kept().entries, ENTRIES as u64);

    let (generate, made) = saying(words(&["wrong"]));
    let mut hits = Vec::new();
    for round in 0..2 {
        for at in 0..2_000 {
            let began = Instant::now();
            get(&cache, ask(&(at * 7).to_string()), &generate).await;
            hits.push(began.elapsed());
        }
        let place = ["disk", "memory"][round];
        print(&format!("a hit from {place}, median"), percentile(hits.split_off(0), 0.5));
    }
    assert_eq!(made.load(Ordering::SeqCst), 0);

    let mut purges = Vec::new();
    for sku in 0..200 {
        let began = Instant::now();
        let dropped = cache.purge(&Purge::Product(sku.to_string()));
        purges.push(began.elapsed());
        assert_eq!(dropped.entries, ENTRIES / PRODUCTS);
    }
    let purge = percentile(purges, 0.99);
    print("purging one product, 99th percentile", purge);
    let began = Instant::now();
    assert_eq!(cache.purge(&Purge::fact("promotions:everything").unwrap()).entries, 96_000);
    print("purging what stands on a group of them all", began.elapsed());
    assert!(start < Duration::from_secs(1) && purge < Duration::from_millis(10));
}
