//! What nodes send in streams: once, with its gaps, and nothing of it stops the rest.

use super::*;

#[tokio::test]
async fn what_comes_twice_takes_effect_once_and_is_acknowledged_each_time() {
    let (house, mut speaker) = (House::new().await, Speaker::new());
    let messages: Vec<Incoming> = (1..=3).map(|seq| speaker.event(seq)).collect();
    for _ in 0..2 {
        let said = house.hq.receive(&messages, NOW).await.unwrap();
        assert_eq!(acks(&said), BTreeMap::from([(Stream::Evt, 3)]));
        assert_eq!(said.len(), 1, "one word a stream and batch");
    }
    assert_eq!(house.number("SELECT count(*) FROM events").await, 3);
    let house = house.restarted().await;
    let said = house.hq.receive(&messages, NOW).await.unwrap();
    assert_eq!(acks(&said), BTreeMap::from([(Stream::Evt, 3)]));
    assert_eq!(house.number("SELECT count(*) FROM events").await, 3);
}

#[tokio::test]
async fn live_messages_are_taken_before_an_old_backlog() {
    let (house, mut speaker) = (House::new().await, Speaker::new());
    let (old, new) = (speaker.event(1), speaker.event(2));
    let said = house.hq.receive(&[new], NOW).await.unwrap();
    assert_eq!(acks(&said), BTreeMap::from([(Stream::Evt, 0)]));
    let said = house.hq.receive(&[old], NOW).await.unwrap();
    assert_eq!(acks(&said), BTreeMap::from([(Stream::Evt, 2)]));
    assert_eq!(house.number("SELECT count(*) FROM events").await, 2);
}

#[tokio::test]
async fn a_declared_gap_is_kept_without_what_came_after_all() {
    let (house, mut speaker) = (House::new().await, Speaker::new());
    let gap = Message::Gap(Gap { first: 1, last: 9 });
    let messages = [speaker.event(4), speaker.counted(Stream::Evt, 9, &gap)];
    let said = house.hq.receive(&messages, NOW).await.unwrap();
    assert_eq!(acks(&said), BTreeMap::from([(Stream::Evt, 9)]));
    assert_eq!(house.number("SELECT count(*) FROM events").await, 1);
    let page = told::Page { tenant: place().tenant, place: None, before: None, limit: 9 };
    let gaps = house.hq.gaps(&page).await.unwrap();
    let gaps: Vec<_> = gaps.iter().map(|gap| (gap.first, gap.last)).collect();
    assert_eq!(gaps, [(5, 9), (1, 3)]);
}

#[tokio::test]
async fn a_message_that_cannot_be_taken_is_laid_aside_and_its_stream_goes_on() {
    let (house, mut speaker) = (House::new().await, Speaker::new());
    let ledger = speaker.ledger;
    let mut unknown = speaker.envelope(&event(1)).counted(ledger, Stream::Evt, 1);
    unknown.schema = 999;
    let topic = Topic::Node(place(), NodeTopic::Up(Stream::Evt)).to_string();
    let unknown = Incoming { topic, payload: unknown.to_bytes().unwrap() };
    let messages = [unknown.clone(), speaker.event(2), unknown];
    let said = house.hq.receive(&messages, NOW).await.unwrap();
    assert_eq!(acks(&said), BTreeMap::from([(Stream::Evt, 2)]));
    let page = told::Page { tenant: place().tenant, place: None, before: None, limit: 9 };
    let aside = house.hq.laid_aside(&page).await.unwrap();
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert!(aside[0].why.contains("999"), "{aside:?}");
    assert_eq!(house.number("SELECT count(*) FROM events").await, 1);
}

#[tokio::test]
async fn what_others_say_in_a_nodes_name_is_left_aside() {
    let (house, mut speaker) = (House::new().await, Speaker::new());
    let other: Place = "acme/store-1/box-b".parse().unwrap();
    let mut forged = speaker.event(1);
    forged.topic = Topic::Node(other.clone(), NodeTopic::Up(Stream::Evt)).to_string();
    let mut stranger = Speaker { place: other, ..Speaker::new() };
    let garbage = Incoming { topic: speaker.event(1).topic, payload: vec![0xff; 40] };
    let messages = [forged, stranger.event(1), garbage];
    assert_eq!(house.hq.receive(&messages, NOW).await.unwrap(), []);
    assert_eq!(house.number("SELECT count(*) FROM events").await, 0);
    assert_eq!(house.number("SELECT count(*) FROM marks").await, 0);
}

