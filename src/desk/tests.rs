//! The room as others see it, with its own clock.

use std::time::Duration;

use super::handoff::Ringing;
use super::routing::{Candidate, Deed, plan};
use super::shoppers::{
    Conversation, NewTurn, Owner, Shoppers, ShoppersConfig, Speaker, Stage as Answers,
};
use super::telemetry::DeskMetrics;
use super::*;

const S: u64 = 1000;

struct House {
    folder: tempfile::TempDir,
    shoppers: Shoppers,
    desk: Desk,
}

fn config() -> DeskConfig {
    DeskConfig { max_open: 3, max_feedback: 2, ..DeskConfig::default() }
}

fn house() -> House {
    let folder = tempfile::tempdir().unwrap();
    let shoppers = Shoppers::open(folder.path(), ShoppersConfig::default()).unwrap();
    let desk =
        Desk::open(folder.path(), shoppers.clone(), config(), DeskMetrics::default()).unwrap();
    shoppers.reach(desk.reach());
    House { folder, shoppers, desk }
}

fn associate(id: &str) -> Associate {
    Associate { id: id.into(), name: format!("{id}'s handheld"), zone: None }
}

fn call() -> Call {
    Call {
        reason: "wants_person".into(),
        anger: 0.1,
        summary: "Looks for oat milk.".into(),
        products: Vec::new(),
        suggested_replies: vec!["I am on my way.".into()],
    }
}

impl House {
    /// Somebody at a kiosk where nobody else stands.
    fn shopper(&self) -> Conversation {
        self.shopper_at(&format!("tok_{}", HandoffId::new().unwrap()))
    }

    fn shopper_at(&self, device: &str) -> Conversation {
        let owner = Owner { device: device.into(), class: "kiosk".into(), zone: None };
        self.shoppers.begin(owner, Some("en".into()), None, room::now_ms() / S).unwrap()
    }

    fn says(&self, to: &Conversation, speaker: Speaker, text: &str) -> u32 {
        let turn = NewTurn { speaker, text: text.into(), language: "en".into(), details: None };
        self.shoppers.append(&to.id, turn, room::now_ms() / S).unwrap().number
    }

    fn look(&self, at: &Conversation) -> Conversation {
        self.shoppers.conversation(&at.id, room::now_ms() / S).unwrap()
    }

    /// Whom each ring of what was told is for.
    fn rings(&self) -> Vec<Option<String>> {
        let told = self.desk.told_behind(0).unwrap().into_iter();
        let ring = |(_, told)| match told {
            Told::Ring { to, .. } => Some(to),
            _ => None,
        };
        told.filter_map(ring).collect()
    }
}

#[test]
fn a_shopper_is_answered_by_whoever_claims_first_and_handed_back() {
    let house = house();
    let (ada, ben) = (associate("ada"), associate("ben"));
    let _pages = [house.desk.listen(&ada), house.desk.listen(&ben)];
    let shopper = house.shopper();
    let id = house.desk.hand_off(&shopper, call()).unwrap();
    assert_eq!(house.desk.hand_off(&shopper, call()).unwrap(), id, "one at a time");
    house.desk.tick(room::now_ms());
    assert_eq!(house.rings().len(), 1);
    assert!(matches!(house.desk.reply(id, &ada, "Hello", None), Err(DeskError::Unclaimed)));
    house.desk.acknowledge(id, &ben).unwrap();
    house.desk.claim(id, &ada).unwrap();
    assert!(matches!(house.desk.claim(id, &ben), Err(DeskError::Taken)));
    assert!(matches!(house.desk.reply(id, &ben, "Hello", None), Err(DeskError::Taken)));
    assert_eq!(house.look(&shopper).stage, Answers::Associate);
    house.desk.reply(id, &ada, " It is in aisle 3. ", None).unwrap();
    house.says(&shopper, Speaker::Shopper, "Thank you");
    house.desk.tick(room::now_ms());
    let told = house.desk.told_behind(0).unwrap();
    let turns = told.iter().filter(|(_, told)| matches!(told, Told::Turn { .. }));
    assert!(turns.clone().count() >= 2);
    assert!(turns.clone().all(|(_, told)| told.to() == Some("ada")), "for whoever answers alone");
    house.desk.hand_back(id, &ada, None).unwrap();
    let after = house.look(&shopper);
    assert_eq!(after.stage, Answers::Assistant);
    let said: Vec<_> = after.turns.iter().map(|turn| (turn.speaker, turn.text.as_str())).collect();
    assert!(said.contains(&(Speaker::Associate, "It is in aisle 3.")), "{said:?}");
    assert!(matches!(house.desk.handoff(id), Err(DeskError::NotFound)));
    assert!(house.desk.hand_off(&after, call()).unwrap() != id, "and may be called again");
}

