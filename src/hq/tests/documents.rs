//! What HQ wants and orders.

use super::*;
use crate::protocol::documents as bodies;

fn config(target: &str, bytes: u64) -> Draft {
    let text = format!("{{\"wan_bytes_per_day\":{bytes}}}");
    Draft::inline(target.parse().unwrap(), Document::Config, text.into()).unwrap()
}

#[tokio::test]
async fn a_version_is_set_only_over_the_one_that_its_author_saw() {
    let (house, actor) = (House::new().await, Actor::local());
    let over = |over| Draft { over: Some(over), ..config("acme/store-1/box-a", 7) };
    assert_eq!(house.hq.publish(&actor, over(0)).await.unwrap(), 1);
    let error = house.hq.publish(&actor, over(0)).await.unwrap_err();
    assert!(matches!(error, HqError::Overtaken { found: 1, expected: 0, .. }), "{error}");
    assert_eq!(house.hq.publish(&actor, over(1)).await.unwrap(), 2);
    let acts = house.hq.acts(None, 10).await.unwrap();
    assert_eq!((acts[0].act.as_str(), acts[0].who.as_str()), ("document.publish", "local"));
}

#[tokio::test]
async fn the_newest_of_a_box_and_its_groups_is_what_it_is_told() {
    let (house, actor) = (House::new().await, Actor::local());
    let registry = house.hq.registry();
    let (tenant, north) = (place().tenant, "north".parse().unwrap());
    registry.set_group(&actor, &tenant, &north, "").await.unwrap();
    registry.join(&actor, &place(), &north).await.unwrap();
    let mut outgoing = house.hq.outgoing();
    house.hq.publish(&actor, config("acme/store-1/box-a", 1)).await.unwrap();
    house.hq.publish(&actor, config("acme/grp/north", 2)).await.unwrap();
    // One for the box, one for the group, one for the box as a member of the group.
    for (topic, version) in [
        ("r/v1/acme/store-1/box-a/des/config", 1),
        ("r/v1/acme/grp/north/des/config", 2),
        ("r/v1/acme/store-1/box-a/des/config", 2),
    ] {
        let said = outgoing.try_recv().unwrap();
        let Message::Desired(signed) = read(&said).2 else { panic!("{said:?}") };
        assert_eq!(said.topic, topic);
        assert_eq!(signed.unverified().unwrap().version, version);
    }
    let said = house.hq.receive(&[Speaker::new().ask()], NOW).await.unwrap();
    let Message::Snapshot(snapshot) = read(&said[0]).2 else { panic!("{said:?}") };
    let [signed] = &snapshot.desired[..] else { panic!("{snapshot:?}") };
    let pointer = house.hq.director().keys().verify(signed, NOW).unwrap();
    assert_eq!((pointer.version, &pointer.target), (2, &Target::Node(place())));
    assert_eq!(pointer.carried(), Ok(Some(&br#"{"wan_bytes_per_day":2}"#[..])));
    registry.leave(&actor, &place(), &north).await.unwrap();
    assert_eq!(house.hq.desired_of(&place()).await.unwrap()[0].version, 1);
}

#[tokio::test]
async fn a_box_is_not_told_what_it_has() {
    let (house, actor) = (House::new().await, Actor::local());
    house.hq.publish(&actor, config("acme/store-1/box-a", 1)).await.unwrap();
    let mut speaker = Speaker::new();
    let have = List::new(vec![Have { document: Document::Config, version: 1 }]).unwrap();
    let ask = Ask { ledger: speaker.ledger, have, sending: List::default() };
    let question = speaker.plain(NodeTopic::Get, &Message::Ask(ask));
    let said = house.hq.receive(&[question], NOW).await.unwrap();
    let Message::Snapshot(snapshot) = read(&said[0]).2 else { panic!("{said:?}") };
    assert!(snapshot.desired.is_empty());
}

fn order(life_ms: u64) -> Order {
    Order {
        target: "acme/store-1/box-a".parse().unwrap(),
        name: "cache.purge".parse().unwrap(),
        arguments: Fields::default(),
        life_ms,
    }
}

#[tokio::test]
async fn a_command_is_said_until_it_is_answered_and_what_is_over_is_declared() {
    let (house, actor, mut speaker) = (House::new().await, Actor::local(), Speaker::new());
    house.hq.command(&actor, &order(1)).await.unwrap();
    let [id] = house.hq.command(&actor, &order(1_000_000)).await.unwrap()[..] else { panic!() };
    let later = super::super::clock::now().plus(10);
    for _ in 0..2 {
        let said = house.hq.receive(&[speaker.ask()], later).await.unwrap();
        let read: Vec<_> = said.iter().map(read).collect();
        assert!(matches!(read[0].2, Message::Snapshot(_)));
        assert_eq!(read[1].2, Message::Gap(Gap { first: 1, last: 1 }));
        let Message::Command(signed) = &read[2].2 else { panic!("{read:?}") };
        assert_eq!(signed.unverified().unwrap().id, id);
        assert_eq!(read[2].1.counted.map(|counted| counted.seq), Some(2));
        assert_eq!(read.len(), 3);
    }
    let state = |outcome| {
        Message::CommandState(CommandState { id, outcome, at: NOW, details: Fields::default() })
    };
    let topic = NodeTopic::Result(id);
    let accepted = speaker.plain(topic, &state(Outcome::Accepted));
    let done = speaker.plain(topic, &state(Outcome::Done));
    house.hq.receive(&[done, accepted], later).await.unwrap();
    let rows = house.hq.commands(&place().tenant, None, 10).await.unwrap();
    let row = rows.iter().find(|row| row.id == id.to_string()).unwrap();
    assert_eq!(row.outcome.as_deref(), Some("done"), "what came late is not the newest");
    let said = house.hq.receive(&[speaker.ask()], later).await.unwrap();
    assert_eq!(read(&said[1]).2, Message::Gap(Gap { first: 1, last: 2 }));
    assert_eq!(said.len(), 2);
}

#[tokio::test]
async fn a_box_that_answers_nothing_gets_no_more_than_it_can_remember() {
    let (house, actor) = (House::new().await, Actor::local());
    for _ in 0..16 {
        house.hq.command(&actor, &order(1_000_000)).await.unwrap();
    }
    let error = house.hq.command(&actor, &order(1_000_000)).await.unwrap_err();
    assert!(error.to_string().contains("16"), "{error}");
}

#[tokio::test]
async fn what_stores_would_refuse_is_not_wanted() {
    let (house, target) = (House::new().await, Target::Node(place()));
    let draft = async |document, json: &str| {
        let made = house.hq.draft_of_json(target.clone(), document, json).await;
        made.map_err(|error| error.to_string())
    };
    let made = draft(Document::Config, r#"{ "wan_bytes_per_day": 5 }"#).await.unwrap();
    assert!(matches!(made.contents, Contents::Inline(_)));
    let error = draft(Document::Config, r#"{"colour": "red"}"#).await.unwrap_err();
    assert!(error.starts_with("contents: ") && error.contains("`colour`"), "{error}");
    let terms: Vec<String> = (0..1000).map(|n| format!("term {n}")).collect();
    let long = serde_json::json!({ "blocked_terms": terms }).to_string();
    let made = draft(Document::Config, &long).await.unwrap();
    let Contents::Path(path) = made.contents else { panic!("it is too long to be carried") };
    assert_eq!(bodies::digest_of_path(&path), Ok(made.digest));
    assert_eq!(house.hq.artefacts().size(made.digest).await.unwrap(), Some(made.size_bytes));
    let none = house.hq.draft_of_artefact(target.clone(), Document::Cache, Digest([7; 32])).await;
    assert!(none.unwrap_err().to_string().starts_with("there is no artefact"));
}

#[tokio::test]
async fn a_bundle_is_wanted_when_all_of_its_files_are_here() {
    let (house, target) = (House::new().await, Target::Node(place()));
    let file = bodies::Artefact::of(b"weights").unwrap();
    let bundle = serde_json::json!({
        "id": "bundle-1",
        "parts": [{ "kind": "model", "name": "small",
            "files": [{ "path": "model.onnx", "artefact": file }] }],
        "requires": { "free_bytes": 1, "min_version": "0.1.0", "take_within_s": 3600 },
        "trial": { "shadow_s": 0, "trial_s": 1, "probation_s": 1, "min_requests": 1,
            "max_errors_per_mille": 10, "max_latency_percent": 150, "checks": [] },
        "alias": "assistant",
    })
    .to_string();
    let draft = async || house.hq.draft_of_json(target.clone(), Document::Bundle, &bundle).await;
    assert!(draft().await.unwrap_err().to_string().starts_with("there is no artefact"));
    house.hq.artefacts().put(b"weights".to_vec()).await.unwrap();
    let draft = draft().await.unwrap();
    let Contents::Inline(bytes) = &draft.contents else { panic!("{draft:?}") };
    assert_eq!(bodies::Bundle::parse(bytes).unwrap().id.as_str(), "bundle-1");
    assert_eq!(house.hq.publish(&Actor::local(), draft).await.unwrap(), 1);
}
