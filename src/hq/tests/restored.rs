//! HQ put back from an older copy of itself.

use super::node::{Pair, of_hq};
use super::*;
use crate::sync::Happening;

fn config(bytes: u64) -> Draft {
    let text = format!("{{\"wan_bytes_per_day\":{bytes}}}");
    Draft::inline(Target::Node(place()), Document::Config, text.into()).unwrap()
}

fn order() -> Order {
    Order {
        target: Target::Node(place()),
        name: "test.count".parse().unwrap(),
        arguments: Fields::default(),
        life_ms: 3_600_000,
    }
}

/// A pair whose HQ forgets all that happened since `back_up`.
struct Copied {
    pair: Pair,
    copy: tempfile::TempDir,
}

impl Copied {
    async fn back_up(pair: Pair) -> Self {
        let copy = tempfile::tempdir().unwrap();
        pair.house.hq.back_up(&copy.path().join("hq.db")).await.unwrap();
        assert!(pair.house.hq.back_up(&copy.path().join("hq.db")).await.is_err(), "it is there");
        Self { pair, copy }
    }

    /// Lets things happen that the copy does not know of, then puts it back.
    async fn put_back_after(self, meanwhile: impl AsyncFnOnce(&mut Pair)) -> Pair {
        let Self { mut pair, copy } = self;
        meanwhile(&mut pair).await;
        for key in ["director.key", "facts.key", "authority.key", "authority.pem"] {
            std::fs::copy(pair.house.folder.path().join(key), copy.path().join(key)).unwrap();
        }
        let hq = Hq::open(HqConfig::new(copy.path())).await.unwrap();
        hq.begin().await.unwrap();
        pair.house = House { hq, folder: copy };
        pair
    }
}

async fn publish(pair: &mut Pair, bytes: u64) -> u64 {
    let mut outgoing = pair.house.hq.outgoing();
    let version = pair.house.hq.publish(&Actor::local(), config(bytes)).await.unwrap();
    let said = outgoing.try_recv().unwrap();
    pair.happens(of_hq((*said).clone())).await;
    version
}

fn recorded(pair: &Pair) -> (u64, String) {
    let signed = pair.store.desired(Document::Config).unwrap().unwrap();
    let pointer = signed.unverified().unwrap();
    let text = String::from_utf8(pointer.carried().unwrap().unwrap().to_vec()).unwrap();
    (pointer.version, text)
}

#[tokio::test]
async fn a_version_that_was_given_before_the_copy_was_put_back_is_not_given_again() {
    let mut pair = Pair::new().await;
    pair.tick().await;
    assert_eq!(publish(&mut pair, 1).await, 1);
    let copied = Copied::back_up(pair).await;
    let mut pair = copied
        .put_back_after(async |pair| {
            assert_eq!(publish(pair, 2).await, 2);
            assert_eq!(publish(pair, 3).await, 3);
        })
        .await;
    // The box says what it has before anything is wanted, and gets what HQ knows of.
    pair.happens(Happening::Lost).await;
    pair.tick().await;
    assert_eq!(recorded(&pair), (4, "{\"wan_bytes_per_day\":1}".to_owned()));
    assert_eq!(publish(&mut pair, 4).await, 5);
    assert_eq!(recorded(&pair), (5, "{\"wan_bytes_per_day\":4}".to_owned()));
}

#[tokio::test]
async fn what_was_wanted_too_early_is_wanted_anew_when_a_box_says_what_it_has() {
    for published in [2, 3] {
        let mut pair = Pair::new().await;
        pair.tick().await;
        publish(&mut pair, 1).await;
        let copied = Copied::back_up(pair).await;
        let mut pair = copied
            .put_back_after(async |pair| {
                for bytes in 2..=published {
                    publish(pair, bytes).await;
                }
            })
            .await;
        assert_eq!(publish(&mut pair, 9).await, 2, "HQ cannot know yet");
        assert_ne!(recorded(&pair).1, "{\"wan_bytes_per_day\":9}");
        if published == 2 {
            // The box does not know more than HQ: only what it put into effect tells.
            let (version, text) = recorded(&pair);
            let applied = Applied { version, digest: Digest::of(text.as_bytes()) };
            pair.store.write(|w| w.report(&reported(applied))).unwrap();
        }
        for _ in 0..3 {
            pair.happens(Happening::Lost).await;
            pair.tick().await;
        }
        assert_eq!(recorded(&pair).1, "{\"wan_bytes_per_day\":9}");
        assert!(recorded(&pair).0 > published);
        let acts = pair.house.hq.acts(None, 20).await.unwrap();
        assert!(acts.iter().any(|act| act.act == "document.renumber"));
    }
}

