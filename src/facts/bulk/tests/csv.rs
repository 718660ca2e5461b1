use std::io::Cursor;

use serde_json::json;

use crate::facts::bulk::{Entry, RowFault, Rows};
use crate::facts::{Source, Table};

fn read(table: Table, text: &str) -> Vec<Result<Entry, RowFault>> {
    let bytes = text.len() as u64;
    match Rows::of_csv(Cursor::new(text.to_owned().into_bytes()), table, bytes) {
        Ok(rows) => rows.collect(),
        Err(fault) => vec![Err(fault)],
    }
}

fn fact(table: Table, text: &str) -> serde_json::Value {
    let mut entries = read(table, text);
    assert_eq!(entries.len(), 1, "{entries:?}");
    serde_json::to_value(entries.remove(0).unwrap().fact).unwrap()
}

fn fault(table: Table, text: &str) -> String {
    let entries = read(table, text);
    let fault = entries.into_iter().find_map(Result::err);
    fault.map(|fault| fault.to_string()).unwrap_or_else(|| panic!("no fault in: {text}"))
}

#[test]
fn a_row_becomes_a_fact() {
    let products = "sku,name.en,name.de,category,size.text,size.quantity,size.unit,allergens,may_contain,\
                    attribute.organic,attribute.code,attribute.weight,images\n\
                    0041,Oat milk 1 L,\"Haferdrink, 1 l\",dairy/milk,1 L,1,l,gluten|nuts,none,true,0041,2.50,a.jpg|b.jpg\n";
    assert_eq!(
        fact(Table::Products, products),
        json!({
            "names": {"en": "Oat milk 1 L", "de": "Haferdrink, 1 l"},
            "attributes": {"organic": true, "code": "0041", "weight": 2.5},
            "category": "dairy/milk",
            "size": {"text": "1 L", "quantity": 1, "unit": "l"},
            "allergens": {"contains": ["nuts", "gluten"], "may_contain": []},
            "images": ["a.jpg", "b.jpg"],
        })
        .sorted()
    );
    assert_eq!(
        fact(Table::Prices, "sku;amount;currency;was\r\n0041;3.49;USD;\r\n"),
        json!({"amount": 3.49, "currency": "USD"})
    );
    assert_eq!(
        fact(
            Table::Promotions,
            "id\ttitle.en\tskus\tfixed_price\tcurrency\tmin_quantity\tweekdays\thours\n\
             p\tTwo for five\t0041|0042\t2.50\tUSD\t2\tmonday|friday\t08:00-20:00\n"
        ),
        json!({
            "titles": {"en": "Two for five"},
            "skus": ["0041", "0042"],
            "offer": {"fixed_price": {"amount": 2.5, "currency": "USD"}},
            "conditions": {
                "min_quantity": 2,
                "weekdays": ["monday", "friday"],
                "hours": {"opens": "08:00", "closes": "20:00"},
            },
        })
    );
    assert_eq!(
        fact(
            Table::Hours,
            "id,name.en,monday,sunday,exceptions\n\
             store,Store,08:00-12:00|13:00-18:00,closed,2026-12-24 08:00-12:00 13:00-14:00|2026-12-25 closed\n"
        ),
        json!({
            "names": {"en": "Store"},
            "weekly": {
                "monday": [
                    {"opens": "08:00", "closes": "12:00"}, {"opens": "13:00", "closes": "18:00"},
                ],
                "sunday": [],
            },
            "exceptions": {
                "2026-12-24": [
                    {"opens": "08:00", "closes": "12:00"}, {"opens": "13:00", "closes": "14:00"},
                ],
                "2026-12-25": [],
            },
        })
    );
}

/// Allergens come in the order of their kinds; the test above compares without it.
trait Sorted {
    fn sorted(self) -> Self;
}

impl Sorted for serde_json::Value {
    fn sorted(mut self) -> Self {
        if let Some(list) =
            self.pointer_mut("/allergens/contains").and_then(|list| list.as_array_mut())
        {
            list.sort_by_key(|item| item.to_string());
        }
        self
    }
}

#[test]
fn no_allergens_and_unknown_allergens_differ() {
    let with = |cell: &str| {
        fact(Table::Products, &format!("sku,name.en,allergens\n1,Water,{cell}\n"))["allergens"]
            .clone()
    };
    assert_eq!(with("none"), json!({"contains": [], "may_contain": []}));
    assert_eq!(with(""), json!(null));
}

#[test]
fn a_stamp_of_the_feed_is_kept() {
    let entries =
        read(Table::Prices, "sku,amount,currency,epoch,version\n1,2,EUR,3,14\n2,2,EUR,,\n");
    assert_eq!(entries[0].as_ref().unwrap().source, Some(Source { epoch: 3, version: 14 }));
    assert_eq!(entries[1].as_ref().unwrap().source, None);
}

