//! Random stories of facts, askers, purges and crashes, and what must hold in all of them.
//!
//! A failure names its seed.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::cache::store::Disk;
use crate::facts::Source;
use endcap_testing::power_cut::Disk as Disc;

const SKUS: [&str; 3] = ["a", "b", "c"];
const STORIES: u64 = 60;
const ACTS: usize = 120;

/// What came of an ask: what it was for, what it was told, and when.
struct Told {
    scope: usize,
    sku: usize,
    how: &'static str,
    answer: Option<String>,
    /// Moments between which it was asked and answered.
    from: usize,
    to: usize,
    /// Purges of its product before it was asked.
    purged_at: usize,
}

struct Story {
    random: ChaCha8Rng,
    facts: Facts,
    disc: Disc,
    cache: Cache,
    follow: Option<tokio::task::JoinHandle<()>>,
    /// Each moment's price of each product, in cents; one moment for each change.
    prices: Vec<[i64; 3]>,
    /// Updates of the feed that come late, or never: product, version, price.
    late: Vec<(usize, u64, i64)>,
    versions: [u64; 3],
    /// The moment of each product's last purge.
    purged: [usize; 3],
    asked: Vec<tokio::task::JoinHandle<Told>>,
    clock: Arc<AtomicUsize>,
}

fn scopes() -> [Scope; 3] {
    [Scope::Store, Scope::Shopper(ScopeId::of("anna")), Scope::Shopper(ScopeId::of("bert"))]
}

fn opened(disc: &Disc, facts: &Facts) -> Cache {
    let config = Config { write_pause: Duration::from_micros(200), ..Config::default() };
    let disk = Disk::with_backend(disc.clone()).unwrap();
    let kept = disk.take_up().unwrap();
    Cache::of_disk(config, facts.clone(), CacheMetrics::default(), (Arc::new(disk), kept))
}

impl Story {
    fn new(seed: u64) -> Self {
        let (facts, disc) = (facts(), Disc::default());
        let cache = opened(&disc, &facts);
        let mut story = Self {
            random: ChaCha8Rng::seed_from_u64(seed),
            facts,
            disc,
            cache,
            follow: None,
            prices: vec![[0; 3]],
            late: Vec::new(),
            versions: [0; 3],
            purged: [0; 3],
            asked: Vec::new(),
            clock: Arc::default(),
        };
        (0..3).for_each(|sku| story.update(sku));
        story
    }

    fn below(&mut self, limit: usize) -> usize {
        self.random.next_u32() as usize % limit
    }

    /// A change of the feed: at once, later, twice, or never.
    fn update(&mut self, sku: usize) {
        self.versions[sku] += 1;
        let (version, cents) = (self.versions[sku], 100 + self.below(900) as i64);
        match self.below(5) {
            0 => self.late.push((sku, version, cents)),
            1 => {
                self.write(sku, version, cents);
                self.late.push((sku, version, cents));
            }
            _ => self.write(sku, version, cents),
        }
    }

    fn write(&mut self, sku: usize, version: u64, cents: i64) {
        let value = serde_json::json!({ "amount": cents as f64 / 100.0, "currency": "USD" });
        let fact = Fact::parse(Table::Prices, value.to_string().as_bytes()).unwrap();
        let source = Some(Source { epoch: 0, version });
        let change = Change::Put { id: SKUS[sku].parse().unwrap(), fact, source };
        let mut moment = *self.prices.last().unwrap();
        let written = self.facts.write(Batch::of(change), UnixSeconds::now()).unwrap();
        // Late and doubled updates change nothing.
        if written.outcomes.created + written.outcomes.changed > 0 {
            moment[sku] = cents;
        }
        self.prices.push(moment);
        self.clock.store(self.prices.len() - 1, Ordering::SeqCst);
    }

    /// Asks, perhaps with patience, perhaps leaving early.
    fn ask(&mut self) {
        let (scope, sku) = (self.below(3), self.below(3));
        let (pause, leaves) = (self.below(4), self.below(8) == 0);
        let (cache, clock) = (self.cache.clone(), Arc::clone(&self.clock));
        let generate = maker(&self.facts, &clock, scope, sku, pause);
        let (from, purged_at) = (self.prices.len() - 1, self.purged[sku]);
        self.asked.push(tokio::spawn(async move {
            let asked = ask_in(scopes()[scope], SKUS[sku]);
            let mut told =
                Told { scope, sku, how: "none", answer: None, from, to: from, purged_at };
            let answer = cache.ask(asked, std::future::ready(None), generate).await;
            if let Ok(mut answer) = answer {
                told.how = answer.status().how.name();
                if leaves {
                    let _ = answer.next().await;
                } else if let Ok(events) = answer.collect().await {
                    told.answer = Some(events.iter().map(text_of).collect());
                }
            }
            told.to = clock.load(Ordering::SeqCst);
            told
        }));
    }

