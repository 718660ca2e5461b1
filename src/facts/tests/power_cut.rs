use super::*;
use endcap_testing::power_cut::Disk;

/// A day of a shop, batch by batch.
fn batches() -> Vec<Batch> {
    let promotion =
        json!({ "titles": { "en": "x" }, "skus": ["1"], "offer": { "percent_off": 5 } });
    let many = (0..300).map(|id| put(Table::Stock, &id.to_string(), json!({ "band": "some" })));
    let asked = Idempotency { key: "feed:1".into(), digest: [1; 32] };
    [
        (
            vec![put(Table::Products, "1", coffee("Dark")), put(Table::Prices, "1", price(1.0))],
            None,
        ),
        (vec![put(Table::Promotions, "p", promotion)], None),
        (many.collect(), None),
        (vec![put(Table::Prices, "1", price(2.0)), delete(Table::Products, "1")], Some(asked)),
        (vec![Change::Confirm { table: Table::Prices }], None),
        (vec![delete(Table::Promotions, "p"), put(Table::Products, "1", coffee("Light"))], None),
    ]
    .map(|(changes, idempotency)| Batch { changes, idempotency })
    .to_vec()
}

/// A store without facts; a file appears under its name only when it is one.
fn empty() -> Vec<u8> {
    let disk = Disk::default();
    drop(Facts::on(disk.clone(), config(), noon()).unwrap());
    disk.images(0).remove(0)
}

/// Writes until the power fails; gives how many batches were said to be on disk.
fn run(disk: &Disk) -> usize {
    let Ok(facts) = Facts::on(disk.clone(), config(), noon()) else { return 0 };
    let count =
        batches().into_iter().take_while(|batch| facts.write(batch.clone(), noon()).is_ok());
    count.count()
}

#[test]
fn after_a_cut_at_any_write_the_store_is_as_before_a_batch_or_as_after_it() {
    let empty = empty();
    let disk = Disk::of(empty.clone());
    let facts = Facts::on(disk.clone(), config(), noon()).unwrap();
    let mut expected = vec![dump(&facts)];
    for batch in batches() {
        facts.write(batch, noon()).unwrap();
        expected.push(dump(&facts));
    }
    let acts = disk.acts();
    drop(facts);
    assert!(acts > 30, "{acts} writes and syncs are too few to mean something");

    let mut seen = std::collections::BTreeSet::new();
    for cut in 0..acts {
        let disk = Disk::of(empty.clone());
        disk.cut_at(cut);
        let told = run(&disk);
        for (image, bytes) in disk.images(cut as u64).into_iter().enumerate() {
            let context = format!("cut at {cut} of {acts}, image {image}, {told} batches told");
            let disk = Disk::of(bytes);
            let facts = Facts::on(disk.clone(), config(), noon());
            let facts = facts.unwrap_or_else(|error| panic!("{context}: {error}"));
            let found = dump(&facts);
            let at = [told, told + 1].into_iter().find(|at| expected.get(*at) == Some(&found));
            let at = at.unwrap_or_else(|| panic!("{context}: neither old nor new:\n{found}"));
            seen.insert((at, at == told));
            // It goes on from there.
            for batch in batches().into_iter().skip(at) {
                facts.write(batch, noon()).unwrap();
            }
            assert_eq!(dump(&facts), expected[expected.len() - 1], "{context}");
        }
    }
    assert!(seen.len() > expected.len(), "old and new were both found: {seen:?}");
}

#[test]
fn an_answer_to_a_key_is_on_disk_with_its_effect() {
    let disk = Disk::default();
    let facts = Facts::on(disk.clone(), config(), noon()).unwrap();
    let batches = batches();
    for batch in &batches[..4] {
        facts.write(batch.clone(), noon()).unwrap();
    }
    drop(facts);
    let facts = Facts::on(Disk::of(disk.images(0).remove(0)), config(), noon()).unwrap();
    write(&facts, vec![put(Table::Prices, "1", price(7.0))]);
    assert!(facts.write(batches[3].clone(), noon()).unwrap().replayed);
    let id = FactId::new(Table::Prices, "1").unwrap();
    let Fact::Price(price) = facts.get(&id).unwrap().fact else { panic!("no price") };
    assert_eq!(price.amount.minor(), 700);
}
