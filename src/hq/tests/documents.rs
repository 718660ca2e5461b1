//! What HQ wants and orders.

use super::*;

fn config(target: &str, text: &str) -> Draft {
    Draft::inline(target.parse().unwrap(), Document::Config, text.into()).unwrap()
}

#[tokio::test]
async fn a_version_is_set_only_over_the_one_that_its_author_saw() {
    let (house, actor) = (House::new().await, Actor::local());
    let over = |over| Draft { over: Some(over), ..config("acme/store-1/box-a", "{}") };
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
    house.hq.publish(&actor, config("acme/store-1/box-a", "1")).await.unwrap();
    house.hq.publish(&actor, config("acme/grp/north", "2")).await.unwrap();
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
    assert_eq!(pointer.carried(), Ok(Some(&b"2"[..])));
    registry.leave(&actor, &place(), &north).await.unwrap();
    assert_eq!(house.hq.desired_of(&place()).await.unwrap()[0].version, 1);
}

#[tokio::test]
async fn a_box_is_not_told_what_it_has() {
    let (house, actor) = (House::new().await, Actor::local());
    house.hq.publish(&actor, config("acme/store-1/box-a", "1")).await.unwrap();
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
