use serde_json::json;

use super::*;
use crate::cache::{Cache, Config};
use crate::facts::{Facts, Table};
use crate::skills::clerk::{ClerkParts, Settings};
use crate::skills::double::{Mouths, Unlearned};
use crate::skills::sample;
use crate::telemetry::{CacheMetrics, SkillMetrics};

fn clerk() -> (Facts, Clerk) {
    let facts = sample::ageless_shop();
    let clerk = Clerk::new(ClerkParts {
        search: Arc::new(sample::search(&facts)),
        cache: Cache::in_memory(Config::default(), facts.clone(), CacheMetrics::default()),
        facts: facts.clone(),
        voice: Arc::new(Mouths(Vec::new())),
        meaning: Arc::new(Unlearned),
        settings: Settings::default().into(),
        metrics: SkillMetrics::default(),
    });
    (facts, clerk)
}

const QUESTION: &str = "Which whole milk is good for cocoa?";

async fn pin(clerk: &Clerk, question: &str, better: &str) -> Result<(), Vec<&'static str>> {
    clerk.pin(question, better, "en", &["1001".to_owned()]).await
}

#[tokio::test]
async fn what_was_put_right_is_given_with_the_price_of_now_until_its_facts_change() {
    let (facts, clerk) = clerk();
    assert!(clerk.corrected(QUESTION, Language::English).await.is_none());
    pin(&clerk, QUESTION, "Meadow Whole Milk is, for $3.49 in aisle 12.").await.unwrap();
    let answer = clerk.corrected("which WHOLE milk is good for cocoa", Language::English).await;
    let answer = answer.expect("the same words");
    assert_eq!(answer.text, "Meadow Whole Milk is, for $3.49 in aisle 12.");
    assert_eq!(answer.citations, ["1001"]);
    assert!(answer.facts.iter().any(|fact| fact.name.contains("1001")), "{:?}", answer.facts);
    assert!(clerk.corrected(QUESTION, Language::German).await.is_none());
    assert!(clerk.corrected("Which skim milk is good?", Language::English).await.is_none());
    let moved = json!({ "band": "plenty", "location": { "aisle": "4" } });
    sample::put(&facts, Table::Stock, "1001", moved);
    assert!(clerk.corrected(QUESTION, Language::English).await.is_none(), "it stood on the aisle");
}

#[tokio::test]
async fn a_second_correction_takes_the_place_of_the_first() {
    let (_, clerk) = clerk();
    pin(&clerk, QUESTION, "Meadow Whole Milk is.").await.unwrap();
    pin(&clerk, QUESTION, "Meadow Whole Milk is best warm.").await.unwrap();
    let answer = clerk.corrected(QUESTION, Language::English).await.unwrap();
    assert_eq!(answer.text, "Meadow Whole Milk is best warm.");
}

#[tokio::test]
async fn what_the_facts_do_not_say_is_refused_by_name() {
    let (_, clerk) = clerk();
    for (question, better, reason) in [
        (QUESTION, "Meadow Whole Milk is, for $2.99.", "money"),
        (QUESTION, "Meadow Whole Milk, it has no milk in it.", "allergen"),
        (QUESTION, "Meadow Whole Milk is, in aisle 9.", "quantity"),
        (QUESTION, "It is, in aisle 9", "quantity"),
        (QUESTION, "Ask jo@example.com about Meadow Whole Milk.", "personal_data"),
        ("And which of them is good?", "Meadow Whole Milk is.", "context"),
    ] {
        let refused = pin(&clerk, question, better).await.unwrap_err();
        assert!(refused.contains(&reason), "{better}: {refused:?}");
        assert!(clerk.corrected(question, Language::English).await.is_none(), "{better}");
    }
    let nothing = clerk.pin(QUESTION, "Yes.", "en", &[]).await.unwrap_err();
    assert_eq!(nothing, ["ungrounded"]);
}
