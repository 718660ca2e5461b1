//! Answers to other questions of the same meaning, through the whole cache.

use super::*;
use crate::cache::evaluation::Threshold;

fn calibration() -> Calibration {
    let least = Threshold { similarity: 0.6, hits: 1000, false_hits: 0 };
    Calibration {
        encoder: "e".into(),
        budget: 0.005,
        thresholds: [(Category::Usage, least)].into(),
    }
}

fn asked(scope: Scope, text: &str) -> Ask {
    let family = KeyBuilder::new("test").finish(scope);
    let question = Question { text: text.into(), category: "usage".into(), family };
    Ask { policy: Policy::SEMANTIC, question: Some(question), ..ask_in(scope, text) }
}

async fn of(cache: &Cache, ask: Ask, generate: &Generate) -> (&'static str, String) {
    // Every text has the same vector: only the guards tell them apart.
    let vector: Vector = std::iter::once(1.0).chain([0.0; 383]).collect();
    let vector = std::future::ready(Some(vector));
    text(cache.ask(ask, vector, Arc::clone(generate)).await.unwrap()).await
}

#[tokio::test]
async fn the_same_meaning_in_the_same_scope_gets_the_kept_answer() {
    let cache = cache_of(&facts());
    cache.calibrate(calibration());
    let (generate, made) = saying(words(&["yes"]));
    let first = asked(Scope::Store, "Can I freeze oat milk?");
    assert_eq!(of(&cache, first, &generate).await, ("miss", "yes".into()));
    let same = || asked(Scope::Store, "is it possible to freeze oat milk");
    assert_eq!(of(&cache, same(), &generate).await, ("semantic", "yes".into()));
    let before = made.load(Ordering::SeqCst);
    let (other, other_made) = saying(words(&["no"]));
    for ask in [
        asked(Scope::Store, "Can I freeze soy milk?"),
        asked(Scope::Store, "Can I not freeze oat milk?"),
        asked(Scope::Shopper(ScopeId::of("b")), "Can oat milk be frozen?"),
        Ask { policy: Policy::EXACT, ..asked(Scope::Store, "Can you freeze oat milk?") },
    ] {
        assert_eq!(of(&cache, ask, &other).await, ("miss", "no".into()));
    }
    assert_eq!(other_made.load(Ordering::SeqCst), 4);
    assert!(made.load(Ordering::SeqCst) >= before);
}

#[tokio::test]
async fn hits_that_prove_false_switch_their_category_off() {
    let cache = cache_of(&facts());
    cache.calibrate(calibration());
    let (generate, _) = saying(words(&["for ", "3 ", "months"]));
    of(&cache, asked(Scope::Store, "Can I freeze oat milk?"), &generate).await;
    // What would be made for the other question is something else.
    let (other, _) = saying(words(&["for ", "6 ", "months"]));
    let same = || asked(Scope::Store, "is it possible to freeze oat milk");
    assert_eq!(of(&cache, same(), &other).await.0, "semantic");
    let off = async {
        while of(&cache, same(), &other).await.0 == "semantic" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), off).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_is_gone_is_not_given_by_its_meaning() {
    let cache = cache_of(&facts());
    cache.calibrate(calibration());
    let (generate, _) = saying(words(&["yes"]));
    of(&cache, asked(Scope::Store, "Can I freeze oat milk?"), &generate).await;
    cache.purge(&Purge::All);
    let same = asked(Scope::Store, "is it possible to freeze oat milk");
    assert_eq!(of(&cache, same, &generate).await.0, "miss");
}

#[tokio::test]
async fn an_answer_made_at_night_is_found_by_its_meaning_without_an_encoder() {
    let facts = facts();
    let cache = cache_of(&facts);
    cache.calibrate(calibration());
    price(&facts, "41", 3.49);
    let question = || Ask {
        recipe: Recipe::of("prices", &"41"),
        ..asked(Scope::Store, "Can I freeze oat milk?")
    };
    for _ in 0..2 {
        of(&cache, question(), &pricing(&facts, "41").0).await;
    }
    let (maker, known) = (night::Prices::of(&facts), facts.clone());
    maker.will(move |_| Some(Again::Now(question().into(), pricing(&known, "41").0)));
    let follow = tokio::spawn(cache.clone().follow_facts());
    let night = tokio::spawn(cache.clone().work_at_night(maker, |_| true));
    tokio::task::yield_now().await;
    price(&facts, "41", 2.99);
    until(|| cache.0.metrics.nights("prices", "made") == 1).await;
    let same = asked(Scope::Store, "is it possible to freeze oat milk");
    let (generate, _) = pricing(&facts, "41");
    assert_eq!(of(&cache, same, &generate).await, ("semantic", "2.99 USD".into()));
    follow.abort();
    night.abort();
}

#[tokio::test]
async fn routes_are_set_while_the_cache_runs_and_questions_get_room_when_one_asks_for_them() {
    let exact = || BTreeMap::from([("ask".to_owned(), Tiers::Exact)]);
    let config = Config { routes: exact(), memory_bytes: 400_000, ..Config::default() };
    let cache = Cache::in_memory(config, facts(), CacheMetrics::default());
    cache.calibrate(calibration());
    let limit = |cache: &Cache| cache.stats(&[]).memory_limit_bytes;
    let alone = limit(&cache);
    assert!(!cache.policy("ask", "tiny").semantic);
    cache.set_routes(BTreeMap::from([("ask".to_owned(), Tiers::Semantic)]));
    assert_eq!((cache.policy("ask", "tiny").semantic, limit(&cache)), (true, alone - 100_000));
    let (generate, _) = saying(words(&["yes"]));
    of(&cache, asked(Scope::Store, "Can I freeze oat milk?"), &generate).await;
    let same = || asked(Scope::Store, "is it possible to freeze oat milk");
    assert_eq!(of(&cache, same(), &generate).await.0, "semantic");
    cache.set_routes(BTreeMap::from([("ask".to_owned(), Tiers::Off)]));
    assert_eq!((cache.policy("ask", "tiny").read, limit(&cache)), (false, alone));
    cache.set_routes(exact());
    let once = asked(Scope::Store, "Can I freeze oat milk?");
    let again = Ask { policy: cache.policy("ask", "tiny"), ..once };
    assert_eq!(of(&cache, again, &generate).await.0, "exact", "what was kept is there");
}

#[tokio::test]
async fn a_smaller_room_for_questions_lets_the_oldest_go() {
    let cache = cache_of(&facts());
    cache.calibrate(calibration());
    let (generate, _) = saying(words(&["yes"]));
    for what in ["oat", "soy", "rice"] {
        let question = format!("Can I freeze {what} milk?");
        of(&cache, asked(Scope::Store, &question), &generate).await;
    }
    cache.0.semantic.set_memory(2 * 1536);
    let again = |what| asked(Scope::Store, what);
    let (other, _) = saying(words(&["anew"]));
    for (question, how) in [
        ("is it possible to freeze rice milk", "semantic"),
        ("is it possible to freeze soy milk", "semantic"),
        ("is it possible to freeze oat milk", "miss"),
    ] {
        assert_eq!(of(&cache, again(question), &other).await.0, how, "{question}");
    }
}
