//! What other caches of answers got wrong, each by its name.

use super::*;
use crate::engine::{TokenLogprob, TokenReport};
use crate::facts::{Collection, Name};

#[tokio::test]
async fn no_answer_of_another_tenant() {
    let cache = cache_of(&facts());
    let shopper = |name| Scope::Shopper(ScopeId::of(name));
    let scopes = [
        Scope::Public,
        Scope::Store,
        Scope::DeviceClass(ScopeId::of("kiosk")),
        Scope::Associate(ScopeId::of("anna")),
        shopper("anna"),
        shopper("bert"),
    ];
    for (index, scope) in scopes.into_iter().enumerate() {
        let own = format!("for {index}");
        let (generate, _) = saying(words(&[&own]));
        let asked = || ask_in(scope, "my list?");
        assert_eq!(ask_text(&cache, asked(), &generate).await, ("miss", own.clone()));
        assert_eq!(ask_text(&cache, asked(), &generate).await, ("exact", own));
    }
}

#[test]
fn no_answer_of_another_system_prompt_and_no_tool_choice_that_is_missing_from_the_key() {
    let key = |system: &str, choice: &str| {
        let messages = ["system", system, "user", "Milk?"];
        KeyBuilder::new("chat")
            .list("messages", messages.iter())
            .field("tool_choice", choice)
            .finish(Scope::Store)
    };
    assert_eq!(key("Be brief.", "auto"), key("Be brief.", "auto"));
    assert_ne!(key("Be brief.", "auto"), key("Be long.", "auto"));
    assert_ne!(key("Be brief.", "auto"), key("Be brief.", "none"));
}

#[tokio::test]
async fn tool_calls_log_probabilities_and_pieces_are_not_lost_on_replay() {
    let cache = cache_of(&facts());
    let token = |bytes: &[u8]| TokenLogprob { token: 7, bytes: bytes.to_vec(), logprob: -0.5 };
    let report = TokenReport { chosen: token(b"\xe2\x82"), top: vec![token(b"a"), token(b"")] };
    let piece = |choice, text: &str, tokens| {
        let chunk = Chunk { text: text.into(), tokens, finish: None };
        Step::Event(Event::Chunk { choice, chunk })
    };
    let usage = Usage { prompt_tokens: 7, completion_tokens: 3, cached_tokens: 2 };
    let last = |choice| {
        let finish = Some((FinishReason::Stop, usage));
        let chunk = Chunk { text: "!".into(), tokens: Vec::new(), finish };
        Step::Event(Event::Chunk { choice, chunk })
    };
    let call = r#"{"tool_calls":[{"id":"c1","function":{"name":"find","arguments":"{}"}}]}"#;
    let steps = vec![
        Step::Event(Event::Note(call.to_owned())),
        piece(1, "", vec![report.clone()]),
        piece(0, "Two  words\n", vec![report]),
        piece(1, "é", Vec::new()),
        last(0),
        last(1),
    ];
    let told: Vec<Event> = steps
        .iter()
        .filter_map(|step| match step {
            Step::Event(event) => Some(event.clone()),
            Step::Read(_) | Step::Unfit | Step::By(_) | Step::Particular => None,
        })
        .collect();
    let (generate, made) = saying(steps);
    let first = get(&cache, ask("x"), &generate).await.collect().await.unwrap();
    assert_eq!(first, told);
    for _ in 0..2 {
        let again = get(&cache, ask("x"), &generate).await;
        assert_eq!(again.whole().map(|events| events.to_vec()), Some(told.clone()));
        assert_eq!(again.collect().await.unwrap(), told, "event by event, not sliced anew");
    }
    assert_eq!(made.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn not_all_questions_get_one_answer() {
    let cache = cache_of(&facts());
    for text in ["milk?", "milk", "Milk?", "milk? ", "bread?", ""] {
        let (generate, _) = saying(words(&[text, "."]));
        assert_eq!(ask_text(&cache, ask(text), &generate).await, ("miss", format!("{text}.")));
    }
    for text in ["milk?", "bread?", ""] {
        let (generate, _) = saying(words(&["wrong"]));
        assert_eq!(ask_text(&cache, ask(text), &generate).await, ("exact", format!("{text}.")));
    }
}

#[tokio::test]
async fn no_stale_price_after_the_update_though_nothing_follows_the_facts() {
    let facts = facts();
    let cache = cache_of(&facts);
    for (cents, shown) in [(1.0, "1.00 USD"), (2.0, "2.00 USD"), (1.0, "1.00 USD")] {
        price(&facts, "41", cents);
        let (generate, _) = pricing(&facts, "41");
        assert_eq!(ask_text(&cache, ask("41?"), &generate).await.1, shown);
    }
}

#[tokio::test]
async fn no_purge_of_all_where_one_product_was_meant() {
    let facts = facts();
    let cache = cache_of(&facts);
    for sku in ["41", "42", "43"] {
        price(&facts, sku, 3.49);
        let (generate, _) = pricing(&facts, sku);
        ask_text(&cache, ask(sku), &generate).await;
    }
    let dropped = cache.purge(&Purge::Product("42".into()));
    assert_eq!((dropped.entries, cache.kept().entries), (1, 2));
    for (sku, how) in [("41", "exact"), ("42", "miss"), ("43", "exact")] {
        let (generate, _) = pricing(&facts, sku);
        assert_eq!(ask_text(&cache, ask(sku), &generate).await.0, how, "{sku}");
    }
}

#[tokio::test]
async fn none_found_dies_when_something_appears() {
    let facts = facts();
    let cache = cache_of(&facts);
    let again = facts.clone();
    let generate: Generate = Arc::new(move || {
        let mut reader = again.reader(UnixSeconds::now());
        let offers = reader.promotions_of("41").len();
        let steps = [vec![Step::Read(reader.finish())], words(&[&format!("{offers} offers")])];
        Ok(iter(steps.concat()).map(Ok).boxed())
    });
    assert_eq!(ask_text(&cache, ask("offers?"), &generate).await, ("miss", "0 offers".into()));
    assert_eq!(ask_text(&cache, ask("offers?"), &generate).await.0, "exact");
    let offer = serde_json::json!({
        "titles": { "en": "Half price" }, "skus": ["41"],
        "offer": { "percent_off": 50 },
    });
    put(&facts, Table::Promotions, "p1", offer);
    assert_eq!(ask_text(&cache, ask("offers?"), &generate).await, ("outdated", "1 offers".into()));
    let group = Purge::Fact(Name::Collection(Collection::promotions_of("41")));
    assert_eq!(cache.purge(&group).entries, 1, "a purge reaches what stands on a group");
}

#[tokio::test]
async fn only_complete_answers_are_kept() {
    let cache = cache_of(&facts());
    let truncated = vec![said("so"), end(FinishReason::Length)];
    let unfit = [vec![Step::Unfit], words(&["so"])].concat();
    let unended = vec![said("so")];
    for steps in [truncated, unfit, unended, Vec::new()] {
        let (generate, made) = saying(steps);
        for _ in 0..2 {
            drop(get(&cache, ask("x"), &generate).await.collect().await);
        }
        assert_eq!((made.load(Ordering::SeqCst), cache.kept().entries), (2, 0));
    }
    let (generate, _) = saying(vec![Step::Event(Event::Note("a template's answer".into()))]);
    drop(get(&cache, ask("x"), &generate).await.collect().await);
    assert_eq!(cache.kept().entries, 1, "what the model has no part in has no finish");
}
