//! Facts from a push to what a store reads.

use futures_util::StreamExt as _;

use super::*;
use crate::facts::Table;
use crate::hq::catalogues::{Push, Pushed};
use crate::protocol::documents::*;

pub(super) fn price(id: &str, amount: u32) -> String {
    format!(
        "{{\"table\":\"prices\",\"id\":\"{id}\",\"fact\":{{\"amount\":{amount},\"currency\":\"USD\"}}}}\n"
    )
}

pub(super) async fn push(house: &House, replaces: Option<Table>, lines: &[String]) -> Pushed {
    let main = "main".parse().unwrap();
    let mut push = Push::new(&house.hq, place().tenant, main, replaces).unwrap();
    push.update(lines.concat().as_bytes()).unwrap();
    house.hq.push(&Actor::local(), push).await.unwrap()
}

async fn file(house: &House, digest: Digest) -> Vec<u8> {
    let size = house.hq.artefacts().size(digest).await.unwrap().expect("it is not there");
    let mut pieces = house.hq.artefacts().read(digest, 0..size).await.unwrap();
    let mut all = Vec::new();
    while let Some(piece) = pieces.next().await {
        all.extend(piece.unwrap());
    }
    all
}

/// What a store knows that takes whatever way there is.
#[derive(Default)]
struct Follower {
    epoch: Option<u64>,
    facts: BTreeMap<(String, String), String>,
    ways: Vec<Way>,
}

impl Follower {
    /// Asks as a node does and does what the head says.
    async fn follow(&mut self, house: &House) {
        let said = house.hq.receive(&[Speaker::new().ask()], NOW).await.unwrap();
        let Message::Snapshot(snapshot) = read(&said[0]).2 else { panic!("{said:?}") };
        let [signed] = &snapshot.facts[..] else { panic!("{snapshot:?}") };
        let head = house.hq.director().keys().verify(signed, NOW).unwrap();
        let index = file(house, digest_of_path(&head.path).unwrap()).await;
        let index = FactsIndex::parse(&index).unwrap();
        assert_eq!((index.epoch, index.root), (head.epoch, head.root));
        let (artefact, way) = index.way_from(self.epoch);
        let bytes = file(house, artefact.digest).await;
        assert_eq!(Artefact::of(&bytes).unwrap(), *artefact);
        if way == Way::Whole {
            self.facts.clear();
        }
        for change in ChangeReader::new(&bytes[..], 1 << 30).unwrap() {
            match change.unwrap() {
                FactChange::Put { table, id, fact } => {
                    self.facts.insert((table.to_string(), id.to_string()), fact.to_string());
                }
                FactChange::Remove { table, id } => {
                    self.facts.remove(&(table.to_string(), id.to_string()));
                }
            }
        }
        let leaves = self.facts.iter().map(|((table, id), fact)| {
            let digest = Digest::of(fact.as_bytes());
            Ok::<_, Unordered>(Leaf {
                table: table.as_str().into(),
                id: id.as_str().into(),
                digest,
            })
        });
        assert_eq!(root(leaves), Ok(head.root), "the store has what HQ has");
        self.epoch = Some(head.epoch);
        self.ways.push(way);
    }
}

#[tokio::test]
async fn a_store_comes_to_each_epoch_by_the_shortest_way() {
    let house = House::new().await;
    let (mut near, mut far) = (Follower::default(), Follower::default());
    let all: Vec<String> = (0..200).map(|id| price(&format!("{id:03}"), id)).collect();
    let pushed = push(&house, None, &all).await;
    assert_eq!(pushed, Pushed { epoch: 1, changed: 200, removed: 0, unchanged: 0 });
    near.follow(&house).await;
    far.follow(&house).await;
    let delete = "{\"op\":\"delete\",\"table\":\"prices\",\"id\":\"007\"}\n".to_owned();
    let pushed = push(&house, None, &[price("003", 999), delete, price("004", 4)]).await;
    assert_eq!(pushed, Pushed { epoch: 2, changed: 1, removed: 1, unchanged: 1 });
    near.follow(&house).await;
    push(&house, None, &[price("007", 7)]).await;
    near.follow(&house).await;
    // Two epochs behind: one delta leads straight to the newest.
    far.follow(&house).await;
    assert_eq!(near.ways, [Way::Whole, Way::Delta, Way::Delta]);
    assert_eq!(far.ways, [Way::Whole, Way::Delta]);
    assert_eq!(near.facts, far.facts);
    for epoch in 0..9 {
        push(&house, None, &[price("003", epoch)]).await;
    }
    far.follow(&house).await;
    assert_eq!(far.ways[2], Way::Whole, "as far back as that there is no delta");
}

#[tokio::test]
async fn numbers_that_were_left_out_make_no_way_longer() {
    let house = House::new().await;
    let mut store = Follower::default();
    let all: Vec<String> = (0..200).map(|id| price(&format!("{id:03}"), id)).collect();
    push(&house, None, &all).await;
    store.follow(&house).await;
    let delete = |id: &str| format!("{{\"op\":\"delete\",\"table\":\"prices\",\"id\":\"{id}\"}}\n");
    for id in ["003", "004", "005"] {
        house.hq.begin().await.unwrap();
        push(&house, None, &[delete(id)]).await;
    }
    // Three epochs behind, far apart: what was removed meanwhile is told.
    store.follow(&house).await;
    assert_eq!(store.ways, [Way::Whole, Way::Delta]);
    assert!(store.epoch.unwrap() > 60_000);
}

