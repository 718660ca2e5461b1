use std::time::Duration;

use super::*;

/// A record of what `read` reads.
fn record_of(facts: &Facts, at: UnixSeconds, read: impl FnOnce(&mut Reader)) -> Record {
    let mut reader = facts.reader(at);
    read(&mut reader);
    reader.finish()
}

fn after(seconds: i64) -> UnixSeconds {
    UnixSeconds(noon().0 + seconds)
}

fn percent_off(change: Value) -> Value {
    let mut promotion = json!({ "titles": { "en": "Sale" }, "offer": { "percent_off": 10 } });
    for (field, value) in change.as_object().unwrap() {
        promotion[field] = value.clone();
    }
    promotion
}

#[test]
fn an_answer_dies_with_what_it_stands_on_and_with_nothing_else() {
    let recall =
        json!({ "skus": ["1"], "reasons": { "en": "glass" }, "since": "2026-11-26T08:00:00Z" });
    let safe = |contains: Value| {
        let mut product = coffee("Dark");
        product["allergens"] = json!({ "contains": contains });
        product
    };
    let moved =
        json!({ "names": { "en": "Dark" }, "category": "tea", "allergens": { "contains": [] } });
    let sale = |of: Value| put(Table::Promotions, "p", percent_off(of));
    type Read = fn(&mut Reader);
    let product: Read = |reader| drop(reader.product("1"));
    let price_of: Read = |reader| drop(reader.price("1"));
    let promotions: Read = |reader| drop(reader.promotions_of("1"));
    let absent: Read = |reader| drop(reader.product("9"));
    let category: Read = |reader| drop(reader.products_in("drinks", 10));
    let recalls: Read = |reader| drop(reader.recalls_of("1"));
    for (read, change, standing) in [
        (product, put(Table::Products, "1", coffee("Light")), "soft products:1"),
        (product, put(Table::Products, "1", safe(json!(["milk"]))), "dead products:1#safety"),
        (product, put(Table::Products, "2", coffee("Light")), "current"),
        (product, delete(Table::Products, "1"), "dead"),
        (product, put(Table::Recalls, "r", recall.clone()), "dead recalls:product:1"),
        (price_of, put(Table::Prices, "1", price(2.0)), "dead prices:1"),
        (price_of, delete(Table::Prices, "1"), "dead prices:1"),
        (price_of, put(Table::Prices, "2", price(2.0)), "current"),
        (price_of, put(Table::Products, "1", coffee("Light")), "current"),
        (price_of, put(Table::Recalls, "r", recall.clone()), "dead recalls:product:1"),
        (promotions, sale(json!({ "skus": ["1"] })), "dead promotions:product:1"),
        (promotions, sale(json!({ "skus": ["2"] })), "current"),
        (promotions, sale(json!({ "categories": ["drinks"] })), "dead promotions:category:drinks"),
        (
            promotions,
            sale(json!({ "categories": ["drinks/coffee"] })),
            "dead promotions:category:drinks/coffee",
        ),
        (promotions, sale(json!({ "categories": ["drinks/coffee/beans"] })), "current"),
        (promotions, sale(json!({ "everything": true })), "dead promotions:everything"),
        (promotions, put(Table::Products, "1", moved.clone()), "dead products:1#safety"),
        (promotions, put(Table::Products, "1", coffee("Light")), "current"),
        (absent, put(Table::Products, "9", coffee("New")), "dead products:9#safety"),
        (category, put(Table::Products, "9", coffee("New")), "soft products:category:drinks"),
        (category, put(Table::Products, "1", coffee("Light")), "soft products:1"),
        (recalls, put(Table::Recalls, "r", recall.clone()), "dead recalls:product:1"),
    ] {
        let facts = shop();
        write(
            &facts,
            vec![put(Table::Products, "1", coffee("Dark")), put(Table::Prices, "1", price(1.0))],
        );
        let record = record_of(&facts, noon(), read);
        assert_eq!(facts.check(&record, noon()), Standing::Current);
        write(&facts, vec![change.clone()]);
        let found = match facts.check(&record, noon()) {
            Standing::Current => "current".to_owned(),
            Standing::Dead { name } => format!("dead {}", name.unwrap()),
            Standing::Soft { name } => format!("soft {name}"),
            other => panic!("{other:?}"),
        };
        assert!(found.starts_with(standing), "{change:?}: {found}, not {standing}");
    }
}

