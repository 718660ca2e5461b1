//! Epochs that headquarters publish.

use std::collections::BTreeMap;

use sha2::Digest as _;

use super::*;
use endcap_testing::power_cut::Disk;

/// What an epoch says: prices by id.
type Epoch = BTreeMap<String, f64>;

fn epoch(prices: &[(&str, f64)]) -> Epoch {
    prices.iter().map(|(id, amount)| ((*id).to_owned(), *amount)).collect()
}

fn sum(
    leaves: &mut dyn Iterator<Item = Result<PublishedFact, FactsError>>,
) -> Result<[u8; 32], FactsError> {
    let mut hasher = sha2::Sha256::new();
    for leaf in leaves {
        let PublishedFact { id, digest } = leaf?;
        hasher.update(format!("{id} {digest:?}\n"));
    }
    Ok(hasher.finalize().into())
}

/// What an epoch adds up to, by another way than the store's.
fn root(epoch: &Epoch) -> [u8; 32] {
    let mut hasher = sha2::Sha256::new();
    for (id, amount) in epoch {
        let Change::Put { fact, .. } = put(Table::Prices, id, price(*amount)) else { panic!() };
        let digest: [u8; 32] = sha2::Sha256::digest(serde_json::to_vec(&fact).unwrap()).into();
        hasher.update(format!("prices:{id} {digest:?}\n"));
    }
    hasher.finalize().into()
}

fn changes(older: &Epoch, newer: &Epoch) -> Vec<Change> {
    let gone = older.keys().filter(|id| !newer.contains_key(*id));
    let new = newer.iter().filter(|(id, amount)| older.get(*id) != Some(amount));
    gone.map(|id| delete(Table::Prices, id))
        .chain(new.map(|(id, amount)| put(Table::Prices, id, price(*amount))))
        .collect()
}

fn publication(number: u64, of: &Epoch, extent: Extent) -> Publication {
    Publication { catalogue: "main".parse().unwrap(), epoch: number, root: root(of), extent }
}

fn publish(
    facts: &Facts,
    changes: &[Change],
    publication: &Publication,
) -> Result<Written, PublishError> {
    let mut staged = facts.stage()?;
    for change in changes {
        staged.push(change)?;
    }
    staged.publish(publication, noon(), &sum)
}

fn whole(facts: &Facts, number: u64, of: &Epoch) -> Result<Written, PublishError> {
    publish(facts, &changes(&Epoch::new(), of), &publication(number, of, Extent::Whole))
}

fn since(
    facts: &Facts,
    older: (u64, &Epoch),
    newer: (u64, &Epoch),
) -> Result<Written, PublishError> {
    let extent = Extent::Since(older.0);
    publish(facts, &changes(older.1, newer.1), &publication(newer.0, newer.1, extent))
}

/// What is held, without revisions.
fn prices(facts: &Facts) -> BTreeMap<String, (f64, Option<u64>)> {
    let held = facts.list(Table::Prices, "", 10_000).into_iter();
    held.map(|held| {
        let json = serde_json::to_value(&held.fact).unwrap();
        let amount = json["amount"].as_f64().or_else(|| json["amount"].as_str()?.parse().ok());
        (held.id.id.to_string(), (amount.unwrap(), held.source.map(|source| source.epoch)))
    })
    .collect()
}

fn observed(facts: &Facts) -> [u8; 32] {
    facts.observed("main", &sum).unwrap()
}

#[test]
fn an_epoch_is_held_with_its_facts() {
    let facts = shop();
    assert_eq!(facts.held_epoch("main").unwrap(), None);
    let (one, two) = (epoch(&[("a", 1.0), ("b", 2.0)]), epoch(&[("b", 3.0), ("c", 4.0)]));
    let written = whole(&facts, 5, &one).unwrap();
    assert_eq!(written.outcomes.created, 2);
    let held = HeldEpoch { epoch: 5, root: root(&one) };
    assert_eq!(facts.held_epoch("main").unwrap(), Some(held));
    assert_eq!(observed(&facts), root(&one));

    let written = since(&facts, (5, &one), (6, &two)).unwrap();
    let outcomes = written.outcomes;
    assert_eq!((outcomes.created, outcomes.changed, outcomes.deleted), (1, 1, 1));
    assert_eq!(prices(&facts), [("b".into(), (3.0, Some(6))), ("c".into(), (4.0, Some(6)))].into());
    assert_eq!(
        (observed(&facts), facts.held_epoch("main").unwrap().unwrap().epoch),
        (root(&two), 6)
    );
}

