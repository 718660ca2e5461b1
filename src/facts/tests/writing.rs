use std::time::Duration;

use super::*;

fn last(facts: &Facts, change: Change) -> Outcome {
    write(facts, vec![change]).last.unwrap()
}

fn shown(facts: &Facts, id: &str) -> Option<Value> {
    let id: Name = id.parse().unwrap();
    let Name::Fact(id) = id else { panic!("{id} is no fact") };
    facts.get(&id).map(|held| serde_json::to_value(held.fact).unwrap())
}

#[test]
fn an_equal_value_changes_nothing() {
    let facts = shop();
    assert_eq!(last(&facts, put(Table::Prices, "1", price(3.49))), Outcome::Created);
    let revision = *facts.watch().borrow();
    assert_eq!(last(&facts, put(Table::Prices, "1", price(3.49))), Outcome::Unchanged);
    assert_eq!(*facts.watch().borrow(), revision);
    assert_eq!(last(&facts, put(Table::Prices, "1", price(3.99))), Outcome::Changed);
    assert_eq!(last(&facts, delete(Table::Prices, "1")), Outcome::Deleted);
    assert_eq!(last(&facts, delete(Table::Prices, "1")), Outcome::Absent);
    assert_eq!(facts.changes(revision, 9).unwrap().len(), 2);
}

#[test]
fn a_feed_that_is_late_or_repeats_itself_does_not_go_back() {
    let facts = shop();
    let feed = |amount: f64, epoch, version| {
        stamped(Table::Prices, "1", price(amount), Some(Source { epoch, version }))
    };
    let gone = |epoch, version| Change::Delete {
        id: FactId::new(Table::Prices, "1").unwrap(),
        source: Some(Source { epoch, version }),
    };
    for (change, outcome, amount) in [
        (feed(1.0, 1, 5), Outcome::Created, Some(1.0)),
        (feed(0.9, 1, 4), Outcome::Stale, Some(1.0)),
        (feed(2.0, 1, 5), Outcome::Stale, Some(1.0)),
        (feed(1.0, 1, 7), Outcome::Unchanged, Some(1.0)),
        (feed(3.0, 1, 6), Outcome::Stale, Some(1.0)),
        (put(Table::Prices, "1", price(9.0)), Outcome::Changed, Some(9.0)),
        (feed(3.0, 1, 7), Outcome::Stale, Some(9.0)),
        (gone(1, 8), Outcome::Deleted, None),
        (feed(3.0, 1, 7), Outcome::Stale, None),
        (gone(1, 10), Outcome::Absent, None),
        (feed(3.0, 1, 9), Outcome::Stale, None),
        (feed(4.0, 2, 0), Outcome::Created, Some(4.0)),
    ] {
        assert_eq!(last(&facts, change.clone()), outcome, "{change:?}");
        let held = shown(&facts, "prices:1").map(|price| price["amount"].as_f64().unwrap());
        assert_eq!(held, amount, "{change:?}");
    }
}

#[test]
fn a_deletion_that_comes_before_its_fact_is_remembered() {
    let facts = shop();
    let id = FactId::new(Table::Prices, "7").unwrap();
    let source = Some(Source { epoch: 1, version: 9 });
    assert_eq!(last(&facts, Change::Delete { id, source }), Outcome::Absent);
    let late = stamped(Table::Prices, "7", price(1.0), Some(Source { epoch: 1, version: 8 }));
    assert_eq!(last(&facts, late), Outcome::Stale);
}

