//! Answers that nobody waits for.

use super::*;

struct Prices {
    facts: Facts,
    made: Arc<AtomicUsize>,
}

impl Maker for Prices {
    fn name(&self) -> &str {
        "prices"
    }

    fn again(&self, order: &[u8]) -> Option<(Ask, Option<Vector>, Generate)> {
        self.made.fetch_add(1, Ordering::SeqCst);
        let sku = String::from_utf8(order.to_vec()).ok()?;
        Some((asked(&sku), None, pricing(&self.facts, &sku).0))
    }
}

fn asked(sku: &str) -> Ask {
    let recipe = Recipe { maker: "prices".into(), order: sku.as_bytes().to_vec() };
    Ask { recipe: Some(recipe), ..ask(sku) }
}

#[tokio::test]
async fn what_died_and_was_popular_is_made_anew_when_the_box_is_idle() {
    let facts = facts();
    let cache = cache_of(&facts);
    let made = Arc::new(AtomicUsize::new(0));
    cache.register(Arc::new(Prices { facts: facts.clone(), made: Arc::clone(&made) }));
    for (sku, times) in [("cold", 1), ("hot", 5)] {
        price(&facts, sku, 3.49);
        for _ in 0..times {
            ask_text(&cache, asked(sku), &pricing(&facts, sku).0).await;
        }
    }
    let busy = Arc::new(AtomicUsize::new(1));
    let (others, follow) = (Arc::clone(&busy), tokio::spawn(cache.clone().follow_facts()));
    let idle = move |own| others.load(Ordering::SeqCst) <= own;
    let night = tokio::spawn(cache.clone().work_at_night(idle));
    tokio::task::yield_now().await;
    price(&facts, "cold", 2.99);
    price(&facts, "hot", 2.99);
    until(|| cache.kept().entries == 0).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(made.load(Ordering::SeqCst), 0, "others need the box");
    busy.store(0, Ordering::SeqCst);
    until(|| cache.kept().entries == 1).await;
    let (generate, by_day) = pricing(&facts, "hot");
    assert_eq!(ask_text(&cache, asked("hot"), &generate).await, ("exact", "2.99 USD".into()));
    assert_eq!((made.load(Ordering::SeqCst), by_day.load(Ordering::SeqCst)), (1, 0));
    night.abort();
    follow.abort();
}