#[tokio::test]
async fn a_table_that_is_replaced_loses_what_does_not_come() {
    let house = House::new().await;
    let stock = "{\"table\":\"stock\",\"id\":\"1\",\"fact\":{\"band\":\"low\"}}\n".to_owned();
    push(&house, None, &[price("1", 1), price("2", 2), stock]).await;
    let pushed = push(&house, Some(Table::Prices), &[price("2", 2), price("3", 3)]).await;
    assert_eq!(pushed, Pushed { epoch: 2, changed: 1, removed: 1, unchanged: 1 });
    let mut store = Follower::default();
    store.follow(&house).await;
    let ids: Vec<_> = store.facts.keys().map(|(table, id)| format!("{table}:{id}")).collect();
    assert_eq!(ids, ["prices:2", "prices:3", "stock:1"]);
}

#[tokio::test]
async fn a_push_that_changes_nothing_makes_no_epoch() {
    let house = House::new().await;
    push(&house, None, &[price("1", 1)]).await;
    let pushed = push(&house, None, &[price("1", 1)]).await;
    assert_eq!(pushed, Pushed { epoch: 1, changed: 0, removed: 0, unchanged: 1 });
}

#[tokio::test]
async fn an_epoch_that_a_stop_interrupted_is_finished() {
    let house = House::new().await;
    push(&house, None, &[price("1", 1)]).await;
    // As if HQ had stopped between applying and publishing.
    let mut change = house.hq.database.begin().await.unwrap();
    sqlx::query("UPDATE catalogues SET epoch = 0, root = NULL, path = NULL")
        .execute(&mut *change)
        .await
        .unwrap();
    change.commit().await.unwrap();
    let house = house.restarted().await;
    house.hq.finish_epochs().await.unwrap();
    let mut store = Follower::default();
    store.follow(&house).await;
    assert_eq!((store.epoch, store.facts.len()), (Some(1), 1));
}

#[tokio::test]
async fn stores_on_the_line_are_told_of_a_new_epoch() {
    let house = House::new().await;
    let mut outgoing = house.hq.outgoing();
    push(&house, None, &[price("1", 1)]).await;
    let said = outgoing.try_recv().unwrap();
    assert_eq!(said.topic, "r/v1/acme/facts/main/head");
    assert!(matches!(read(&said).2, Message::FactsHead(_)));
}

#[tokio::test]
async fn a_catalogue_that_no_snapshot_would_name_is_refused_with_the_limit() {
    let house = House::new().await;
    let line = [price("a", 1)];
    let into = async |catalogue: String| {
        let catalogue = catalogue.parse().unwrap();
        let push = Push::new(&house.hq, place().tenant, catalogue, None).unwrap();
        let mut push = push.creating(true);
        push.update(line.concat().as_bytes()).unwrap();
        house.hq.push(&Actor::local(), push).await
    };
    for number in 0..limits::MAX_LISTED {
        into(format!("c-{number}")).await.unwrap();
    }
    let error = into("one-more".to_owned()).await.unwrap_err().to_string();
    assert!(error.contains("catalogues of one tenant: 17, at most 16"), "{error}");
    into("c-0".to_owned()).await.unwrap();
}

/// Files below a folder.
fn files_in(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files_in(&path) } else { 1 }).sum()
}

#[tokio::test]
async fn files_of_epochs_that_are_long_over_leave_the_disk_and_those_of_the_last_stay() {
    let house = House::new().await;
    let mut behind = Follower::default();
    let all: Vec<String> = (0..200).map(|id| price(&format!("{id:03}"), 1)).collect();
    push(&house, None, &all).await;
    for amount in 2..6 {
        behind.follow(&house).await;
        push(&house, None, &[price("007", amount)]).await;
    }
    let folder = house.folder.path().join("artefacts");
    let before = files_in(&folder);
    let now = super::super::clock::now();
    house.hq.tidy(now.plus(6 * 24 * 3_600_000)).await.unwrap();
    assert_eq!(files_in(&folder), before, "a store may still be fetching them");
    house.hq.tidy(now.plus(8 * 24 * 3_600_000)).await.unwrap();
    let left = files_in(&folder);
    assert!(left < before, "{left} of {before} files are left");
    assert_eq!(left as i64, house.number("SELECT count(DISTINCT digest) FROM made").await);
    behind.follow(&house).await;
    assert_eq!(behind.ways.last(), Some(&Way::Delta));
    Follower::default().follow(&house).await;
}

#[tokio::test]
async fn a_fact_that_a_push_names_twice_counts_once_by_the_last_word() {
    let house = House::new().await;
    let gone = |id: &str| format!("{{\"op\":\"delete\",\"table\":\"prices\",\"id\":\"{id}\"}}\n");
    for (lines, counts) in [
        (vec![price("a", 1), price("a", 2)], (1, 0, 0)),
        (vec![price("a", 2), price("a", 3)], (1, 0, 0)),
        (vec![price("a", 3), price("a", 3)], (0, 0, 1)),
        (vec![price("a", 4), gone("a")], (0, 1, 0)),
        (vec![gone("a"), price("b", 1)], (1, 0, 1)),
    ] {
        let done = push(&house, None, &lines).await;
        assert_eq!((done.changed, done.removed, done.unchanged), counts, "{lines:?}");
    }
}