    fn purge(&mut self) {
        let sku = self.below(3);
        self.cache.purge(&Purge::Product(SKUS[sku].into()));
        self.cache.flush();
        let names = crate::cache::tidy::about(SKUS[sku]);
        let left = self.cache.0.exact.standing_on(&names).len();
        assert_eq!(left, 0, "a purge left something");
        // From here on nothing made before is given.
        self.prices.push(*self.prices.last().unwrap());
        self.purged[sku] = self.prices.len() - 1;
        self.clock.store(self.purged[sku], Ordering::SeqCst);
    }

    /// The box loses its power and comes back; whoever waited is gone.
    fn crash(&mut self) {
        self.asked.drain(..).for_each(|asked| asked.abort());
        if let Some(follow) = self.follow.take() {
            follow.abort();
        }
        let seed = self.random.next_u64();
        let images = self.disc.images(seed);
        let image = images[self.below(images.len())].clone();
        self.disc = Disc::of(image);
        self.cache = opened(&self.disc, &self.facts);
    }

    async fn act(&mut self) {
        match self.below(20) {
            0..=3 => {
                let sku = self.below(3);
                self.update(sku);
            }
            4 if !self.late.is_empty() => {
                let at = self.below(self.late.len());
                let (sku, version, cents) = self.late.swap_remove(at);
                self.write(sku, version, cents);
            }
            5 => self.purge(),
            6 => self.crash(),
            7 => match self.follow.take() {
                // Whoever tidies may be late, or not there at all.
                Some(follow) => follow.abort(),
                None => self.follow = Some(tokio::spawn(self.cache.clone().follow_facts())),
            },
            8 => tokio::time::sleep(Duration::from_micros(300)).await,
            9..=11 => tokio::task::yield_now().await,
            _ => self.ask(),
        }
    }
}

fn text_of(event: &Event) -> &str {
    match event {
        Event::Chunk { chunk, .. } => &chunk.text,
        Event::Note(_) | Event::Withheld { .. } => "",
    }
}

/// Reads the price, waits, and says it piece by piece: scope, product, moment, cents.
fn maker(
    facts: &Facts,
    clock: &Arc<AtomicUsize>,
    scope: usize,
    sku: usize,
    pause: usize,
) -> Generate {
    let (facts, clock) = (facts.clone(), Arc::clone(clock));
    Arc::new(move || {
        let moment = clock.load(Ordering::SeqCst);
        let mut reader = facts.reader(UnixSeconds::now());
        let cents = reader.price(SKUS[sku]).map_or(0, |price| price.amount.minor());
        let mut steps = vec![Step::Read(reader.finish())];
        let parts = [scope as i64, sku as i64, moment as i64, cents].map(|n| format!("{n} "));
        steps.extend(words(&parts.each_ref().map(String::as_str)));
        let slowly = unfold(steps.into_iter(), move |mut steps| async move {
            for _ in 0..pause {
                tokio::task::yield_now().await;
            }
            Some((Ok(steps.next()?), steps))
        });
        Ok(slowly.boxed())
    })
}

fn check(told: &Told, prices: &[[i64; 3]], seed: u64) {
    let Some(answer) = &told.answer else { return };
    let numbers: Vec<i64> = answer.split_whitespace().map(|n| n.parse().unwrap()).collect();
    let [scope, sku, made, cents] = numbers[..] else { panic!("seed {seed}: {answer}") };
    let said = format!("seed {seed}: {} answer `{answer}`", told.how);
    assert_eq!((scope, sku), (told.scope as i64, told.sku as i64), "{said} of another");
    let meanwhile = &prices[told.from..=told.to];
    let right = meanwhile.iter().any(|moment| moment[told.sku] == cents);
    assert!(right, "{said} is older than the facts: {meanwhile:?}");
    assert!(made as usize >= told.purged_at, "{said} was purged at {}", told.purged_at);
}

#[tokio::test]
async fn no_answer_is_older_than_the_facts_none_crosses_a_scope_and_no_purge_leaves_any() {
    let (mut hits, mut joined) = (0, 0);
    for seed in 0..STORIES {
        let mut story = Story::new(seed);
        for _ in 0..ACTS {
            story.act().await;
            for at in (0..story.asked.len()).rev() {
                if story.asked[at].is_finished() {
                    let told = story.asked.swap_remove(at).await.unwrap();
                    hits += usize::from(told.how == "exact");
                    joined += usize::from(told.how == "joined");
                    check(&told, &story.prices, seed);
                }
            }
        }
        for asked in std::mem::take(&mut story.asked) {
            check(&asked.await.unwrap(), &story.prices, seed);
        }
    }
    assert!(hits > 200 && joined > 100, "the stories tell too little: {hits} {joined}");
}