#[test]
fn what_a_promotion_says_ends_when_it_begins_or_ends() {
    let facts = shop();
    let begins = percent_off(json!({ "skus": ["1"], "starts": after(60), "ends": after(120) }));
    write(&facts, vec![put(Table::Promotions, "p", begins)]);
    for (at, on, until) in [(0, 0, Some(60)), (60, 1, Some(120)), (120, 0, None)] {
        let record = record_of(&facts, after(at), |reader| {
            assert_eq!(reader.promotions_of("1").len(), on, "{at}");
        });
        assert_eq!(record.until, until.map(after));
        let Some(until) = until else { continue };
        assert_eq!(facts.check(&record, after(until - 1)), Standing::Current);
        assert_eq!(facts.check(&record, after(until)), Standing::Expired { at: after(until) });
        let back = facts.check(&record, after(at - 1));
        assert_eq!(back, Standing::Expired { at: after(until) }, "the clock was set back");
    }
}

#[test]
fn hours_and_days_end_by_the_shops_clock() {
    let facts = shop();
    let hours = json!({
        "names": { "en": "Store" },
        "weekly": { "thursday": [{ "opens": "08:00", "closes": "20:00" }] },
    });
    write(&facts, vec![put(Table::Hours, "store", hours)]);
    let record = record_of(&facts, noon(), |reader| {
        let store = reader.hours("store").unwrap();
        assert!(reader.is_open(&store));
        assert!(reader.hours("bakery").is_none());
    });
    assert_eq!(record.until, Some("2026-11-26T20:00:00+01:00".parse().unwrap()));
    let record = record_of(&facts, noon(), |reader| {
        assert_eq!(reader.today().to_string(), "2026-11-26");
    });
    assert_eq!(record.until, Some("2026-11-27T00:00:00+01:00".parse().unwrap()));
}

#[test]
fn a_recall_that_is_announced_begins_in_time() {
    let facts = shop();
    let recall = json!({ "skus": ["1"], "reasons": { "en": "glass" }, "since": after(60) });
    write(&facts, vec![put(Table::Recalls, "r", recall)]);
    let record = record_of(&facts, noon(), |reader| assert!(reader.recalls_of("1").is_empty()));
    assert_eq!(record.until, Some(after(60)));
    record_of(&facts, after(60), |reader| assert_eq!(reader.recalls_of("1").len(), 1));
}

#[test]
fn a_silent_feed_makes_answers_too_old() {
    let facts = shop();
    write(&facts, vec![put(Table::Prices, "1", price(1.0))]);
    let record = record_of(&facts, noon(), |reader| drop(reader.price("1")));
    let day = 24 * 3600;
    assert_eq!(facts.check(&record, after(day)), Standing::Current);
    let limit = Duration::from_secs(day as u64);
    let age = Duration::from_secs(day as u64 + 1);
    let old = Standing::TooOld { table: Table::Prices, age, limit };
    assert_eq!(facts.check(&record, after(day + 1)), old);
    let confirm = vec![Change::Confirm { table: Table::Prices }];
    facts.write(Batch { changes: confirm, idempotency: None }, after(day + 1)).unwrap();
    assert_eq!(facts.check(&record, after(day + 1)), Standing::Current);
    // A feed that repeats what it said before does not make it younger.
    let source = Some(Source { epoch: 0, version: 1 });
    let stamped = stamped(Table::Prices, "1", price(1.0), source);
    facts.write(Batch::of(stamped.clone()), after(day + 2)).unwrap();
    facts.write(Batch::of(stamped), after(day + 9)).unwrap();
    let age = facts.feed_age(Table::Prices, after(day + 9));
    assert_eq!(age, Some(Duration::from_secs(7)));
}

#[test]
fn another_shops_record_is_dead_and_an_empty_one_always_holds() {
    let (one, other) = (shop(), shop());
    write(&one, vec![put(Table::Prices, "1", price(1.0))]);
    write(&other, vec![put(Table::Prices, "1", price(2.0))]);
    let record = record_of(&one, noon(), |reader| drop(reader.price("1")));
    assert_eq!(other.check(&record, noon()), Standing::Dead { name: None });
    assert_eq!(other.check(&Record::default(), noon()), Standing::Current);
}

#[test]
fn a_reader_sees_one_moment() {
    let facts = shop();
    write(&facts, vec![put(Table::Prices, "1", price(1.0))]);
    let mut reader = facts.reader(noon());
    write(&facts, vec![put(Table::Prices, "1", price(2.0))]);
    assert_eq!(reader.price("1").unwrap().amount.minor(), 100);
    assert!(matches!(facts.check(&reader.finish(), noon()), Standing::Dead { .. }));
}
