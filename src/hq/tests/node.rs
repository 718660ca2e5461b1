//! A real node's session and HQ, message by message.

use redb::backends::InMemoryBackend;

use super::*;
use crate::state::{StateConfig, Store};
use crate::sync::{Do, Happening, LineConfig, Now, Phase, Session, Trust};

/// A run of the node's program.
fn session(keys: &Keys, store: &Store) -> Session {
    let who = Identity { place: place(), groups: Vec::new() };
    let trust = Trust { who, catalogues: Vec::new(), keys: keys.clone() };
    Session::new(store.clone(), trust, LineConfig::default(), NOW, 1).unwrap()
}

/// A node, HQ, and a line between them that loses and doubles nothing.
pub(super) struct Pair {
    pub(super) house: House,
    pub(super) store: Store,
    pub(super) session: Session,
    /// Whom the node believes.
    pub(super) keys: Keys,
    steady_ms: u64,
    /// How far the node's clock is behind.
    behind_ms: u64,
    /// How wrong HQ's clock is.
    hq_skew_ms: i64,
}

impl Pair {
    pub(super) async fn new() -> Self {
        let house = House::new().await;
        let store = Store::on(InMemoryBackend::new, place(), StateConfig::default()).unwrap();
        let keys = house.hq.director().keys();
        let session = session(&keys, &store);
        Self { house, store, session, keys, steady_ms: 0, behind_ms: 0, hq_skew_ms: 0 }
    }

    fn now(&self) -> Now {
        let wall = UnixMillis(NOW.plus(self.steady_ms).0 - self.behind_ms);
        Now { wall, steady_ms: self.steady_ms }
    }

    fn hq_now(&self) -> UnixMillis {
        UnixMillis(NOW.plus(self.steady_ms).0.saturating_add_signed(self.hq_skew_ms))
    }

    /// Lets something happen and carries all that follows from it.
    pub(super) async fn happens(&mut self, happening: Happening) {
        let mut next = std::collections::VecDeque::from([happening]);
        while let Some(happening) = next.pop_front() {
            let now = self.now();
            for act in self.session.handle(happening, now).unwrap() {
                match act {
                    Do::Connect { .. } => next.push_back(Happening::Connected),
                    Do::Subscribe(_) => next.push_back(Happening::Subscribed { all: true }),
                    Do::Drop => {}
                    Do::Publish(said) => {
                        if said.counted {
                            next.push_back(Happening::Taken);
                        }
                        let heard = Incoming { topic: said.topic, payload: said.payload };
                        let answers = self.house.hq.receive(&[heard], self.hq_now()).await;
                        let answers = answers.unwrap();
                        next.extend(answers.into_iter().map(of_hq));
                    }
                }
            }
        }
    }

    /// The node has lost its disk, and its program begins anew.
    pub(super) fn begin_with_an_empty_disk(&mut self) {
        self.store = Store::on(InMemoryBackend::new, place(), StateConfig::default()).unwrap();
        self.session = session(&self.keys, &self.store);
    }

    pub(super) async fn tick(&mut self) {
        for _ in 0..200 {
            self.steady_ms += 100;
            self.happens(Happening::Tick).await;
        }
    }
}

pub(super) fn of_hq(said: Outgoing) -> Happening {
    Happening::Message { topic: said.topic, payload: said.payload }
}

#[tokio::test]
async fn a_node_comes_onto_the_line_and_all_that_waits_arrives_once() {
    let mut pair = Pair::new().await;
    for number in 1..=40 {
        pair.store.write(|w| w.append(Stream::Evt, NOW, &event(number))).unwrap();
    }
    pair.tick().await;
    assert_eq!(pair.session.phase(), Phase::Open);
    assert_eq!(pair.house.number("SELECT count(*) FROM events").await, 40);
    assert_eq!(pair.house.number("SELECT count(DISTINCT seq) FROM events").await, 40);
    assert_eq!(pair.house.hq.registry().node(&place()).await.unwrap().presence, "online");
    let at = pair.store.position(Stream::Evt).unwrap();
    assert_eq!(at.first, at.next, "nothing is left in the outbox");
}