#[test]
fn handoffs_outlive_a_restart_and_nothing_of_them_is_in_clear() {
    let house = house();
    let ada = associate("ada");
    let shopper = house.shopper();
    let id = house.desk.hand_off(&shopper, call()).unwrap();
    house.desk.claim(id, &ada).unwrap();
    let House { folder, shoppers, desk } = house;
    let before = desk.handoff(id).unwrap();
    shoppers.flush().unwrap();
    drop((desk, shoppers));
    let file = std::fs::read(folder.path().join("desk.redb")).unwrap();
    assert!(!file.windows(8).any(|window| window == b"oat milk"));
    // The rooms hold each other through what erases, so this start's files are copies.
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let shoppers = Shoppers::open(copy.path(), ShoppersConfig::default()).unwrap();
    let desk = Desk::open(copy.path(), shoppers, config(), DeskMetrics::default()).unwrap();
    assert_eq!(desk.handoff(id).unwrap(), before);
    desk.reply(id, &ada, "Still here.", None).unwrap();
}

#[test]
fn a_shopper_who_is_erased_takes_handoff_and_examples_along() {
    let house = house();
    let (shopper, other) = (house.shopper(), house.shopper());
    for who in [&shopper, &other] {
        house.says(who, Speaker::Shopper, "Is it vegan? Mail me at jo@example.com");
        house.says(who, Speaker::Assistant, "I do not know.");
        house.desk.correct(&house.look(who), 2, "Yes, it is.", &associate("ada")).unwrap();
    }
    house.desk.hand_off(&shopper, call()).unwrap();
    let kept = house.desk.examples(0, 10).unwrap();
    assert_eq!(kept.len(), 2);
    assert!(!kept[0].example.question.contains("jo@example.com"), "{:?}", kept[0]);
    let receipt = house.shoppers.end(&shopper.id, room::now_ms() / S).unwrap();
    assert_eq!((receipt.what.handoffs, receipt.what.feedback), (1, 1));
    assert_eq!(house.desk.handoffs(), []);
    let left = house.desk.examples(0, 10).unwrap();
    assert_eq!(left.iter().map(|kept| kept.number).collect::<Vec<_>>(), [2]);
    assert_eq!(house.desk.erased_examples(10).unwrap(), [1], "until HQ knows");
    house.desk.erasure_is_told(&[1]).unwrap();
    assert!(house.desk.erased_examples(10).unwrap().is_empty());
}

#[test]
fn everything_has_a_limit() {
    let house = house();
    for _ in 0..3 {
        house.desk.hand_off(&house.shopper(), call()).unwrap();
    }
    let full = house.desk.hand_off(&house.shopper(), call());
    assert!(matches!(full, Err(DeskError::Full { open: 3 })));
    let shopper = house.shopper();
    house.says(&shopper, Speaker::Shopper, "Is it vegan?");
    house.says(&shopper, Speaker::Assistant, "I do not know.");
    let shopper = house.look(&shopper);
    let ada = associate("ada");
    for _ in 0..4 {
        house.desk.correct(&shopper, 2, "Yes.", &ada).unwrap();
    }
    let numbers: Vec<_> = house.desk.examples(0, 10).unwrap().iter().map(|it| it.number).collect();
    assert_eq!(numbers, [3, 4], "the oldest leave, and no number comes twice");
    let long = "x".repeat(1001);
    for (turn, text) in [(1, "Yes."), (9, "Yes."), (2, " "), (2, &*long)] {
        assert!(house.desk.correct(&shopper, turn, text, &ada).is_err(), "{turn}");
    }
}

