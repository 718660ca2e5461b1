//! Answers that nobody waits for.

use std::sync::Mutex;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use tokio::task::JoinHandle;

use super::*;

/// Makes answers that tell a price.
pub(super) struct Prices {
    facts: Facts,
    /// What comes of a recipe; a price where nothing else is said.
    comes: Mutex<Box<dyn Fn(&str) -> Option<Again> + Send>>,
    made: AtomicUsize,
}

impl Prices {
    pub(super) fn of(facts: &Facts) -> Arc<Self> {
        let comes = Mutex::new(Box::new(|_: &str| None) as Box<_>);
        Arc::new(Self { facts: facts.clone(), comes, made: AtomicUsize::new(0) })
    }

    fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }

    pub(super) fn will(&self, comes: impl Fn(&str) -> Option<Again> + Send + 'static) {
        *self.comes.lock().unwrap() = Box::new(comes);
    }
}

impl Maker for Prices {
    fn again<'a>(&'a self, recipe: &'a Recipe) -> BoxFuture<'a, Again> {
        self.made.fetch_add(1, Ordering::SeqCst);
        let sku: String = recipe.order().unwrap();
        let comes = (self.comes.lock().unwrap())(&sku);
        ready(comes.unwrap_or_else(|| Again::Now(asked(&sku).into(), pricing(&self.facts, &sku).0)))
            .boxed()
    }
}

pub(super) fn asked(sku: &str) -> Ask {
    Ask { recipe: Recipe::of("prices", &sku), ..ask(sku) }
}

/// A cache that follows its facts and works at night, while nobody else uses so many models.
struct Shop {
    facts: Facts,
    cache: Cache,
    maker: Arc<Prices>,
    others: Arc<AtomicUsize>,
    tasks: [JoinHandle<()>; 2],
}

impl Shop {
    /// It was asked `times` times for each of these prices.
    async fn asked_for(skus: &[(&str, usize)]) -> Self {
        let facts = facts();
        let (cache, maker) = (cache_of(&facts), Prices::of(&facts));
        for (sku, times) in skus {
            price(&facts, sku, 3.49);
            for _ in 0..*times {
                ask_text(&cache, asked(sku), &pricing(&facts, sku).0).await;
            }
        }
        let others = Arc::new(AtomicUsize::new(0));
        let used = Arc::clone(&others);
        let idle = move |own| used.load(Ordering::SeqCst) <= own;
        let tasks = [
            tokio::spawn(cache.clone().work_at_night(Arc::<Prices>::clone(&maker), idle)),
            tokio::spawn(cache.clone().follow_facts()),
        ];
        tokio::task::yield_now().await;
        Self { facts, cache, maker, others, tasks }
    }

    /// So many models are used by others.
    fn others(&self, use_models: usize) {
        self.others.store(use_models, Ordering::SeqCst);
    }

    fn came_to(&self, outcome: &'static str) -> u64 {
        self.cache.0.metrics.nights("prices", outcome)
    }

