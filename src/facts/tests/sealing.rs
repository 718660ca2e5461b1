//! What was read in one shop, looked for in another.

use super::*;

type Read = fn(&mut Reader);

fn stocked() -> Vec<Change> {
    let sale = json!({
        "titles": { "en": "Sale" }, "offer": { "percent_off": 10 }, "skus": ["2"],
        "ends": "2026-12-24T00:00:00Z",
    });
    vec![
        put(Table::Products, "1", coffee("Dark")),
        put(Table::Products, "2", coffee("Light")),
        put(Table::Prices, "1", price(2.0)),
        put(Table::Prices, "2", price(3.0)),
        put(Table::Promotions, "p", sale),
    ]
}

/// A shop that came to the same facts by another way, so that no revision is the same.
fn other(zone_hours: i32) -> Facts {
    let zone = Zone::Offset(chrono::FixedOffset::east_opt(zone_hours * 3600).unwrap());
    let config = FactsConfig { zone, ..FactsConfig::default() };
    let facts = Facts::on(redb::backends::InMemoryBackend::new(), config, noon()).unwrap();
    write(&facts, vec![put(Table::Prices, "1", price(9.0)), put(Table::Prices, "7", price(9.0))]);
    write(&facts, vec![delete(Table::Prices, "7")]);
    write(&facts, stocked().into_iter().rev().collect());
    facts
}

fn seal_of(facts: &Facts, read: Read) -> Seal {
    let mut reader = facts.reader(noon());
    read(&mut reader);
    facts.seal(&reader.finish(), noon()).unwrap()
}

const READS: [Read; 7] = [
    |reader| drop(reader.product("1")),
    |reader| drop(reader.price("1")),
    |reader| drop(reader.promotions_of("1")),
    |reader| drop(reader.promotions_of("2")),
    |reader| drop(reader.product("9")),
    |reader| drop(reader.products_in("drinks", 10)),
    |reader| drop(reader.promotions(10)),
];

#[test]
fn what_was_read_here_holds_in_a_shop_where_the_same_is_there() {
    let here = shop();
    write(&here, stocked());
    let there = other(1);
    for read in READS {
        let seal = seal_of(&here, read);
        let record = there.unseal(&seal, noon()).unwrap();
        assert_eq!(there.check(&record, noon()), Standing::Current);
        let mut reader = there.reader(noon());
        read(&mut reader);
        assert_eq!(record, reader.finish(), "it is the record of a reader there");
        assert_ne!(here.check(&record, noon()), Standing::Current, "and of no other shop");
    }
}

#[test]
fn it_holds_in_no_shop_where_anything_of_it_is_otherwise() {
    let here = shop();
    write(&here, stocked());
    let recall =
        json!({ "skus": ["1"], "reasons": { "en": "glass" }, "since": "2026-11-26T08:00:00Z" });
    let sale = |of: Value| {
        let mut promotion = json!({ "titles": { "en": "Sale" }, "offer": { "percent_off": 10 } });
        of.as_object().unwrap().iter().for_each(|(k, v)| promotion[k] = v.clone());
        put(Table::Promotions, "q", promotion)
    };
    let mut nuts = coffee("Dark");
    nuts["allergens"] = json!({ "contains": ["nuts"] });
    for (read, change) in [
        (READS[0], put(Table::Products, "1", coffee("Darker"))),
        (READS[0], put(Table::Products, "1", nuts)),
        (READS[0], delete(Table::Products, "1")),
        (READS[0], put(Table::Recalls, "r", recall.clone())),
        (READS[1], put(Table::Prices, "1", price(2.01))),
        (READS[1], delete(Table::Prices, "1")),
        (READS[1], put(Table::Recalls, "r", recall)),
        (READS[2], sale(json!({ "skus": ["1"] }))),
        (READS[2], sale(json!({ "categories": ["drinks"] }))),
        (READS[2], sale(json!({ "everything": true }))),
        (READS[3], delete(Table::Promotions, "p")),
        (READS[4], put(Table::Products, "9", coffee("New"))),
        (READS[5], put(Table::Products, "3", coffee("Third"))),
        (READS[6], sale(json!({ "skus": ["8"] }))),
    ] {
        let (there, seal) = (other(1), seal_of(&here, read));
        write(&there, vec![change.clone()]);
        let refused = there.unseal(&seal, noon());
        assert!(matches!(refused, Err(Unlike::Fact { .. })), "{change:?}: {refused:?}");
        // What is put back as it was holds again.
        write(&there, vec![delete(Table::Recalls, "r"), delete(Table::Promotions, "q")]);
        write(&there, vec![delete(Table::Products, "9"), delete(Table::Products, "3")]);
        write(&there, stocked());
        assert_eq!(there.unseal(&seal, noon()).map(drop), Ok(()), "{change:?}");
    }
}

#[test]
fn time_and_clock_count_where_what_was_read_rests_on_them() {
    let here = shop();
    write(&here, stocked());
    let (product, sale) = (seal_of(&here, READS[0]), seal_of(&here, READS[3]));
    let far = other(-5);
    assert!(far.unseal(&product, noon()).is_ok(), "a product is the same everywhere");
    assert_eq!(far.unseal(&sale, noon()), Err(Unlike::Clock));
    let over = sale.until.unwrap();
    assert_eq!(other(1).unseal(&sale, over), Err(Unlike::Over { at: over }));
    let before = UnixSeconds(noon().0 - 1);
    assert_eq!(other(1).unseal(&sale, before), Err(Unlike::Over { at: over }));
}

#[test]
fn what_does_not_hold_any_more_cannot_be_sealed() {
    let here = shop();
    write(&here, stocked());
    let mut reader = here.reader(noon());
    drop(reader.price("1"));
    let record = reader.finish();
    assert!(here.seal(&record, noon()).is_some());
    write(&here, vec![put(Table::Prices, "1", price(2.5))]);
    assert_eq!(here.seal(&record, noon()), None);
    assert_eq!(here.seal(&Record::default(), noon()), None, "what stands on nothing has no seal");
}