#[test]
fn where_nobody_is_there_the_shopper_is_told_once_and_whoever_comes_is_rung() {
    let house = house();
    let shopper = house.shopper();
    house.desk.hand_off(&shopper, call()).unwrap();
    let now = room::now_ms();
    house.desk.tick(now);
    house.desk.tick(now + 500);
    let notices = |house: &House| {
        let turns = house.look(&shopper).turns;
        turns.iter().filter(|turn| turn.speaker == Speaker::Notice).count()
    };
    assert_eq!((notices(&house), house.rings().len()), (1, 0));
    let ada = associate("ada");
    let page = house.desk.listen(&ada);
    house.desk.tick(now + S);
    assert_eq!(house.rings(), [Some("ada".to_owned())]);
    house.desk.set_presence(&ada, State::Away);
    house.desk.tick(now + 30 * S);
    assert_eq!((notices(&house), house.rings().len()), (1, 1));
    drop(page);
}

#[test]
fn two_associates_are_rung_in_turn() {
    let house = house();
    let _pages = ["ada", "ben"].map(|id| house.desk.listen(&associate(id)));
    let now = room::now_ms();
    for _ in 0..3 {
        let shopper = house.shopper();
        let id = house.desk.hand_off_at(&shopper, call(), now).unwrap();
        house.desk.tick(now);
        let last = house.rings().pop().flatten().unwrap();
        house.desk.claim(id, &associate(&last)).unwrap();
        if house.desk.handoffs().len() == 3 {
            house.desk.close(id, &associate(&last), Outcome::Solved).unwrap();
        }
    }
    let rung: Vec<_> = house.rings().into_iter().flatten().collect();
    assert_eq!(rung.len(), 3);
    assert_ne!(rung[0], rung[1], "who has none is rung before who has one");
}

fn waiting(zone: Option<&str>, ringing: Ringing) -> Handoff {
    let house = house();
    let shopper = house.shopper();
    let id = house.desk.hand_off_at(&shopper, call(), 0).unwrap();
    Handoff { zone: zone.map(Into::into), ringing, ..house.desk.handoff(id).unwrap() }
}

fn candidate(id: &str, open: usize, zone: Option<&str>, rung_ms: u64) -> Candidate {
    Candidate { id: id.into(), open, zone: zone.map(Into::into), rung_ms }
}

#[test]
fn who_is_rung_first() {
    for (present, first) in [
        (vec![candidate("a", 1, None, 0), candidate("b", 0, None, 9)], "b"),
        (vec![candidate("a", 0, None, 9), candidate("b", 0, None, 3)], "b"),
        (vec![candidate("a", 0, None, 3), candidate("b", 0, Some("door"), 9)], "b"),
        (vec![candidate("a", 0, None, 3), candidate("b", 1, Some("door"), 0)], "a"),
    ] {
        let deeds = plan(&waiting(Some("door"), Ringing::default()), &present, None, &config(), S);
        assert_eq!(deeds, [Deed::Ring(first.into())], "{present:?}");
    }
}

#[test]
fn ringing_goes_on_to_others_then_to_all_and_the_shopper_is_told() {
    let present = [candidate("a", 0, None, 0), candidate("b", 0, None, 0)];
    let once = Ringing { rung: vec!["a".into()], last_ms: Some(0), ..Ringing::default() };
    let all = Ringing { escalated: true, last_ms: Some(60 * S), ..once.clone() };
    let told = Ringing { told: true, last_ms: Some(120 * S), ..all.clone() };
    for (ringing, at_s, deeds) in [
        (once.clone(), 19, vec![]),
        (once.clone(), 20, vec![Deed::Ring("b".into())]),
        (once, 60, vec![Deed::RingAll]),
        (all.clone(), 79, vec![]),
        (all.clone(), 80, vec![Deed::RingAll]),
        (all, 120, vec![Deed::Tell, Deed::RingAll]),
        (told.clone(), 139, vec![]),
        (told, 140, vec![Deed::RingAll]),
    ] {
        let handoff = waiting(None, ringing);
        assert_eq!(plan(&handoff, &present, None, &config(), at_s * S), deeds, "{at_s} s");
    }
}

#[test]
fn whoever_is_on_the_way_has_some_time_and_then_others_are_rung() {
    let ringing = Ringing { acknowledged_ms: Some(0), last_ms: Some(0), ..Ringing::default() };
    let handoff = Handoff { stage: Stage::Acknowledged, ..waiting(None, ringing) };
    let present = [candidate("a", 0, None, 0)];
    assert_eq!(plan(&handoff, &present, None, &config(), 39 * S), []);
    let later = plan(&handoff, &present, None, &config(), 40 * S);
    assert_eq!(later, [Deed::Forget, Deed::Ring("a".into())]);
    assert_eq!(config().ring_again, Duration::from_secs(20));
}

