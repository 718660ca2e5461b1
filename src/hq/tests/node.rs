//! A real node's session and HQ, message by message.

use redb::backends::InMemoryBackend;

use super::*;
use crate::state::{StateConfig, Store};
use crate::sync::{Do, Happening, LineConfig, Now, Phase, Session, Trust};

/// A node, HQ, and a line between them that loses and doubles nothing.
struct Pair {
    house: House,
    store: Store,
    session: Session,
    steady_ms: u64,
    /// How far the node's clock is behind.
    behind_ms: u64,
}

impl Pair {
    async fn new() -> Self {
        let house = House::new().await;
        let store = Store::on(InMemoryBackend::new, place(), StateConfig::default()).unwrap();
        let who = Identity { place: place(), groups: Vec::new() };
        let trust = Trust { who, catalogues: Vec::new(), keys: house.hq.director().keys() };
        let session = Session::new(store.clone(), trust, LineConfig::default(), NOW, 1).unwrap();
        Self { house, store, session, steady_ms: 0, behind_ms: 0 }
    }

    fn now(&self) -> Now {
        let wall = UnixMillis(self.hq_now().0 - self.behind_ms);
        Now { wall, steady_ms: self.steady_ms }
    }

    fn hq_now(&self) -> UnixMillis {
        NOW.plus(self.steady_ms)
    }

    /// Lets something happen and carries all that follows from it.
    async fn happens(&mut self, happening: Happening) {
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

    async fn tick(&mut self) {
        for _ in 0..200 {
            self.steady_ms += 100;
            self.happens(Happening::Tick).await;
        }
    }
}

fn of_hq(said: Outgoing) -> Happening {
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

#[tokio::test]
async fn a_command_reaches_the_node_and_its_answer_reaches_hq() {
    let mut pair = Pair::new().await;
    let order = Order {
        target: Target::Node(place()),
        name: "test.count".parse().unwrap(),
        arguments: Fields::default(),
        life_ms: 3_600_000,
    };
    // The node's clock follows HQ's, so the command's life must be in both their futures.
    pair.house.hq.command(&Actor::local(), &order).await.unwrap();
    pair.tick().await;
    let rows = pair.house.hq.commands(&place().tenant, None, 9).await.unwrap();
    assert_eq!(rows[0].outcome.as_deref(), Some("accepted"));
}

#[tokio::test]
async fn what_a_box_reports_after_its_clock_went_back_is_not_taken_for_old() {
    let mut pair = Pair::new().await;
    pair.tick().await;
    for (stage, behind_ms) in [(Stage::Trial, 0), (Stage::Reverted, 3_600_000)] {
        pair.behind_ms = behind_ms;
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
