//! Facts that change between an answer and its next asker.

use super::*;

#[tokio::test]
async fn an_answer_dies_with_a_hard_fact_and_lives_through_others() {
    let facts = facts();
    let cache = cache_of(&facts);
    price(&facts, "41", 3.49);
    let (generate, made) = pricing(&facts, "41");
    assert_eq!(ask_text(&cache, ask("41?"), &generate).await, ("miss", "3.49 USD".into()));
    price(&facts, "42", 1.0);
    assert_eq!(ask_text(&cache, ask("41?"), &generate).await, ("exact", "3.49 USD".into()));
    price(&facts, "41", 2.99);
    assert_eq!(ask_text(&cache, ask("41?"), &generate).await, ("outdated", "2.99 USD".into()));
    assert_eq!(ask_text(&cache, ask("41?"), &generate).await, ("exact", "2.99 USD".into()));
    price(&facts, "41", 2.99);
    assert_eq!(ask_text(&cache, ask("41?"), &generate).await.0, "exact", "nothing has changed");
    assert_eq!(made.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_soft_fact_lets_it_be_given_once_more_while_it_is_made_anew() {
    let facts = facts();
    let cache = cache_of(&facts);
    product(&facts, "41", "Coffee");
    let (again, made) = (facts.clone(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&made);
    let generate: Generate = Arc::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        let mut reader = again.reader(UnixSeconds::now());
        let name = reader.product("41").unwrap().names.values().next().unwrap().clone();
        let steps = [vec![Step::Read(reader.finish())], words(&[&name])].concat();
        Ok(iter(steps).map(Ok).boxed())
    });
    ask_text(&cache, ask("41?"), &generate).await;
    product(&facts, "41", "Dark coffee");
    let stale = get(&cache, ask("41?"), &generate).await;
    assert_eq!(stale.status().ttl_s, Some(-1));
    assert_eq!(text(stale).await, ("stale", "Coffee".into()));
    let maker = night::Prices::of(&facts);
    let night = tokio::spawn(cache.clone().work_at_night(maker, |_| true));
    until(|| made.load(Ordering::SeqCst) == 2 && cache.kept().entries == 1).await;
    until(|| cache.why("").is_empty() && cache.0.flights().is_empty()).await;
    assert_eq!(ask_text(&cache, ask("41?"), &generate).await, ("exact", "Dark coffee".into()));
    night.abort();
    product(&facts, "41", "Black coffee");
    assert_eq!(ask_text(&cache, ask("41?"), &generate).await.0, "stale");
    let second = ask_text(&cache, ask("41?"), &generate).await;
    assert_eq!(second, ("outdated", "Black coffee".into()), "once more is once");
}

#[tokio::test]
async fn who_comes_after_a_change_does_not_join_what_was_begun_before_it() {
    let facts = facts();
    let cache = cache_of(&facts);
    price(&facts, "41", 3.49);
    let (generate, mut hand) = Hand::new();
    let before = get(&cache, ask("41?"), &generate).await;
    let old = hand.next().await;
    let (record, said_price) = read_price(&facts, "41");
    old.send(Ok(Step::Read(record))).unwrap();
    old.send(Ok(said(&said_price))).unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    price(&facts, "41", 2.99);
    let (now, _) = pricing(&facts, "41");
    assert_eq!(ask_text(&cache, ask("41?"), &now).await, ("miss", "2.99 USD".into()));
    old.send(Ok(end(FinishReason::Stop))).unwrap();
    drop(old);
    assert_eq!(text(before).await.1, "3.49 USD", "it was so when it was asked");
    assert_eq!(ask_text(&cache, ask("41?"), &now).await, ("exact", "2.99 USD".into()));
}

#[tokio::test]
async fn an_answer_whose_facts_change_before_it_says_anything_is_begun_again() {
    let facts = facts();
    let cache = cache_of(&facts);
    price(&facts, "41", 3.49);
    let (generate, mut hand) = Hand::new();
    let answer = get(&cache, ask("41?"), &generate).await;
    let old = hand.next().await;
    let (record, _) = read_price(&facts, "41");
    price(&facts, "41", 2.99);
    old.send(Ok(Step::Read(record))).unwrap();
    let new = hand.next().await;
    let (record, price_now) = read_price(&facts, "41");
    new.send(Ok(Step::Read(record))).unwrap();
    words(&[&price_now]).into_iter().for_each(|step| new.send(Ok(step)).unwrap());
    drop(new);
    assert_eq!(text(answer).await.1, "2.99 USD");
}

#[tokio::test]
async fn a_recall_ends_what_is_kept_and_what_is_being_made() {
    let facts = facts();
    let cache = cache_of(&facts);
    let follow = tokio::spawn(cache.clone().follow_facts());
    for sku in ["41", "42"] {
        price(&facts, sku, 3.49);
        let (generate, _) = pricing(&facts, sku);
        ask_text(&cache, ask(sku), &generate).await;
    }
    let (generate, mut hand) = Hand::new();
    let mut told = get(&cache, ask("more about 41"), &generate).await;
    let say = hand.next().await;
    say.send(Ok(Step::Read(read_price(&facts, "41").0))).unwrap();
    say.send(Ok(said("It is good"))).unwrap();
    assert!(told.next().await.unwrap().is_ok());
    recall(&facts, "r1", "41");
    let failure = loop {
        if let Err(failure) = told.next().await.unwrap() {
            break failure;
        }
    };
    assert!(matches!(failure, Failure::Recalled { .. }), "{failure}");
    say.closed().await;
    until(|| cache.kept().entries == 1).await;
    let (generate, made) = pricing(&facts, "41");
    assert_ne!(ask_text(&cache, ask("41"), &generate).await.0, "exact");
    assert_eq!(made.load(Ordering::SeqCst), 1);
    follow.abort();
}

#[tokio::test]
async fn what_is_being_made_while_something_else_is_recalled_or_purged_is_kept() {
    let facts = facts();
    let cache = cache_of(&facts);
    price(&facts, "41", 3.49);
    let elsewhere = crate::facts::FactId::new(Table::Recalls, "r1").unwrap();
    let acts: [(&dyn Fn(&str) -> Dropped, &str, &str); 3] = [
        (&|sku| cache.end_recalled(&elsewhere, &[sku.to_owned()]), "42", "exact"),
        (&|sku| cache.purge(&Purge::Product(sku.to_owned())), "42", "exact"),
        // Of the product itself, before it is known that the answer is about it.
        (&|sku| cache.purge(&Purge::Product(sku.to_owned())), "41", "miss"),
    ];
    for (number, (act, sku, how)) in acts.into_iter().enumerate() {
        let asked = format!("about 41, {number}");
        let (generate, mut hand) = Hand::new();
        let told = get(&cache, ask(&asked), &generate).await;
        let say = hand.next().await;
        act(sku);
        let (record, said_price) = read_price(&facts, "41");
        say.send(Ok(Step::Read(record))).unwrap();
        words(&[&said_price]).into_iter().for_each(|step| say.send(Ok(step)).unwrap());
        drop(say);
        assert_eq!(text(told).await, ("miss", "3.49 USD".into()));
        let (generate, _) = pricing(&facts, "41");
        assert_eq!(ask_text(&cache, ask(&asked), &generate).await.0, how, "{number}");
    }
}

#[tokio::test]
async fn changes_that_nobody_asks_about_are_tidied_away() {
    let facts = facts();
    let cache = cache_of(&facts);
    let follow = tokio::spawn(cache.clone().follow_facts());
    for sku in 0..50 {
        let sku = format!("{sku}");
        price(&facts, &sku, 3.49);
        let (generate, _) = pricing(&facts, &sku);
        ask_text(&cache, ask(&sku), &generate).await;
    }
    price(&facts, "7", 9.99);
    until(|| cache.kept().entries == 49).await;
    let id: crate::facts::Id = "8".parse().unwrap();
    let gone = crate::facts::FactId { table: Table::Prices, id };
    facts.write(Batch::of(Change::Delete { id: gone, source: None }), UnixSeconds::now()).unwrap();
    until(|| cache.kept().entries == 48).await;
    follow.abort();
}
