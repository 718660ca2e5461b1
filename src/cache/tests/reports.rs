//! What people ask of the cache.

use super::*;

#[tokio::test]
async fn why_says_what_an_answer_stands_on_and_what_became_of_it() {
    let facts = facts();
    let cache = cache_of(&facts);
    price(&facts, "41", 3.49);
    let (generate, _) = pricing(&facts, "41");
    let answer = get(&cache, ask("41?"), &generate).await;
    let id = answer.status().id.clone().unwrap();
    text(answer).await;
    ask_text(&cache, ask("41?"), &generate).await;
    let why = cache.why(&id[..6]).pop().unwrap();
    assert_eq!((why.id.as_str(), why.asked, why.provenance.model.as_str()), (&*id, 2, "tiny"));
    assert!(why.facts.iter().any(|(name, _)| name == "prices:41"), "{why:?}");
    assert_eq!(why.standing, "its facts are as they were");
    price(&facts, "41", 2.99);
    assert_eq!(cache.why(&id).pop().unwrap().standing, "prices:41 has changed");
    assert!(cache.why("ffffffffffffffff").is_empty() && cache.why("").is_empty());
}

#[tokio::test]
async fn figures_add_up() {
    let cache = cache_of(&facts());
    let (generate, _) = saying(words(&["four"]));
    for _ in 0..3 {
        ask_text(&cache, ask("milk?"), &generate).await;
    }
    ask_text(&cache, Ask { policy: Policy::BYPASS, ..ask("milk?") }, &generate).await;
    let stats = cache.stats(&["chat", "copy"]);
    let expected = [("bypass", 1), ("exact", 2), ("miss", 1)];
    assert_eq!(stats.routes["chat"].answers, expected.into());
    assert_eq!(stats.routes["chat"].saved_tokens, 6);
    assert!(stats.routes["copy"].answers.is_empty());
    assert_eq!((stats.kept.entries, stats.making), (1, 0));
    assert!(stats.kept.memory_bytes > 0 && stats.kept.disk_bytes == 0);
    assert_eq!(cache.purge(&Purge::All).entries, 1);
    assert_eq!(cache.stats(&[]).gone["purged"], 1);
    assert_eq!(cache.kept(), Kept::default());
}

#[tokio::test]
async fn a_purge_forgets_what_it_names_and_ends_what_is_being_made_of_it() {
    let facts = facts();
    let cache = cache_of(&facts);
    price(&facts, "41", 3.49);
    let purges = |id: String| {
        [
            Purge::All,
            Purge::Answer(id),
            Purge::fact("prices:41").unwrap(),
            Purge::Product("41".into()),
            Purge::Model("tiny".into()),
        ]
    };
    for at in 0..5 {
        let (generate, _) = pricing(&facts, "41");
        let answer = get(&cache, ask("41?"), &generate).await;
        let id = answer.status().id.clone().unwrap();
        assert_eq!(text(answer).await.0, "miss", "{at}");
        assert_eq!(cache.purge(&purges(id)[at]).entries, 1);
    }
    assert!(Purge::fact("price 41").is_err());
    let (generate, mut hand) = Hand::new();
    let mut answer = get(&cache, ask("41?"), &generate).await;
    let say = hand.next().await;
    say.send(Ok(Step::Read(read_price(&facts, "41").0))).unwrap();
    say.send(Ok(said("It costs"))).unwrap();
    assert!(answer.next().await.unwrap().is_ok());
    assert_eq!(cache.purge(&Purge::Product("41".into())).flights, 1);
    assert!(matches!(answer.next().await, Some(Err(Failure::Recalled { .. }))));
}

#[tokio::test]
async fn room_is_made_by_what_is_least_worth() {
    let config = Config { memory_bytes: 200_000, ..Config::default() };
    let cache = Cache::in_memory(config, facts(), CacheMetrics::default());
    let (generate, _) = saying(words(&[&"x".repeat(1_000)]));
    for _ in 0..20 {
        ask_text(&cache, ask("often"), &generate).await;
    }
    for at in 0..1_000 {
        ask_text(&cache, ask(&format!("once {at}")), &generate).await;
    }
    let kept = cache.kept();
    assert!(kept.memory_bytes <= 200_000 && kept.entries > 80, "{kept:?}");
    assert_eq!(ask_text(&cache, ask("often"), &generate).await.0, "exact");
}