#[tokio::test]
async fn what_is_wanted_reaches_the_node_live_and_after_it_was_away() {
    let mut pair = Pair::new().await;
    pair.tick().await;
    let mut outgoing = pair.house.hq.outgoing();
    let actor = Actor::local();
    let draft =
        |text: &str| Draft::inline(Target::Node(place()), Document::Config, text.into()).unwrap();
    pair.house.hq.publish(&actor, draft("1")).await.unwrap();
    let said = outgoing.try_recv().unwrap();
    pair.happens(of_hq((*said).clone())).await;
    assert_eq!(pair.store.floors().unwrap()[&Document::Config].version, 1);
    pair.happens(Happening::Lost).await;
    pair.house.hq.publish(&actor, draft("2")).await.unwrap();
    for _ in 0..4 {
        pair.tick().await;
    }
    assert_eq!(pair.store.floors().unwrap()[&Document::Config].version, 2);
}

/// A command that a node takes and does nothing else with.
fn count_once() -> Order {
    Order {
        target: Target::Node(place()),
        name: "test.count".parse().unwrap(),
        arguments: Fields::default(),
        life_ms: 3_600_000,
    }
}

#[tokio::test]
async fn a_command_reaches_the_node_and_its_answer_reaches_hq() {
    let mut pair = Pair::new().await;
    let order = count_once();
    // The node's clock follows HQ's, so the command's life must be in both their futures.
    pair.house.hq.command(&Actor::local(), &order).await.unwrap();
    pair.tick().await;
    let rows = pair.house.hq.commands(&place().tenant, None, 9).await.unwrap();
    assert_eq!(rows[0].outcome.as_deref(), Some("accepted"));
}

#[tokio::test]
async fn a_command_for_another_box_is_left_aside_wherever_it_comes() {
    let mut pair = Pair::new().await;
    pair.tick().await;
    let (actor, other) = (Actor::local(), "acme/store-1/box-b".parse::<Place>().unwrap());
    pair.house.hq.registry().add_node(&actor, &other).await.unwrap();
    let mut outgoing = pair.house.hq.outgoing();
    let order = Order { target: Target::Node(other), ..count_once() };
    pair.house.hq.command(&actor, &order).await.unwrap();
    pair.happens(of_hq((*outgoing.try_recv().unwrap()).clone())).await;
    assert!(pair.store.commands().unwrap().is_empty());
    assert_eq!(pair.session.refused()["place"], 1);
}

#[tokio::test]
async fn no_lie_about_numbers_keeps_a_command_from_a_box() {
    // All numbers declared to be gone, or so many here and there that none fits between them any more.
    let all = vec![Gap { first: 1, last: u64::MAX }];
    let scattered = (0..40).map(|n| Gap { first: 1000 + 2 * n, last: 1000 + 2 * n }).collect();
    for lies in [all, scattered] {
        let mut pair = Pair::new().await;
        pair.tick().await;
        let mut change = pair.house.hq.database.begin().await.unwrap();
        let ledger = super::super::commands::ledger(&mut change).await.unwrap();
        change.commit().await.unwrap();
        for gap in lies {
            let at = pair.hq_now();
            let envelope = pair.house.hq.clock.envelope(&Message::Gap(gap), at).unwrap();
            let envelope = envelope.counted(ledger, Stream::Cmd, gap.last);
            let topic = NodeTopic::Command(MessageId([9; 16]));
            let lie = Outgoing::to_node(&place(), topic, &envelope).unwrap();
            pair.happens(of_hq(lie)).await;
        }
        for count in 1..=2 {
            let ids = pair.house.hq.command(&Actor::local(), &count_once()).await.unwrap();
            let said = pair.house.hq.commands_again(clock::now()).await.unwrap();
            for said in [said.clone(), said].concat() {
                pair.happens(of_hq(said)).await;
            }
            assert_eq!(pair.store.commands().unwrap().len(), count, "each once");
            assert!(pair.store.command(ids[0]).unwrap().is_some());
        }
        pair.tick().await;
        let rows = pair.house.hq.commands(&place().tenant, None, 9).await.unwrap();
        assert!(rows.iter().all(|row| row.outcome.as_deref() == Some("accepted")), "{rows:?}");
    }
}

#[tokio::test]
async fn what_a_box_reports_after_its_clock_went_back_is_not_taken_for_old() {
    let mut pair = Pair::new().await;
    for (stage, behind_ms) in [(Stage::Trial, 0), (Stage::Reverted, 3_600_000)] {
        pair.behind_ms = behind_ms;
        pair.session = session(&pair.keys, &pair.store);
        pair.tick().await;
        let reported = Reported {
            document: Document::Bundle,
            desired: Some(1),
            stage,
            applied: None,
            observed: None,
            at: NOW,
            failure: None,
            local: None,
        };
        pair.store.write(|writing| writing.report(&reported)).unwrap();
        pair.tick().await;
        let said = pair.house.hq.reported(&place().tenant, "store-1").await.unwrap();
        assert_eq!(said[&place().to_string()][0].stage, rows::word(&stage));
    }
}