#[test]
fn who_missed_something_goes_on_behind_it_or_is_told_to_look_anew() {
    let desk = house().desk;
    let ada = associate("ada");
    for turn in 0..600 {
        let state = if turn % 2 == 0 { State::Away } else { State::Available };
        desk.set_presence(&ada, state);
    }
    assert_eq!(*desk.told().borrow(), 600);
    assert_eq!(desk.told_behind(598).unwrap().len(), 2);
    assert_eq!(desk.told_behind(600).unwrap(), []);
    assert_eq!(desk.told_behind(3), Err(Missed));
    assert_eq!(desk.told_behind(601), Err(Missed), "of another start");
}

#[test]
fn a_device_that_calls_and_calls_rings_as_often_as_one_shopper_and_keeps_nobody_else_from_a_person()
{
    let house = house();
    let ada = associate("ada");
    let _page = house.desk.listen(&ada);
    let now = room::now_ms();
    let spammer = |at: u64| {
        let shopper = house.shopper_at("tok_k");
        let id = house.desk.hand_off_at(&shopper, call(), at).unwrap();
        house.desk.tick(at);
        (shopper, id)
    };
    let (first, _) = spammer(now);
    for n in 1..8 {
        spammer(now + n);
    }
    assert_eq!(house.rings().len(), 1, "one ring for the device");
    assert_eq!(house.desk.handoffs().len(), 2, "as many as a device may have");
    let left = house.look(&first);
    assert_eq!(left.stage, Answers::Assistant, "whoever was left out goes on with the assistant");
    let other = house.desk.hand_off_at(&house.shopper(), call(), now + 9).unwrap();
    house.desk.tick(now + 9);
    assert_eq!(house.rings().len(), 2, "another device rings at once");
    house.desk.claim(other, &ada).unwrap();
    house.desk.tick(now + 20 * S + 9);
    assert!(house.rings().len() > 2, "and the first one again in its turn");
}

#[test]
fn a_shopper_whose_associate_is_gone_is_rung_for_again() {
    let house = house();
    let (ada, ben) = (associate("ada"), associate("ben"));
    let page = house.desk.listen(&ada);
    let shopper = house.shopper();
    let id = house.desk.hand_off(&shopper, call()).unwrap();
    house.desk.claim(id, &ada).unwrap();
    let now = room::now_ms();
    house.desk.tick(now + 600 * S);
    assert_eq!(house.desk.handoff(id).unwrap().stage, Stage::Claimed, "while the page is open");
    drop(page);
    let _other = house.desk.listen(&ben);
    house.desk.tick(now + 39 * S);
    assert_eq!(house.desk.handoff(id).unwrap().stage, Stage::Claimed, "it may come back");
    house.desk.tick(now + 41 * S);
    assert_eq!(house.desk.handoff(id).unwrap().stage, Stage::Waiting);
    assert_eq!(house.rings().pop().unwrap().as_deref(), Some("ben"));
    let after = house.look(&shopper);
    assert_eq!(after.stage, Answers::Waiting);
    assert_eq!(after.turns.last().unwrap().text, "One moment please, I am calling somebody else.");
    assert!(matches!(house.desk.reply(id, &ada, "Hello?", None), Err(DeskError::Unclaimed)));
}

#[test]
fn what_happens_at_the_desk_is_counted() {
    let house = house();
    let metrics = telemetry::Metrics::new();
    let counted = metrics.desk().clone();
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(folder.path(), house.shoppers.clone(), config(), counted).unwrap();
    let ada = associate("ada");
    let shopper = house.shopper();
    let id = desk.hand_off(&shopper, call()).unwrap();
    desk.claim(id, &ada).unwrap();
    desk.claim(id, &ada).unwrap();
    desk.hand_back(id, &ada, None).unwrap();
    let text = metrics.encode().unwrap();
    for line in [
        "endcap_handoffs_total{reason=\"wants_person\"} 1",
        "endcap_handoff_claim_duration_seconds_count 1",
        "endcap_handoffs_over_total{outcome=\"handed_back\"} 1",
        "endcap_handoffs_escalated_total 0",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}
