//! Facts that follow an artefact store, through faults and forgeries.

use std::collections::BTreeMap;
use std::time::Duration;

use sha2::Digest as _;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::facts::{Batch, Change, Fact, Facts, FactsConfig, Table, UnixSeconds};
use crate::protocol::documents::*;
use crate::protocol::{Clock, Digest, FactsHead, List, Text, UnixMillis};
use crate::reconcile::fetch::tests::origin::{ArtefactStore, Fault};
use crate::reconcile::fetch::{FetchError, FetchLimits, Fetcher};

const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

/// What an epoch says: the cents that things cost.
type Prices = BTreeMap<String, u32>;

fn prices(said: &[(&str, u32)]) -> Prices {
    said.iter().map(|(id, cents)| ((*id).to_owned(), *cents)).collect()
}

fn fact(cents: u32) -> String {
    let json = format!(r#"{{"amount":{}.{:02},"currency":"EUR"}}"#, cents / 100, cents % 100);
    let fact = Fact::parse(Table::Prices, json.as_bytes()).unwrap();
    serde_json::to_string(&fact).unwrap()
}

fn leaves(of: &Prices) -> Vec<Leaf> {
    let leaf = |(id, cents): (&String, &u32)| Leaf {
        table: "prices".into(),
        id: id.as_str().into(),
        digest: Digest(sha2::Sha256::digest(fact(*cents)).into()),
    };
    of.iter().map(leaf).collect()
}

fn root_of(of: &Prices) -> Digest {
    root(leaves(of).into_iter().map(Ok::<_, Unordered>)).unwrap()
}

fn changes(older: &Prices, newer: &Prices) -> Vec<FactChange> {
    let text = |text: &str| Text::new(text).unwrap();
    differences(leaves(older), leaves(newer))
        .map(|difference| match difference {
            Difference::Put(leaf) => FactChange::Put {
                table: Text::cut(&leaf.table),
                id: text(&leaf.id),
                fact: Text::cut(&fact(newer[&*leaf.id])),
            },
            Difference::Remove(leaf) => {
                FactChange::Remove { table: Text::cut(&leaf.table), id: text(&leaf.id) }
            }
        })
        .collect()
}

struct World {
    hq: ArtefactStore,
    facts: Facts,
    follower: Follower,
    folder: tempfile::TempDir,
    cancel: CancellationToken,
}

impl World {
    async fn new() -> Self {
        Self::with(FactsConfig::default()).await
    }

    async fn with(config: FactsConfig) -> Self {
        let hq = ArtefactStore::start().await;
        let facts = Facts::in_memory(config).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let limits = FetchLimits {
            stall: Duration::from_millis(2000),
            max_idle_tries: 2,
            first_pause: Duration::from_millis(1),
            spare_bytes: 0,
            ..FetchLimits::default()
        };
        let fetcher = Fetcher::new(folder.path(), vec![hq.origin(true)], None, limits).unwrap();
        let follower = Follower::new(facts.clone(), fetcher, "main".parse().unwrap());
        Self { hq, facts, follower, folder, cancel: CancellationToken::new() }
    }

    fn artefact(&self, changes: &[FactChange]) -> Artefact {
        let mut writer = ChangeWriter::new(Vec::new()).unwrap();
        changes.iter().for_each(|change| writer.write(change).unwrap());
        let bytes = writer.finish().unwrap();
        self.hq.put(&bytes);
        Artefact::of(&bytes).unwrap()
    }

    /// Publishes an epoch with changes from older ones, and gives its head.
    fn publish(&self, epoch: u64, of: &Prices, older: &[(u64, &Prices)]) -> FactsHead {
        let deltas = older.iter().map(|(from_epoch, prices)| FactsDelta {
            from_epoch: *from_epoch,
            artefact: self.artefact(&changes(prices, of)),
        });
        let index = FactsIndex {
            epoch,
            root: root_of(of),
            deltas: List::new(deltas.collect()).unwrap(),
            whole: self.artefact(&changes(&Prices::new(), of)),
        };
        self.head(&index)
    }

    fn head(&self, index: &FactsIndex) -> FactsHead {
        let digest = self.hq.put(&index.to_bytes().unwrap());
        FactsHead {
            tenant: "acme".parse().unwrap(),
            catalogue: "main".parse().unwrap(),
            epoch: index.epoch,
            root: index.root,
            path: artefact_path(digest),
            issued: NOW,
            expires: None,
        }
    }

    async fn follow(&self, head: &FactsHead) -> Result<bool, FactsFailure> {
        self.follower.follow(head, Clock::Known(NOW), &self.cancel).await
    }

    #[track_caller]
    fn check(&self, epoch: u64, of: &Prices) {
        let found = self.facts.list(Table::Prices, "", 10_000);
        let found: BTreeMap<String, String> = found
            .into_iter()
            .map(|held| (held.id.id.to_string(), serde_json::to_string(&held.fact).unwrap()))
            .collect();
        let said = of.iter().map(|(id, cents)| (id.clone(), fact(*cents))).collect();
        assert_eq!(found, said);
        let looked = self.follower.look().unwrap().unwrap();
        assert_eq!((looked.held.epoch, looked.observed), (epoch, root_of(of)));
        assert_eq!(std::fs::read_dir(self.files()).unwrap().count(), 0, "files are left");
    }

    /// Where files come on their way in.
    fn files(&self) -> std::path::PathBuf {
        self.folder.path().join("main")
    }
}

#[tokio::test]
async fn a_store_takes_everything_once_and_then_the_changes() {
    let world = World::new().await;
    let one: Prices = (0..3000).map(|id| (format!("{id:04}"), id + 1)).collect();
    let mut two = one.clone();
    two.remove("0007");
    two.insert("0008".to_owned(), 7777);
    assert_eq!(world.follower.look().unwrap(), None);
    assert!(world.follow(&world.publish(5, &one, &[])).await.unwrap());
    world.check(5, &one);
    let before = world.hq.sent_bytes();
    let head = world.publish(6, &two, &[(5, &one)]);
    assert!(world.follow(&head).await.unwrap());
    world.check(6, &two);
    assert!(world.hq.sent_bytes() - before < 1000, "{}", world.hq.sent_bytes() - before);
    world.hq.asked();
    assert!(!world.follow(&head).await.unwrap());
    assert!(world.hq.asked().is_empty(), "what is held is not asked for");
}

#[tokio::test]
async fn a_price_that_the_shop_set_stays_and_is_not_counted() {
    let world = World::new().await;
    let one = prices(&[("a", 100), ("b", 200)]);
    world.follow(&world.publish(1, &one, &[])).await.unwrap();
    let own = Fact::parse(Table::Prices, fact(50).as_bytes()).unwrap();
    let own = Change::Put { id: "a".parse().unwrap(), fact: own, source: None };
    world.facts.write(Batch::of(own), UnixSeconds::now()).unwrap();
    let two = prices(&[("a", 100), ("b", 300)]);
    world.follow(&world.publish(2, &two, &[(1, &one)])).await.unwrap();
    assert_eq!(world.follower.look().unwrap().unwrap().observed, root_of(&two));
    let id = crate::facts::FactId::new(Table::Prices, "a").unwrap();
    let held = serde_json::to_string(&world.facts.get(&id).unwrap().fact).unwrap();
    assert_eq!(held, fact(50));
}

#[tokio::test]
async fn changes_that_do_not_add_up_are_given_up_for_everything() {
    let world = World::new().await;
    let mut one: Prices = (0..200).map(|id| (format!("{id:03}"), id + 1)).collect();
    one.extend(prices(&[("a", 1), ("b", 2)]));
    let mut two = one.clone();
    two.remove("b");
    two.extend(prices(&[("a", 3), ("c", 4)]));
    world.follow(&world.publish(1, &one, &[])).await.unwrap();
    // The changes of another world, none at all, and bytes that are none.
    let mut other = one.clone();
    other.extend(prices(&[("a", 9)]));
    let wrong = world.artefact(&changes(&one, &other));
    let none = world.artefact(&[]);
    world.hq.put(b"no changes");
    let noise = Artefact::of(b"no changes").unwrap();
    let mut gone = noise.clone();
    gone.digest = Digest([3; 32]);
    let mut held = 1;
    for artefact in [wrong, none, noise, gone] {
        let whole = world.artefact(&changes(&Prices::new(), &two));
        let deltas = vec![FactsDelta { from_epoch: held, artefact }];
        let (epoch, deltas) = (held + 1, List::new(deltas).unwrap());
        let index = FactsIndex { epoch, root: root_of(&two), deltas, whole };
        let (_, way) = index.way_from(Some(held));
        assert_eq!(way, Way::Delta);
        world.follow(&world.head(&index)).await.unwrap();
        world.check(epoch, &two);
        // The next one begins at other facts again.
        held = epoch + 1;
        world.follow(&world.publish(held, &one, &[])).await.unwrap();
    }
}

#[tokio::test]
async fn what_does_not_add_up_at_all_leaves_the_old_epoch() {
    let world = World::new().await;
    let (one, two) = (prices(&[("a", 1), ("b", 2)]), prices(&[("a", 3)]));
    world.follow(&world.publish(1, &one, &[])).await.unwrap();
    let whole = world.artefact(&changes(&Prices::new(), &prices(&[("a", 4)])));
    let deltas = List::default();
    let lie = FactsIndex { epoch: 2, root: root_of(&two), deltas, whole };
    let failure = world.follow(&world.head(&lie)).await.unwrap_err();
    assert_eq!((failure.code(), failure.may_pass()), ("root", false));
    world.check(1, &one);
    // A table that this program does not know, and a fact with a field that it does not know.
    for (table, json) in [("planets", fact(1)), ("prices", r#"{"amount":1,"orbit":2}"#.to_owned())]
    {
        let (table, fact) = (Text::cut(table), Text::cut(&json));
        let change = FactChange::Put { table, id: Text::cut("a"), fact };
        let index = FactsIndex { whole: world.artefact(&[change]), ..lie.clone() };
        let failure = world.follow(&world.head(&index)).await.unwrap_err();
        assert_eq!(failure.code(), "fact");
        world.check(1, &one);
    }
}

#[tokio::test]
async fn old_forged_and_contradicting_heads_are_refused() {
    let world = World::new().await;
    let (one, two) = (prices(&[("a", 1)]), prices(&[("a", 2)]));
    let (first, second) = (world.publish(1, &one, &[]), world.publish(2, &two, &[(1, &one)]));
    world.follow(&second).await.unwrap();
    for (head, code) in [
        (first.clone(), "older"),
        (FactsHead { epoch: 2, ..first.clone() }, "contradiction"),
        // The index of another epoch, and no path of a digest.
        (FactsHead { epoch: 3, ..first.clone() }, "index"),
        (FactsHead { epoch: 3, root: root_of(&one), ..second.clone() }, "index"),
        (FactsHead { epoch: 3, path: Text::cut("../secret"), ..second.clone() }, "document"),
        (FactsHead { epoch: 3, path: artefact_path(Digest([1; 32])), ..second.clone() }, "refused"),
        (FactsHead { epoch: 3, expires: Some(NOW), ..second.clone() }, "expired"),
    ] {
        let failure = world.follow(&head).await.unwrap_err();
        assert_eq!(failure.code(), code, "{failure}");
        world.check(2, &two);
    }
}

#[tokio::test]
async fn while_the_time_is_not_known_nothing_is_taken() {
    let world = World::new().await;
    let head = world.publish(1, &prices(&[("a", 1)]), &[]);
    let unknown = Clock::Unknown { at_least: NOW };
    let failure = world.follower.follow(&head, unknown, &world.cancel).await.unwrap_err();
    assert_eq!((failure.code(), failure.may_pass()), ("clock", true));
    assert!(world.hq.asked().is_empty());
}

#[tokio::test]
async fn a_line_that_breaks_is_tried_again_and_then_left_to_later() {
    let world = World::new().await;
    let one = prices(&[("a", 1)]);
    let head = world.publish(1, &one, &[]);
    world.hq.order(&[Fault::CutAfter(3), Fault::Status(503), Fault::OtherBytes]);
    let failure = loop {
        match world.follow(&head).await {
            Ok(_) => break None,
            Err(error) if error.may_pass() => {}
            Err(error) => break Some(error),
        }
    };
    assert!(failure.is_none(), "{failure:?}");
    world.check(1, &one);
    world.hq.always(Some(Fault::Status(500)));
    let two = world.publish(2, &one, &[(1, &one)]);
    let failure = world.follow(&two).await.unwrap_err();
    assert!(matches!(failure, FactsFailure::Fetch(FetchError::Unreachable { .. })), "{failure}");
    world.check(1, &one);
}

#[tokio::test]
async fn more_facts_than_the_box_holds_are_refused_with_the_limit() {
    let world = World::with(FactsConfig { max_facts: 2, ..FactsConfig::default() }).await;
    let three = prices(&[("a", 1), ("b", 1), ("c", 1)]);
    let failure = world.follow(&world.publish(1, &three, &[])).await.unwrap_err();
    assert!(failure.to_string().contains("max_facts"), "{failure}");
    assert_eq!(world.follower.look().unwrap(), None);
}

#[tokio::test]
async fn what_was_fetched_in_part_goes_when_another_epoch_is_wanted() {
    let world = World::new().await;
    std::fs::create_dir_all(world.files()).unwrap();
    for (number, ending) in [(7, "part"), (7, "have"), (8, "part")] {
        let name = format!("{}.{ending}", Digest([number; 32]));
        std::fs::write(world.files().join(name), "of an epoch that is over").unwrap();
    }
    let other = world.folder.path().join("other");
    std::fs::create_dir_all(&other).unwrap();
    std::fs::write(other.join(format!("{}.part", Digest([7; 32]))), "of another catalogue")
        .unwrap();
    let one = prices(&[("a", 100)]);
    world.follow(&world.publish(9, &one, &[])).await.unwrap();
    world.check(9, &one);
    assert_eq!(std::fs::read_dir(other).unwrap().count(), 1);
}