#[test]
fn facts_that_do_not_add_up_leave_everything_as_it_was() {
    let facts = shop();
    let one = epoch(&[("a", 1.0), ("b", 2.0)]);
    whole(&facts, 5, &one).unwrap();
    let before = dump(&facts);
    let lie = Publication { root: [9; 32], ..publication(6, &one, Extent::Since(5)) };
    let changes = [put(Table::Prices, "a", price(7.0)), delete(Table::Prices, "b")];
    let refusal = publish(&facts, &changes, &lie).unwrap_err();
    assert!(matches!(refusal, PublishError::Root { epoch: 6, .. }), "{refusal}");
    assert_eq!((dump(&facts), observed(&facts)), (before.clone(), root(&one)));
    // A change that is left out is found out, too.
    let two = epoch(&[("a", 7.0)]);
    let refusal = publish(&facts, &changes[..1], &publication(6, &two, Extent::Since(5)));
    assert!(matches!(refusal, Err(PublishError::Root { .. })));
    assert_eq!(dump(&facts), before);
    since(&facts, (5, &one), (6, &two)).unwrap();
}

#[test]
fn changes_of_another_epoch_and_old_epochs_are_refused() {
    let facts = shop();
    let (one, two) = (epoch(&[("a", 1.0)]), epoch(&[("a", 2.0)]));
    let refusal = since(&facts, (5, &one), (6, &two)).unwrap_err();
    assert!(matches!(refusal, PublishError::OtherEpoch { from: 5, held: None }), "{refusal}");
    whole(&facts, 6, &two).unwrap();
    let refusal = since(&facts, (5, &one), (7, &two)).unwrap_err();
    assert!(matches!(refusal, PublishError::OtherEpoch { from: 5, held: Some(6) }), "{refusal}");
    let refusal = whole(&facts, 5, &one).unwrap_err();
    assert!(matches!(refusal, PublishError::Older { given: 5, held: 6 }), "{refusal}");
    assert_eq!(observed(&facts), root(&two));
}

#[test]
fn what_the_shop_changed_itself_stays_until_headquarters_say_something_new_of_it() {
    let (one, two) = (epoch(&[("a", 1.0), ("b", 2.0)]), epoch(&[("a", 1.0), ("b", 3.0)]));
    let three = epoch(&[("a", 4.0), ("b", 3.0)]);
    type Way = fn(&Facts, (u64, &Epoch), (u64, &Epoch)) -> Result<Written, PublishError>;
    let ways: [Way; 2] = [since, |facts, _, (number, of)| whole(facts, number, of)];
    for way in ways {
        let facts = shop();
        whole(&facts, 1, &one).unwrap();
        write(&facts, vec![put(Table::Prices, "a", price(0.5))]);
        assert_eq!(observed(&facts), root(&one), "the shop's own does not count");
        way(&facts, (1, &one), (2, &two)).unwrap();
        assert_eq!(prices(&facts)["a"].0, 0.5);
        assert_eq!((prices(&facts)["b"], observed(&facts)), ((3.0, Some(2)), root(&two)));
        way(&facts, (2, &two), (3, &three)).unwrap();
        assert_eq!((prices(&facts)["a"], observed(&facts)), ((4.0, Some(3)), root(&three)));
    }
}