fn reported(applied: Applied) -> Reported {
    Reported {
        document: Document::Config,
        desired: Some(applied.version),
        stage: Stage::Committed,
        applied: Some(applied),
        observed: Some(applied.digest),
        at: NOW,
        failure: None,
        local: None,
    }
}

#[tokio::test]
async fn a_command_of_the_hq_that_was_put_back_is_carried_out() {
    let mut pair = Pair::new().await;
    pair.house.hq.begin().await.unwrap();
    pair.house.hq.command(&Actor::local(), &order()).await.unwrap();
    pair.tick().await;
    let copied = Copied::back_up(pair).await;
    let mut pair = copied
        .put_back_after(async |pair| {
            pair.house.hq.command(&Actor::local(), &order()).await.unwrap();
            pair.happens(Happening::Lost).await;
            pair.tick().await;
            assert_eq!(pair.store.commands().unwrap().len(), 2);
        })
        .await;
    pair.house.hq.command(&Actor::local(), &order()).await.unwrap();
    pair.happens(Happening::Lost).await;
    for _ in 0..3 {
        pair.tick().await;
    }
    assert_eq!(pair.store.commands().unwrap().len(), 3, "its number was given before");
    let rows = pair.house.hq.commands(&place().tenant, None, 9).await.unwrap();
    assert!(rows.iter().all(|row| row.outcome.as_deref() == Some("accepted")), "{rows:?}");
}

#[tokio::test]
async fn audit_that_the_hq_that_was_put_back_forgot_is_declared_and_the_log_goes_on() {
    let mut pair = Pair::new().await;
    let audit = |pair: &Pair, entry: u8| {
        pair.store.write(|writing| writing.audit(NOW, &[entry])).unwrap();
    };
    audit(&pair, 1);
    pair.tick().await;
    let copied = Copied::back_up(pair).await;
    let mut pair = copied
        .put_back_after(async |pair| {
            audit(pair, 2);
            audit(pair, 3);
            pair.tick().await;
            assert_eq!(pair.store.audit_head().unwrap().unwrap().entry, 3);
        })
        .await;
    audit(&pair, 4);
    pair.happens(Happening::Lost).await;
    for _ in 0..3 {
        pair.tick().await;
    }
    assert_eq!(pair.store.position(Stream::Audit).unwrap().count(), 0);
    assert_eq!(pair.store.audit_head().unwrap().unwrap().entry, 4);
    assert_eq!(pair.house.number("SELECT count(*) FROM audit").await, 2);
    let lost = "SELECT sum(last - first + 1) FROM gaps WHERE stream = 'audit'";
    assert_eq!(pair.house.number(lost).await, 2);
}

#[tokio::test]
async fn no_number_is_given_twice_though_the_copy_is_of_a_moment_ago() {
    let pair = Pair::new().await;
    pair.house.hq.begin().await.unwrap();
    let actor = Actor::local();
    let facts = |amount| [super::facts::price("1", amount)];
    let keys =
        |text: &str| Draft::inline(Target::Node(place()), Document::Keys, text.into()).unwrap();
    assert_eq!(pair.house.hq.publish(&actor, config(1)).await.unwrap(), 1);
    assert_eq!(super::facts::push(&pair.house, None, &facts(1)).await.epoch, 1);
    let copied = Copied::back_up(pair).await;
    let (mut given, mut key_given, mut epoch) = (0, 0, 0);
    let pair = copied
        .put_back_after(async |pair| {
            for bytes in 2..9 {
                given = pair.house.hq.publish(&actor, config(bytes)).await.unwrap();
            }
            key_given = pair.house.hq.publish(&actor, keys("1")).await.unwrap();
            epoch = super::facts::push(&pair.house, None, &facts(2)).await.epoch;
        })
        .await;
    assert_eq!((given, key_given, epoch), (8, 1, 2));
    assert!(pair.house.hq.publish(&actor, config(9)).await.unwrap() > given);
    let first = pair.house.hq.publish(&actor, keys("2")).await.unwrap();
    assert!(first > key_given, "the copy had no version of it");
    assert!(super::facts::push(&pair.house, None, &facts(3)).await.epoch > epoch);
}

