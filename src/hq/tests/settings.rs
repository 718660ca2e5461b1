//! Settings that are wanted at a target.

use super::*;
use crate::protocol::documents::ConfigDoc;

#[tokio::test]
async fn settings_are_shown_with_the_version_over_which_they_are_changed() {
    let (house, actor) = (House::new().await, Actor::local());
    let target: Target = "acme/store-1/box-a".parse().unwrap();
    let none = house.hq.config_at(&target).await.unwrap();
    assert_eq!((none.version, none.settings), (0, ConfigDoc::default()));
    let json = r#"{"log_level":"debug","cache":{"ask":"off"}}"#;
    let draft = house.hq.draft_of_json(target.clone(), Document::Config, json).await.unwrap();
    house.hq.publish(&actor, Draft { over: Some(0), ..draft }).await.unwrap();
    let there = house.hq.config_at(&target).await.unwrap();
    assert_eq!((there.version, there.author.as_deref()), (1, Some("local")));
    assert_eq!(there.settings, ConfigDoc::parse(json.as_bytes()).unwrap());
    let many: Vec<String> = (0..1000).map(|at| format!("term number {at}")).collect();
    let large = serde_json::json!({ "blocked_terms": many }).to_string();
    let draft = house.hq.draft_of_json(target.clone(), Document::Config, &large).await.unwrap();
    house.hq.publish(&actor, Draft { over: Some(1), ..draft }).await.unwrap();
    let there = house.hq.config_at(&target).await.unwrap();
    assert_eq!(there.version, 2, "what is too large for a pointer is an artefact");
    assert_eq!(there.settings.blocked_terms.unwrap().len(), 1000);
}

#[tokio::test]
async fn keys_that_would_be_the_last_word_of_hq_are_not_published() {
    let house = House::new().await;
    let target: Target = "acme/store-1/box-a".parse().unwrap();
    let keys = |keys: Vec<crate::sync::Believed>| serde_json::json!({ "keys": keys }).to_string();
    let ours =
        house.hq.director().public().map(|(role, key)| crate::sync::Believed::of(role, &key));
    let draft =
        async |json: &str| house.hq.draft_of_json(target.clone(), Document::Keys, json).await;
    assert!(draft(&keys(ours.to_vec())).await.is_ok());
    let others = House::new().await;
    let theirs =
        others.hq.director().public().map(|(role, key)| crate::sync::Believed::of(role, &key));
    for (json, named) in [
        (keys(theirs.to_vec()), "left out"),
        (keys(ours[..1].to_vec()), "no facts key"),
        ("{}".to_owned(), "keys"),
    ] {
        let error = draft(&json).await.unwrap_err().to_string();
        assert!(error.contains(named), "{json}: {error}");
    }
}