#[tokio::test]
async fn one_message_that_the_database_refuses_does_not_hold_up_the_others() {
    let (house, mut speaker) = (House::new().await, Speaker::new());
    let refuse = "CREATE TRIGGER no BEFORE INSERT ON events WHEN NEW.seq = 2
         BEGIN SELECT RAISE(ABORT, 'no'); END";
    let mut change = house.hq.database.begin().await.unwrap();
    sqlx::query(refuse).execute(&mut *change).await.unwrap();
    change.commit().await.unwrap();
    let messages: Vec<Incoming> = (1..=3).map(|seq| speaker.event(seq)).collect();
    let said = house.hq.receive(&messages, NOW).await.unwrap();
    assert_eq!(acks(&said), BTreeMap::from([(Stream::Evt, 3)]));
    assert_eq!(house.number("SELECT count(*) FROM events").await, 2);
    assert_eq!(house.number("SELECT count(*) FROM laid_aside").await, 1);
}

#[tokio::test]
async fn an_audit_log_is_signed_as_far_as_it_fits_together() {
    let (house, mut speaker) = (House::new().await, Speaker::new());
    let block = |first: u64, before: u8, after: u8| {
        let entries = List::new(vec![Blob::new(vec![1]).unwrap(); 2]).unwrap();
        let (before, after) = (Digest([before; 32]), Digest([after; 32]));
        Message::Audit(AuditBlock { first, before, after, entries })
    };
    let page = told::Page { tenant: place().tenant, place: None, before: None, limit: 9 };
    // The second block comes first, the fourth does not fit behind the third.
    let blocks =
        [(2, block(3, 1, 2)), (1, block(1, 0, 1)), (3, block(5, 2, 3)), (4, block(7, 9, 4))];
    for (seq, block) in blocks {
        let message = speaker.counted(Stream::Audit, seq, &block);
        house.hq.receive(&[message], NOW).await.unwrap();
    }
    let heads = house.hq.audit_heads(&page).await.unwrap();
    assert_eq!(heads.len(), 1);
    assert_eq!((heads[0].last, heads[0].loose_blocks), (6, 1));
    assert_eq!(heads[0].head, Digest([3; 32]).to_string());
    let signed: Signed<director::AuditHead> = serde_json::from_str(heads[0].signed.get()).unwrap();
    let head = house.hq.director().keys().verify(&signed, NOW).unwrap();
    assert_eq!((head.last, head.head), (6, Digest([3; 32])));
}

#[tokio::test]
async fn a_late_will_does_not_bring_back_or_take_away_a_node() {
    let (house, mut speaker) = (House::new().await, Speaker::new());
    let mut say = |epoch, state| {
        speaker.plain(NodeTopic::Presence, &Message::Presence(Presence { epoch, state }))
    };
    use PresenceState::{Lost, Online};
    for (said, is) in [
        (say(2, Online), "online"),
        (say(1, Lost), "online"),
        (say(2, Lost), "lost"),
        (say(1, Online), "lost"),
        (say(3, Online), "online"),
    ] {
        house.hq.receive(&[said], NOW).await.unwrap();
        assert_eq!(house.hq.registry().node(&place()).await.unwrap().presence, is);
    }
}

#[tokio::test]
async fn what_is_old_or_too_much_leaves() {
    let (house, mut speaker) = (House::new().await, Speaker::new());
    let messages: Vec<Incoming> = (1..=5).map(|seq| speaker.event(seq)).collect();
    house.hq.receive(&messages[..2], NOW).await.unwrap();
    let late = NOW.plus(401 * 24 * 3600 * 1000);
    house.hq.receive(&messages[2..], late).await.unwrap();
    assert!(!house.hq.tidy(late).await.unwrap());
    assert_eq!(house.number("SELECT count(*) FROM events").await, 3);
    assert_eq!(house.number("SELECT min(seq) FROM events").await, 3);
}