#[test]
fn a_fault_names_line_and_column() {
    use Table::{Hours, Prices, Products, Promotions, Recalls, Stock};
    for (table, text, says) in [
        (
            Prices,
            "sku,amount,currency,tax\n",
            "line 1, column `tax`: `prices` has no such column, but sku, amount",
        ),
        (Prices, "amount,currency\n1,USD\n", "line 1: there is no column `sku`"),
        (Prices, "sku,amount,amount\n", "line 1, column `amount`: the column stands there twice"),
        (Products, "sku,name.\n1,x\n", "line 1, column `name.`: `products` has no such column"),
        (
            Prices,
            "sku,amount,currency\n1,2,USD\n2,much,USD\n",
            "line 3, column `amount`: `much` is not a number",
        ),
        (Prices, "sku,amount,currency\n1,2.999,USD\n", "line 2: 2.999 is no amount in USD"),
        (
            Prices,
            "sku,amount,currency\n1,2,Dollar\n",
            "line 2, column `currency`: `Dollar` is not a currency",
        ),
        (
            Prices,
            "sku,amount,currency\n1,,USD\n",
            "line 2, column `amount`: it is empty, but needed",
        ),
        (
            Prices,
            "sku,amount,currency\n,2,USD\n",
            "line 2, column `sku`: it is empty; every row needs an id",
        ),
        (Prices, "sku,amount,currency\na/b,2,USD\n", "line 2, column `sku`: `a/b` is not an id"),
        (Prices, "sku,amount,currency\n1,2\n", "line 2: 2 cells, but the header has 3"),
        (
            Prices,
            "sku,amount,currency,epoch\n1,2,USD,7\n",
            "line 2: an `epoch` needs its `version`",
        ),
        (
            Products,
            "sku,name.en\n\"1\",\"two\nlines\"\n2,\n",
            "line 4, column `name.en`: it is empty, but needed",
        ),
        (
            Products,
            "sku,name.en,size.text,size.quantity,size.unit\n1,a,1 oz,1,ozz\n",
            "line 2, column `size.unit`: unknown variant `ozz`",
        ),
        (
            Products,
            "sku,name.en,name.english!\n1,a,b\n",
            "line 2, column `name.english!`: `english!` is not a language",
        ),
        (
            Products,
            "sku,name.en,may_contain\n1,a,milk\n",
            "line 2, column `allergens`: it is empty, but needed",
        ),
        (
            Products,
            "sku,name.en,allergens\n1,a,milk|air\n",
            "line 2, column `allergens`: unknown variant `air`",
        ),
        (
            Stock,
            "sku,band,quantity\n1,out,3\n",
            "line 2, column `band`: `out` does not go with a quantity",
        ),
        (
            Stock,
            "sku,band,as_of\n1,low,yesterday\n",
            "line 2, column `as_of`: `yesterday` is not a time",
        ),
        (
            Promotions,
            "id,title.en,skus,percent_off,take\n1,a,2,5,3\n",
            "line 2: give one of percent_off",
        ),
        (
            Promotions,
            "id,title.en,skus,take,pay\n1,a,2,3,5\n",
            "line 2, column `take`: `take` must be more",
        ),
        (
            Promotions,
            "id,title.en,skus,take,pay\n1,a,2,three,2\n",
            "line 2, column `take`: `three` is not a whole number",
        ),
        (
            Promotions,
            "id,title.en,skus,amount_off\n1,a,2,5\n",
            "line 2, column `currency`: it is empty, but needed",
        ),
        (
            Promotions,
            "id,title.en,skus,percent_off,loyalty_only\n1,a,2,5,yes\n",
            "line 2, column `loyalty_only`: `yes` is neither",
        ),
        (
            Hours,
            "id,name.en,monday\ns,Store,8-20\n",
            "line 2, column `monday`: `8` is not a time of day",
        ),
        (
            Hours,
            "id,name.en,monday\ns,Store,all day\n",
            "line 2, column `monday`: `all day` is not a span",
        ),
        (
            Hours,
            "id,name.en,exceptions\ns,Store,2026-12-24\n",
            "line 2, column `exceptions`: `2026-12-24` is not a day with hours",
        ),
        (
            Recalls,
            "id,skus,reason.en,since\nr,,why,2026-01-01T00:00:00Z\n",
            "line 2, column `skus`: it is empty",
        ),
    ] {
        let told = fault(table, text);
        assert!(told.starts_with(says), "{text:?}\n  told: {told}\n  not:  {says}");
    }
}

#[test]
fn rows_behind_a_fault_are_still_read() {
    let entries = read(Table::Prices, "sku,amount,currency\n1,x,USD\n2,2\n3,3,USD\n4,y,USD\n");
    let told: Vec<_> = entries.iter().map(Result::is_ok).collect();
    assert_eq!(told, [false, false, true, false]);
}

#[test]
fn a_mark_and_blank_lines_change_nothing() {
    let plain = read(Table::Prices, "sku,amount,currency\n1,2,USD\n");
    let marked = read(Table::Prices, "\u{feff}sku,amount,currency\n1,2,USD\n\n");
    assert_eq!(plain, marked);
}

#[test]
fn a_quote_that_stays_open_does_not_take_the_memory() {
    let mut text = String::from("sku,name.en\n1,Milk\n2,\"");
    text.push_str(&"and so on\n".repeat(300_000));
    let entries = read(Table::Products, &text);
    assert!(entries[0].is_ok());
    let told = entries[1].as_ref().unwrap_err().to_string();
    assert!(told.starts_with("line 3: the row has more than 1048576 bytes"), "{told}");
    assert_eq!(entries.len(), 2);
}