#[tokio::test]
async fn boxes_that_stay_on_the_line_are_set_right_when_hq_was_put_back() {
    let mut pair = Pair::new().await;
    pair.house.hq.begin().await.unwrap();
    publish(&mut pair, 1).await;
    pair.tick().await;
    let copied = Copied::back_up(pair).await;
    let mut pair = copied
        .put_back_after(async |pair| {
            publish(pair, 2).await;
            publish(pair, 3).await;
            assert_eq!(recorded(pair).0, 3);
        })
        .await;
    // The box says something, as it does each minute, and hears that HQ was started anew.
    pair.store.write(|w| w.append(Stream::Evt, NOW, &event(1))).unwrap();
    for _ in 0..2 {
        pair.tick().await;
    }
    let (version, text) = recorded(&pair);
    assert_eq!(text, "{\"wan_bytes_per_day\":1}", "what HQ wants, and not what it forgot");
    assert!(version > 3, "{version}");
    let acts = pair.house.hq.acts(None, 20).await.unwrap();
    assert!(acts.iter().any(|act| act.act == "document.renumber"));
    // A start of HQ is asked about once, and what is right stays as it is.
    pair.store.write(|w| w.append(Stream::Evt, NOW, &event(2))).unwrap();
    for _ in 0..3 {
        pair.tick().await;
    }
    assert_eq!(recorded(&pair).0, version);
}

#[tokio::test]
async fn facts_that_a_copy_forgot_are_set_right_by_what_a_box_reports() {
    let (house, mut speaker) = (House::new().await, Speaker::new());
    house.hq.begin().await.unwrap();
    let pushed = super::facts::push(&house, None, &[super::facts::price("1", 99)]).await;
    assert_eq!(pushed.epoch, 1);
    house.hq.begin().await.unwrap();
    let applied = Applied { version: 2, digest: Digest([9; 32]) };
    let told = Reported { document: Document::Facts, ..reported(applied) };
    let told = speaker.plain(NodeTopic::Reported(Document::Facts), &Message::Reported(told));
    house.hq.receive(std::slice::from_ref(&told), NOW).await.unwrap();
    house.hq.finish_epochs().await.unwrap();
    let epoch = house.number("SELECT epoch FROM catalogues").await;
    assert!(epoch > 2, "{epoch}");
    house.hq.receive(&[told], NOW).await.unwrap();
    house.hq.finish_epochs().await.unwrap();
    assert_eq!(house.number("SELECT epoch FROM catalogues").await, epoch);
}

#[tokio::test]
async fn a_start_leaves_out_a_number_for_each_millisecond_that_hq_knows_nothing_of() {
    let (house, actor) = (House::new().await, Actor::local());
    house.hq.begin().await.unwrap();
    assert_eq!(house.hq.publish(&actor, config(1)).await.unwrap(), 1);
    let hour_ago = super::super::clock::now().0 - 3_600_000;
    let mut change = house.hq.database.begin().await.unwrap();
    sqlx::query("UPDATE settings SET value = $1 WHERE name = 'alive_ms'")
        .bind(hour_ago.to_string())
        .execute(&mut *change)
        .await
        .unwrap();
    change.commit().await.unwrap();
    house.hq.begin().await.unwrap();
    let version = house.hq.publish(&actor, config(2)).await.unwrap();
    assert!((3_600_001..3_700_000).contains(&version), "{version}");
    let acts = house.hq.acts(None, 20).await.unwrap();
    assert!(acts.iter().any(|act| act.act == "hq.away"));
}

#[tokio::test]
async fn no_box_can_use_up_all_numbers() {
    let (house, actor, mut speaker) = (House::new().await, Actor::local(), Speaker::new());
    let have = List::new(vec![Have { document: Document::Config, version: u64::MAX }]).unwrap();
    let ask = Ask { ledger: speaker.ledger, have, sending: List::default() };
    let question = speaker.plain(NodeTopic::Get, &Message::Ask(ask));
    house.hq.receive(&[question], NOW).await.unwrap();
    assert_eq!(house.hq.publish(&actor, config(1)).await.unwrap(), 1);
}

#[tokio::test]
async fn facts_get_an_epoch_that_no_box_has() {
    let (house, mut speaker) = (House::new().await, Speaker::new());
    let pushed = super::facts::push(&house, None, &[super::facts::price("1", 99)]).await;
    assert_eq!(pushed.epoch, 1);
    let applied = Applied { version: 7, digest: Digest([9; 32]) };
    let told = Reported { document: Document::Facts, ..reported(applied) };
    let told = speaker.plain(NodeTopic::Reported(Document::Facts), &Message::Reported(told));
    house.hq.receive(&[told], NOW).await.unwrap();
    house.hq.finish_epochs().await.unwrap();
    assert_eq!(house.number("SELECT epoch FROM catalogues").await, 8);
}