#[tokio::test]
async fn commands_and_versions_of_long_ago_leave_but_for_the_last_of_each() {
    let house = House::new().await;
    let actor = Actor::local();
    let order = Order {
        target: Target::Node(place()),
        name: "test.count".parse().unwrap(),
        arguments: Fields::default(),
        life_ms: 1000,
    };
    for number in 0..3 {
        house.hq.command(&actor, &order).await.unwrap();
        let draft = Draft::inline(Target::Node(place()), Document::Config, vec![number]).unwrap();
        house.hq.publish(&actor, draft).await.unwrap();
    }
    let now = crate::hq::clock::now();
    house.hq.tidy(now).await.unwrap();
    assert_eq!(house.number("SELECT count(*) FROM commands").await, 3);
    house.hq.tidy(now.plus(401 * 24 * 3600 * 1000)).await.unwrap();
    assert_eq!(house.number("SELECT count(*) FROM commands").await, 1);
    assert_eq!(house.number("SELECT max(seq) FROM commands").await, 3);
    assert_eq!(house.number("SELECT count(*) FROM desired").await, 1);
    assert_eq!(house.number("SELECT max(version) FROM desired").await, 3);
}

#[tokio::test]
async fn a_box_that_lost_its_disk_is_on_the_line_and_its_reports_are_news() {
    let (house, mut old) = (House::new().await, Speaker::new());
    old.hybrid = HybridClock::resumed(HybridTime::at(NOW.plus(40 * 365 * 24 * 3_600_000)));
    let online = |speaker: &mut Speaker, epoch| {
        let presence = Presence { epoch, state: PresenceState::Online };
        speaker.plain(NodeTopic::Presence, &Message::Presence(presence))
    };
    let report = |speaker: &mut Speaker, stage| {
        let reported = Reported {
            document: Document::Config,
            desired: Some(1),
            stage,
            applied: None,
            observed: None,
            at: NOW,
            failure: None,
            local: None,
        };
        speaker.plain(NodeTopic::Reported(Document::Config), &Message::Reported(reported))
    };
    let lost = Message::Presence(Presence { epoch: 5000, state: PresenceState::Lost });
    let said = [
        online(&mut old, 5000),
        old.ask(),
        report(&mut old, Stage::Refused),
        old.plain(NodeTopic::Presence, &lost),
    ];
    house.hq.receive(&said, NOW).await.unwrap();

    let mut new = Speaker { ledger: Ledger([4; 8]), ..Speaker::new() };
    let said = [online(&mut new, 1), new.ask(), report(&mut new, Stage::Committed)];
    for said in said {
        house.hq.receive(&[said], NOW).await.unwrap();
    }
    let presence = async || house.hq.registry().node(&place()).await.unwrap().presence;
    assert_eq!(presence().await, "online");
    let reported = house.hq.reported(&place().tenant, "store-1").await.unwrap();
    assert_eq!(reported[&place().to_string()][0].stage, "committed");
    let lost = Message::Presence(Presence { epoch: 1, state: PresenceState::Lost });
    let said = new.plain(NodeTopic::Presence, &lost);
    house.hq.receive(&[said], NOW).await.unwrap();
    assert_eq!(presence().await, "lost");
}

#[tokio::test]
async fn what_a_broker_kept_of_a_box_is_nothing_heard() {
    let (house, mut speaker) = (House::new().await, Speaker::new());
    let lost = Message::Presence(Presence { epoch: 7, state: PresenceState::Lost });
    let kept = speaker.plain(NodeTopic::Presence, &lost);
    let heard = async |at: UnixMillis| {
        house.hq.receive(std::slice::from_ref(&kept), at).await.unwrap();
        house.hq.registry().node(&place()).await.unwrap().heard_ms
    };
    assert_eq!(heard(NOW).await, NOW.0);
    assert_eq!(heard(NOW.plus(3_600_000)).await, NOW.0);
}
