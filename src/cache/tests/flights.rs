//! One making for all who ask the same at once.

use super::*;

#[tokio::test]
async fn a_hundred_equal_streams_are_one_making() {
    let cache = cache_of(&facts());
    let (generate, mut hand) = Hand::new();
    let mut answers = vec![get(&cache, ask("milk?"), &generate).await];
    let say = hand.next().await;
    say.send(Ok(said("Aisle"))).unwrap();
    for _ in 1..100 {
        answers.push(get(&cache, ask("milk?"), &generate).await);
    }
    assert!(hand.is_idle(), "the others joined");
    let readers: Vec<_> = answers.into_iter().map(|answer| tokio::spawn(text(answer))).collect();
    for step in words(&[" ", "four"]) {
        tokio::task::yield_now().await;
        say.send(Ok(step)).unwrap();
    }
    drop(say);
    let mut hows = Vec::new();
    for reader in readers {
        let (how, text) = reader.await.unwrap();
        assert_eq!(text, "Aisle four");
        hows.push(how);
    }
    assert_eq!(hows.iter().filter(|how| **how == "miss").count(), 1);
    assert_eq!(hows.iter().filter(|how| **how == "joined").count(), 99);
    assert_eq!(ask_text(&cache, ask("milk?"), &generate).await, ("exact", "Aisle four".into()));
    assert!(hand.is_idle());
}

#[tokio::test]
async fn the_first_ones_leaving_ends_nothing_for_the_rest() {
    let cache = cache_of(&facts());
    let (generate, mut hand) = Hand::new();
    let mut first = get(&cache, ask("milk?"), &generate).await;
    let say = hand.next().await;
    say.send(Ok(said("Aisle"))).unwrap();
    assert!(first.next().await.unwrap().is_ok());
    let second = get(&cache, ask("milk?"), &generate).await;
    drop(first);
    for step in words(&[" four"]) {
        say.send(Ok(step)).unwrap();
    }
    drop(say);
    assert_eq!(text(second).await, ("joined", "Aisle four".into()));
    assert_eq!(ask_text(&cache, ask("milk?"), &generate).await.0, "exact");
}

#[tokio::test]
async fn the_last_ones_leaving_ends_the_work_and_the_next_begins_anew() {
    let cache = cache_of(&facts());
    let (generate, mut hand) = Hand::new();
    let first = get(&cache, ask("milk?"), &generate).await;
    let say = hand.next().await;
    drop(first);
    say.closed().await;
    let second = get(&cache, ask("milk?"), &generate).await;
    let again = hand.next().await;
    words(&["four"]).into_iter().for_each(|step| again.send(Ok(step)).unwrap());
    drop(again);
    assert_eq!(text(second).await, ("miss", "four".into()));
}

#[tokio::test]
async fn a_reader_that_does_not_read_holds_nobody_up() {
    let cache = cache_of(&facts());
    let (generate, mut hand) = Hand::new();
    let slow = get(&cache, ask("milk?"), &generate).await;
    let quick = get(&cache, ask("milk?"), &generate).await;
    let say = hand.next().await;
    for _ in 0..3_000 {
        say.send(Ok(said("so "))).unwrap();
    }
    say.send(Ok(end(FinishReason::Stop))).unwrap();
    drop(say);
    assert_eq!(text(quick).await.1.len(), 9_000);
    assert_eq!(text(slow).await.1.len(), 9_000, "it was all there when it came round to it");
}

#[tokio::test]
async fn a_failure_is_told_to_all_and_kept_for_none() {
    let cache = cache_of(&facts());
    for failure in
        [EngineError::Deadline, EngineError::ShuttingDown, EngineError::Internal("NaN".into())]
    {
        let (generate, mut hand) = Hand::new();
        let answers = [
            get(&cache, ask("milk?"), &generate).await,
            get(&cache, ask("milk?"), &generate).await,
        ];
        let say = hand.next().await;
        say.send(Ok(said("Aisle"))).unwrap();
        say.send(Err(failure.clone())).unwrap();
        for mut answer in answers {
            assert!(answer.next().await.unwrap().is_ok());
            assert_eq!(answer.next().await, Some(Err(Failure::Engine(failure.clone()))));
            assert_eq!(answer.next().await, None);
        }
    }
    assert_eq!(cache.kept().entries, 0);
    let full = EngineError::QueueFull { queued: 9, retry_after: Duration::from_secs(1) };
    let refused = full.clone();
    let generate: Generate = Arc::new(move || Err(refused.clone()));
    let asked = cache.ask(ask("milk?"), std::future::ready(None), generate).await;
    assert_eq!(asked.err(), Some(Failure::Engine(full)));
    let (generate, _) = saying(words(&["four"]));
    assert_eq!(ask_text(&cache, ask("milk?"), &generate).await, ("miss", "four".into()));
}

#[tokio::test]
async fn a_maker_that_panics_leaves_nobody_waiting() {
    let cache = cache_of(&facts());
    let generate: Generate =
        Arc::new(|| Ok(futures_util::stream::once(async { panic!("we were wrong") }).boxed()));
    let failure = get(&cache, ask("milk?"), &generate).await.collect().await.unwrap_err();
    assert!(matches!(failure, Failure::Engine(EngineError::Internal(_))), "{failure}");
    let (generate, _) = saying(words(&["four"]));
    assert_eq!(ask_text(&cache, ask("milk?"), &generate).await, ("miss", "four".into()));
}

#[tokio::test]
async fn an_answer_has_a_limit() {
    let config = Config { max_answer_bytes: 4_000, ..Config::default() };
    let cache = Cache::in_memory(config, facts(), CacheMetrics::default());
    let (generate, _) = saying(vec![said(&"x".repeat(100)); 100]);
    let failure = get(&cache, ask("milk?"), &generate).await.collect().await.unwrap_err();
    assert_eq!(failure, Failure::TooLarge { limit_bytes: 4_000 });
}

#[tokio::test]
async fn who_wants_it_fresh_neither_reads_nor_joins_but_leaves_it_for_others() {
    let cache = cache_of(&facts());
    let (old, _) = saying(words(&["four"]));
    ask_text(&cache, ask("milk?"), &old).await;
    let (new, _) = saying(words(&["five"]));
    let fresh = Ask { policy: Policy { read: false, ..Policy::EXACT }, ..ask("milk?") };
    assert_eq!(ask_text(&cache, fresh, &new).await, ("fresh", "five".into()));
    assert_eq!(ask_text(&cache, ask("milk?"), &old).await, ("exact", "five".into()));
    let (newer, _) = saying(words(&["six"]));
    let bypass = Ask { policy: Policy::BYPASS, ..ask("milk?") };
    assert_eq!(ask_text(&cache, bypass, &newer).await, ("bypass", "six".into()));
    assert_eq!(ask_text(&cache, ask("milk?"), &old).await, ("exact", "five".into()));
}