#[test]
fn a_patch_sets_fields_and_removes_them() {
    let facts = shop();
    write(
        &facts,
        vec![put(Table::Prices, "1", json!({ "amount": 3, "currency": "USD", "was": 4 }))],
    );
    let id = FactId::new(Table::Prices, "1").unwrap();
    let patch = |patch| Change::Patch { id: id.clone(), patch, source: None };
    write(&facts, vec![patch(json!({ "amount": 2.5, "was": null }))]);
    assert_eq!(shown(&facts, "prices:1").unwrap(), json!({ "amount": 2.5, "currency": "USD" }));
    for (bad, says) in [
        (json!({ "amount": null }), "prices:1: missing field `amount`"),
        (json!({ "amount": -1 }), "prices:1: amount: a price is not below 0"),
        (json!({ "tax": 1 }), "unknown field `tax`"),
        (json!(7), "not a JSON object"),
    ] {
        let error = facts.write(Batch::of(patch(bad)), noon()).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    let id = FactId::new(Table::Prices, "2").unwrap();
    let absent = Change::Patch { id, patch: json!({ "amount": 1 }), source: None };
    let error = facts.write(Batch::of(absent), noon()).unwrap_err();
    assert_eq!(error.to_string(), "prices:2 is not there, so it cannot be changed in part");
}

#[test]
fn a_batch_is_made_as_a_whole_or_not_at_all() {
    let facts = shop();
    let id = FactId::new(Table::Prices, "3").unwrap();
    let bad = Change::Patch { id, patch: json!({ "amount": 1 }), source: None };
    let before = dump(&facts);
    let changes = vec![put(Table::Prices, "1", price(1.0)), bad.clone()];
    facts.write(Batch { changes, idempotency: None }, noon()).unwrap_err();
    assert_eq!(dump(&facts), before);

    let mut staged = facts.stage().unwrap();
    staged.push(&put(Table::Prices, "1", price(1.0))).unwrap();
    staged
        .push_line(br#"{"table": "prices", "id": "2", "fact": {"amount": 1, "currency": "USD"}}"#)
        .unwrap();
    staged.push_line(b" ").unwrap();
    staged.push(&bad).unwrap();
    let refused = staged.commit(None, noon()).unwrap_err();
    assert!(refused.to_string().starts_with("line 4: prices:3 is not there"), "{refused}");
    assert_eq!(dump(&facts), before);

    let mut staged = facts.stage().unwrap();
    for id in 0..1000 {
        staged.push(&put(Table::Prices, &id.to_string(), price(1.0))).unwrap();
    }
    assert_eq!(facts.status().tables[1].facts, 0, "nothing counts before it is committed");
    let written = staged.commit(None, noon()).unwrap();
    assert_eq!((written.outcomes.created, facts.status().tables[1].facts), (1000, 1000));
}

#[test]
fn every_limit_is_told_by_its_name() {
    let row = |id: &str| put(Table::Prices, id, price(1.0));
    let large = put(Table::Products, "1", coffee(&"x".repeat(200)));
    for (limits, changes, says) in [
        (
            FactsConfig { max_facts: 2, ..config() },
            vec![row("1"), row("2"), row("3")],
            "prices:3: 3 facts are more than the limit of 2 (facts.max_facts)",
        ),
        (
            FactsConfig { max_fact_bytes: 200, ..config() },
            vec![large],
            "bytes of JSON are more than the limit of 200 (facts.max_fact_bytes)",
        ),
        (
            FactsConfig { max_memory_bytes: 900, ..config() },
            vec![row("1"), row("2"), row("3")],
            "bytes of memory are more than the limit of 900 (facts.max_memory)",
        ),
    ] {
        let facts = Facts::in_memory(limits).unwrap();
        let batch = Batch { changes, idempotency: None };
        let error = facts.write(batch, noon()).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert_eq!(facts.status().tables.iter().map(|table| table.facts).sum::<usize>(), 0);
    }
    let facts = Facts::in_memory(FactsConfig { max_batch_bytes: 100, ..config() }).unwrap();
    let mut staged = facts.stage().unwrap();
    staged.push(&row("1")).unwrap();
    let error = staged.push(&row("2")).unwrap_err().to_string();
    assert!(error.contains("the limit of 100 of a batch (facts.max_batch)"), "{error}");
}

#[test]
fn a_request_that_comes_again_has_no_second_effect() {
    let facts = shop();
    let asked = |digest: u8| Some(Idempotency { key: "kiosk:7".into(), digest: [digest; 32] });
    let batch = |amount, digest| Batch {
        changes: vec![put(Table::Prices, "1", price(amount))],
        idempotency: asked(digest),
    };
    let first = facts.write(batch(1.0, 1), noon()).unwrap();
    write(&facts, vec![put(Table::Prices, "1", price(2.0))]);
    let again = facts.write(batch(1.0, 1), noon()).unwrap();
    assert_eq!(again, Written { replayed: true, ..first });
    assert_eq!(shown(&facts, "prices:1").unwrap()["amount"], 2);
    let other = facts.write(batch(1.0, 2), noon()).unwrap_err();
    assert!(matches!(other, FactsError::KeyReused));
    let tomorrow = UnixSeconds(noon().0 + 25 * 3600);
    // Another request makes the store forget the old key.
    let cleaning = Some(Idempotency { key: "kiosk:8".into(), digest: [9; 32] });
    facts.write(Batch { changes: vec![], idempotency: cleaning }, tomorrow).unwrap();
    assert!(!facts.write(batch(1.0, 2), tomorrow).unwrap().replayed);
}

#[test]
fn what_was_written_is_there_when_the_file_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("facts.redb");
    let facts = Facts::open(&path, config()).unwrap();
    write(
        &facts,
        vec![
            put(Table::Products, "1", coffee("Dark Roast")),
            put(Table::Prices, "1", price(3.49)),
            put(Table::Prices, "2", price(1.0)),
            delete(Table::Prices, "2"),
            put(
                Table::Promotions,
                "p",
                json!({ "titles": { "en": "x" }, "categories": ["drinks"], "offer": { "percent_off": 5 } }),
            ),
        ],
    );
    let record = {
        let mut reader = facts.reader(noon());
        assert_eq!(reader.promotions_of("1").len(), 1);
        reader.finish()
    };
    let lines = |facts: &Facts| {
        let dump = dump(facts);
        dump.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let before = lines(&facts);
    drop(facts);
    let facts = Facts::open(&path, config()).unwrap();
    assert_eq!(lines(&facts), before);
    assert_eq!(facts.check(&record, noon()), Standing::Current);
    assert!(facts.snapshot().bytes > 0);
}

#[test]
fn a_file_that_is_not_ours_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("facts.redb");
    std::fs::write(&path, "these are no facts").unwrap();
    let error = Facts::open(&path, config()).unwrap_err();
    assert!(error.to_string().contains("facts.redb"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"these are no facts");

    std::fs::remove_file(&path).unwrap();
    let database = redb::Database::create(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    let meta = redb::TableDefinition::<&str, u64>::new("meta");
    transaction.open_table(meta).unwrap().insert("schema", 99).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = Facts::open(&path, config()).unwrap_err().to_string();
    assert!(error.ends_with("has schema version 99; this program reads 1"), "{error}");

    std::fs::remove_file(&path).unwrap();
    drop(Facts::open(&path, config()).unwrap());
    let database = redb::Database::create(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    let rows = redb::TableDefinition::<(u8, &str), &[u8]>::new("rows");
    transaction.open_table(rows).unwrap().insert((1, "7"), &b"{}"[..]).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = Facts::open(&path, config()).unwrap_err().to_string();
    assert!(error.contains("is broken: prices:7: missing field"), "{error}");
}

#[test]
fn revisions_are_not_given_out_twice_when_an_old_copy_is_put_back() {
    let disk = endcap_testing::power_cut::Disk::default();
    let facts = Facts::on(disk.clone(), config(), noon()).unwrap();
    write(&facts, vec![put(Table::Prices, "1", price(1.0))]);
    let copy = disk.images(0).remove(0);
    write(&facts, vec![put(Table::Prices, "1", price(2.0))]);
    let mut reader = facts.reader(noon());
    assert!(reader.price("1").is_some());
    let record = reader.finish();
    drop(facts);

    let later = UnixSeconds(noon().0 + 60);
    let old = Facts::on(endcap_testing::power_cut::Disk::of(copy), config(), later).unwrap();
    assert!(matches!(old.check(&record, later), Standing::Dead { .. }));
    old.write(Batch::of(put(Table::Prices, "1", price(3.0))), later).unwrap();
    assert!(matches!(old.check(&record, later), Standing::Dead { .. }));
}

#[test]
fn old_values_and_deletions_are_forgotten_in_time() {
    let facts = Facts::on(
        redb::backends::InMemoryBackend::new(),
        FactsConfig { history: Duration::from_secs(3600), ..config() },
        noon(),
    )
    .unwrap();
    write(
        &facts,
        vec![put(Table::Products, "1", coffee("Dark")), put(Table::Prices, "1", price(1.0))],
    );
    let mut reader = facts.reader(noon());
    assert!(reader.product("1").is_some() && reader.price("1").is_some());
    let record = reader.finish();
    write(&facts, vec![put(Table::Prices, "1", price(2.0)), delete(Table::Products, "1")]);
    assert_eq!(facts.as_of(&record).unwrap().price("1").unwrap().amount.minor(), 100);

    let bytes = facts.snapshot().bytes;
    let later = UnixSeconds(noon().0 + 2 * 3600);
    facts
        .write(
            Batch { changes: vec![Change::Confirm { table: Table::Prices }], idempotency: None },
            later,
        )
        .unwrap();
    let error = facts.as_of(&record).unwrap_err().to_string();
    assert!(error.ends_with("is no longer kept"), "{error}");
    assert!(facts.snapshot().bytes < bytes, "the deleted row and its category take no memory");
    assert!(matches!(facts.check(&record, later), Standing::Dead { .. }));
    let mut reader = facts.reader(later);
    assert!(reader.product("1").is_none());
    let record = reader.finish();
    assert_eq!(facts.check(&record, later), Standing::Current);
    facts.write(Batch::of(put(Table::Products, "1", coffee("Dark"))), later).unwrap();
    assert!(matches!(facts.check(&record, later), Standing::Dead { .. }));
}

#[test]
fn followers_see_every_change_with_the_names_it_touched() {
    let facts = shop();
    let begin = *facts.watch().borrow();
    write(
        &facts,
        vec![put(Table::Products, "1", coffee("Dark")), put(Table::Prices, "1", price(1.0))],
    );
    write(&facts, vec![put(Table::Products, "1", coffee("Light")), delete(Table::Prices, "1")]);
    let events = facts.changes(begin, 9).unwrap();
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            let names: Vec<_> = event.names.iter().map(ToString::to_string).collect();
            format!("{} {:?} {}", event.id, event.kind, names.join(" "))
        })
        .collect();
    assert_eq!(
        told,
        [
            "products:1 Put products:1 products:1#safety products products#safety \
             products:category:drinks products:category:drinks/coffee",
            "prices:1 Put prices:1 prices",
            "products:1 Put products:1 products products:category:drinks \
             products:category:drinks/coffee",
            "prices:1 Delete prices:1 prices",
        ]
    );
    assert_eq!(*facts.watch().borrow(), events[3].revision);
    assert_eq!(facts.changes(events[1].revision, 1).unwrap(), events[2..3]);
}
