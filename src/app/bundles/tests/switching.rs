//! From one bundle to another while the shop asks.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::shop::*;
use crate::api::Served;
use crate::api::shelf::Shelf as _;
use crate::engine::{Request, Sampling, Scope};
use crate::reconcile::bundle::Stage as _;

const QUESTION: &str = "Where is the milk?";

/// An answer of whoever has a name now: the package and its text.
async fn answer(shop: &Shop, name: &str, tokens: usize) -> (String, String) {
    let lease = shop.shelf.lend(name.into()).await.unwrap();
    let Served::Language(served) = lease.served().clone() else { panic!("{name} is a graph") };
    let request = Request {
        prompt: served.model.tokenizer().encode(&prompt(&served, QUESTION), true).unwrap(),
        sampling: Sampling { temperature: 0.0, ..Sampling::default() },
        max_tokens: tokens,
        stop: Vec::new(),
        logprobs: None,
        deadline: None,
        scope: Scope::Public,
        constraint: None,
    };
    let mut generation = served.model.generate(request).unwrap();
    let (mut text, mut ended) = (String::new(), false);
    while let Some(chunk) = generation.next().await {
        let chunk = chunk.unwrap();
        text.push_str(&chunk.text);
        ended |= chunk.finish.is_some();
        // As a slow line takes it.
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    assert!(ended, "an answer of {} was cut", served.name);
    (served.name.clone(), text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_dropped_over_a_switch_and_back_and_each_answer_is_of_one_bundle() {
    let shop = Arc::new(Shop::new());
    let first = shop.lay("first", &[shop.model(MODEL)], |_| {});
    let second = shop.lay("second", &[shop.model(MODEL), template(OTHER_TEMPLATE)], |_| {});
    shop.arrange(Some(first), None).await.unwrap();
    let (one, text_of_one) = answer(&shop, ALIAS, 60).await;
    shop.arrange(Some(second), Some(first)).await.unwrap();
    let (two, text_of_two) = answer(&shop, ALIAS, 60).await;
    assert_ne!(text_of_one, text_of_two);
    let known: BTreeSet<_> = [(one, text_of_one), (two, text_of_two)].into();

    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let asker = || {
        let (shop, stop, asked) = (Arc::clone(&shop), Arc::clone(&stop), Arc::clone(&asked));
        async move {
            let mut seen = BTreeSet::new();
            while !stop.load(Ordering::Relaxed) {
                seen.insert(answer(&shop, ALIAS, 60).await);
                asked.fetch_add(1, Ordering::Relaxed);
            }
            seen
        }
    };
    let askers: Vec<_> = (0..6).map(|_| tokio::spawn(asker())).collect();
    let some_more = || async {
        let before = asked.load(Ordering::Relaxed);
        while asked.load(Ordering::Relaxed) < before + 12 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    for round in 0..4 {
        // On trial, then back; what was on trial leaves memory, and the disk as well.
        shop.arrange(Some(second), Some(first)).await.unwrap();
        assert_eq!(shop.running().await, Some(second), "round {round}");
        some_more().await;
        shop.arrange(Some(first), None).await.unwrap();
        shop.stage.tidy(&[first]).await.unwrap();
        assert_eq!(shop.running().await, Some(first), "round {round}");
        some_more().await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut seen = BTreeSet::new();
    for asker in askers {
        seen.extend(asker.await.expect("no request failed"));
    }
    assert_eq!(seen, known, "both answered, and nothing else was said");
    assert!(asked.load(Ordering::Relaxed) > 40);
}