/// A moment that HQ signed is never in the future again, so a box believes no clock before it: what
/// runs goes on, and nothing is installed until the time is there.
#[tokio::test]
async fn a_clock_of_hqs_that_jumps_keeps_nobody_off_the_line_and_loses_nothing() {
    const DAY_MS: i64 = 24 * 3_600_000;
    let mut pair = Pair::new().await;
    let mut number = 0;
    for skew_ms in [0, DAY_MS, -DAY_MS, 400 * DAY_MS, -400 * DAY_MS, 0] {
        pair.hq_skew_ms = skew_ms;
        for _ in 0..20 {
            number += 1;
            let at = pair.now().wall;
            pair.store.write(|w| w.append(Stream::Evt, at, &event(number))).unwrap();
        }
        pair.happens(Happening::Lost).await;
        for _ in 0..5 {
            pair.tick().await;
        }
        assert_eq!(pair.session.phase(), Phase::Open, "HQ is {skew_ms} ms ahead");
        assert_eq!(pair.house.number("SELECT count(*) FROM events").await, number);
    }
    assert_eq!(pair.house.number("SELECT count(DISTINCT seq) FROM events").await, number);
    assert_eq!(pair.house.number("SELECT count(*) FROM gaps").await, 0);
}

#[tokio::test]
async fn of_what_is_said_within_one_millisecond_the_last_counts() {
    let mut pair = Pair::new().await;
    let order = count_once();
    let ids = pair.house.hq.command(&Actor::local(), &order).await.unwrap();
    pair.tick().await;
    for outcome in [Outcome::Running, Outcome::Done] {
        let (id, at, details) = (ids[0], pair.now().wall, Fields::default());
        let state = CommandState { id, outcome, at, details };
        pair.store.write(|writing| writing.set_outcome(&state)).unwrap();
        pair.happens(Happening::Tick).await;
    }
    let rows = pair.house.hq.commands(&place().tenant, None, 9).await.unwrap();
    assert_eq!(rows[0].outcome.as_deref(), Some("done"));
}

/// Records what a node would: how far it is with the bundle that is recorded.
fn reports(store: &Store, stage: Stage, applied: bool) -> u64 {
    let signed = store.desired(Document::Bundle).unwrap().unwrap();
    let Pointer { version, digest, .. } = signed.unverified().unwrap();
    let reported = Reported {
        document: Document::Bundle,
        desired: Some(version),
        stage,
        applied: applied.then_some(Applied { version, digest }),
        observed: applied.then_some(digest),
        at: NOW,
        failure: None,
        local: None,
    };
    store.write(|w| w.report(&reported)).unwrap();
    version
}

#[tokio::test]
async fn a_deployment_reaches_a_node_that_was_away_and_ends_with_what_it_attests() {
    use super::deployments::{deployed, published};
    use crate::hq::deployments::State;
    let mut pair = Pair::new().await;
    published(&pair.house.hq, "one").await;
    published(&pair.house.hq, "two").await;
    let number = deployed(&pair.house.hq, "one", "acme/store-1").await.number;
    pair.tick().await;
    reports(&pair.store, Stage::Trial, false);
    pair.tick().await;
    let state = async |pair: &Pair, number| {
        pair.house.hq.advance(pair.now().wall).await.unwrap();
        pair.house.hq.deployment(&place().tenant, number).await.unwrap().state
    };
    assert_eq!(state(&pair, number).await, State::Running);
    let first = reports(&pair.store, Stage::Committed, true);
    pair.tick().await;
    assert_eq!(state(&pair, number).await, State::Complete);
    // It is away while the next one is asked for and called off: it never hears of that.
    pair.happens(Happening::Lost).await;
    let next = deployed(&pair.house.hq, "two", "acme/store-1").await.number;
    pair.house.hq.cancel(&Actor::local(), &place().tenant, next, None).await.unwrap();
    for _ in 0..4 {
        pair.tick().await;
    }
    let signed = pair.store.desired(Document::Bundle).unwrap().unwrap();
    let pointer = signed.unverified().unwrap();
    assert!(pointer.version > first + 1, "{pointer:?}");
    let old = pair.house.hq.desired_of(&place()).await.unwrap();
    assert_eq!((old[0].digest, old[0].version), (pointer.digest, pointer.version));
    assert_eq!(state(&pair, next).await, State::Cancelled);
}