#[test]
fn changes_and_the_whole_make_the_same() {
    bolero::check!().with_type::<Vec<Vec<(u8, u8)>>>().for_each(|epochs| {
        let (by_changes, by_whole) = (shop(), shop());
        let mut before = (0, Epoch::new());
        for (number, said) in (1..).zip(epochs.iter().take(5)) {
            let now = said.iter().take(12);
            let now: Epoch = now
                .map(|(id, amount)| ((id % 16).to_string(), f64::from(amount % 4 + 1)))
                .collect();
            whole(&by_whole, number, &now).unwrap();
            if number == 1 {
                whole(&by_changes, number, &now).unwrap();
            } else {
                since(&by_changes, (before.0, &before.1), (number, &now)).unwrap();
            }
            assert_eq!(prices(&by_changes), prices(&by_whole));
            for facts in [&by_changes, &by_whole] {
                assert_eq!(observed(facts), root(&now));
            }
            before = (number, now);
        }
    });
}

#[test]
fn catalogues_do_not_touch_each_other() {
    let facts = shop();
    whole(&facts, 5, &epoch(&[("a", 1.0)])).unwrap();
    let other = epoch(&[("x", 1.0)]);
    let of_other = Publication {
        catalogue: "local".parse().unwrap(),
        ..publication(1, &other, Extent::Whole)
    };
    publish(&facts, &changes(&Epoch::new(), &other), &of_other).unwrap();
    assert_eq!(prices(&facts).len(), 2);
    assert_eq!(observed(&facts), root(&epoch(&[("a", 1.0)])));
    assert_eq!(facts.observed("local", &sum).unwrap(), root(&other));
}

#[test]
fn more_facts_than_may_be_published_are_refused() {
    let few = FactsConfig { max_facts: 3, ..config() };
    let facts = Facts::on(redb::backends::InMemoryBackend::new(), few, noon()).unwrap();
    let four = epoch(&[("a", 1.0), ("b", 2.0), ("c", 3.0), ("d", 4.0)]);
    let refusal = whole(&facts, 1, &four).unwrap_err().to_string();
    assert!(refusal.contains("max_facts"), "{refusal}");
    assert_eq!(facts.held_epoch("main").unwrap(), None);
}

#[test]
fn after_a_cut_at_any_write_an_epoch_is_there_as_a_whole_or_not_at_all() {
    let disk = Disk::default();
    drop(Facts::on(disk.clone(), config(), noon()).unwrap());
    let empty = disk.images(0).remove(0);
    let mut epochs = vec![Epoch::new()];
    epochs.push((0..300).map(|id| (format!("{id:03}"), 1.0)).collect());
    epochs.push((100..400).map(|id| (format!("{id:03}"), f64::from(id % 3 + 1))).collect());
    epochs.push(epoch(&[("100", 9.0)]));
    let run = |facts: &Facts| {
        let steps: [&dyn Fn() -> Result<Written, PublishError>; 3] = [
            &|| whole(facts, 1, &epochs[1]),
            &|| since(facts, (1, &epochs[1]), (2, &epochs[2])),
            &|| whole(facts, 3, &epochs[3]),
        ];
        steps.iter().take_while(|step| step().is_ok()).count()
    };
    let disk = Disk::of(empty.clone());
    assert_eq!(run(&Facts::on(disk.clone(), config(), noon()).unwrap()), 3);
    let acts = disk.acts();
    let mut seen = std::collections::BTreeSet::new();
    for cut in 0..acts {
        let disk = Disk::of(empty.clone());
        disk.cut_at(cut);
        let told = Facts::on(disk.clone(), config(), noon()).map_or(0, |facts| run(&facts));
        for image in disk.images(cut as u64) {
            let facts = Facts::on(Disk::of(image), config(), noon()).unwrap();
            let held = facts.held_epoch("main").unwrap().map_or(0, |held| held.epoch as usize);
            assert!([told, told + 1].contains(&held), "cut at {cut}: {told} told, {held} held");
            let found = prices(&facts).into_iter().map(|(id, (amount, _))| (id, amount));
            assert_eq!(found.collect::<Epoch>(), epochs[held], "cut at {cut}");
            assert_eq!(observed(&facts), root(&epochs[held]));
            seen.insert((held, held == told));
        }
    }
    assert!(seen.len() > 4, "old and new were both found: {seen:?}");
}