    async fn told(&self, sku: &str) -> (&'static str, String) {
        let (generate, by_day) = pricing(&self.facts, sku);
        let told = ask_text(&self.cache, asked(sku), &generate).await;
        let made = usize::from(told.0 != "exact");
        assert_eq!(by_day.load(Ordering::SeqCst), made);
        told
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

#[tokio::test]
async fn what_died_and_was_popular_is_made_anew_when_the_box_is_idle() {
    let shop = Shop::asked_for(&[("cold", 1), ("hot", 5)]).await;
    shop.others(1);
    price(&shop.facts, "cold", 2.99);
    price(&shop.facts, "hot", 2.99);
    until(|| shop.cache.kept().entries == 0).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(shop.maker.made(), 0, "others need the box");
    shop.others(0);
    until(|| shop.came_to("made") == 1).await;
    assert_eq!(shop.cache.kept().entries, 1);
    assert_eq!(shop.told("hot").await, ("exact", "2.99 USD".into()));
    let stats = shop.cache.stats(&["chat"]);
    let answers = &stats.routes["chat"].answers;
    assert_eq!((answers["exact"], answers["miss"]), (5, 2), "what nobody asked for is not counted");
    assert_eq!(shop.told("cold").await.0, "miss");
}

#[tokio::test]
async fn it_gives_way_to_whoever_comes_and_begins_again_later() {
    let shop = Shop::asked_for(&[("41", 3)]).await;
    let (generate, mut hand) = Hand::new();
    shop.maker.will(move |sku| Some(Again::Now(asked(sku).into(), Arc::clone(&generate))));
    price(&shop.facts, "41", 2.99);
    let say = hand.next().await;
    shop.others(2);
    tokio::time::timeout(Duration::from_secs(5), say.closed()).await.unwrap();
    until(|| shop.came_to("gave_way") == 1).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(hand.is_idle(), "nothing is begun meanwhile");
    shop.maker.will(|_| None);
    shop.others(0);
    until(|| shop.came_to("made") == 1).await;
    assert_eq!(shop.told("41").await, ("exact", "2.99 USD".into()));
}

#[tokio::test]
async fn whoever_asks_for_what_is_being_made_at_night_gets_it() {
    let shop = Shop::asked_for(&[("41", 3)]).await;
    let (generate, mut hand) = Hand::new();
    shop.maker.will(move |sku| Some(Again::Now(asked(sku).into(), Arc::clone(&generate))));
    price(&shop.facts, "41", 2.99);
    let say = hand.next().await;
    let (by_day, _) = pricing(&shop.facts, "41");
    let answer = get(&shop.cache, asked("41"), &by_day).await;
    shop.others(2);
    until(|| shop.came_to("gave_way") == 1).await;
    for step in words(&["as", "made"]) {
        say.send(Ok(step)).unwrap();
    }
    drop(say);
    assert_eq!(text(answer).await, ("joined", "asmade".into()));
}

#[tokio::test]
async fn what_makes_no_sense_any_more_is_not_made() {
    for (comes, outcome) in [
        ((|_| Some(Again::Never)) as fn(&str) -> Option<Again>, "dropped"),
        (|_| Some(Again::Now(ask("another question").into(), saying(words(&["?"])).0)), "dropped"),
        (|sku| Some(Again::Now(asked(sku).into(), saying(vec![Step::Unfit]).0)), "failed"),
    ] {
        let shop = Shop::asked_for(&[("41", 3)]).await;
        shop.maker.will(comes);
        price(&shop.facts, "41", 2.99);
        until(|| shop.came_to(outcome) == 1).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert_eq!((shop.maker.made(), shop.cache.kept().entries), (1, 0), "{outcome}");
    }
}

#[tokio::test]
async fn popularity_outlives_two_changes_of_one_night_and_fades() {
    let shop = Shop::asked_for(&[("41", 4)]).await;
    for (night, amount) in [(1, 2.99), (2, 2.49), (3, 1.99)] {
        price(&shop.facts, "41", amount);
        if night < 3 {
            until(|| shop.came_to("made") == night).await;
        }
    }
    until(|| shop.cache.kept().entries == 0).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(shop.came_to("made"), 2, "nobody has asked for it for long");
}

#[tokio::test]
async fn what_somebody_purged_is_not_made_again() {
    let shop = Shop::asked_for(&[("41", 5)]).await;
    shop.others(1);
    price(&shop.facts, "41", 2.99);
    until(|| shop.cache.kept().entries == 0).await;
    shop.cache.purge(&Purge::All);
    shop.others(0);
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(shop.maker.made(), 0);
}

#[test]
fn a_recipe_has_a_limit() {
    let fits = Recipe::of("prices", &"x".repeat(4_000)).unwrap();
    assert_eq!(fits.order::<String>().unwrap().len(), 4_000);
    assert_eq!(Recipe::of("prices", &"x".repeat(5_000)), None);
    assert_eq!(Recipe { order: vec![200], ..fits }.order::<String>(), None);
}
