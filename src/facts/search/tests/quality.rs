//! How good the order is: queries as shoppers type them, each with what must be found.

use super::shop;
use crate::facts::Product;
use crate::facts::search::Query;

/// A query, and parts of the English name of which every product that counts has all of one of the
/// lists between `|`.
const QUERIES: &str = include_str!("queries.txt");

#[test]
fn words_find_what_is_meant_among_ten() {
    let shop = shop::sample();
    for (kind, least) in
        [("plain", 0.95), ("typo", 0.9), ("language", 0.9), ("question", 0.85), ("meaning", 0.6)]
    {
        let (found, told) = recall(&shop, kind);
        assert!(found >= least, "{kind}: {found:.3} is below {least}\n{told}");
    }
}

/// Share of right products among ten hits, or of all right ones where there are fewer, over the queries of
/// a kind; and what was missed.
fn recall(shop: &shop::Shop, kind: &str) -> (f64, String) {
    let (mut sum, mut count, mut told) = (0.0, 0, String::new());
    let mut wanted_kind = "";
    for line in QUERIES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[') {
            wanted_kind = name.trim_end_matches(']');
            continue;
        }
        if wanted_kind != kind {
            continue;
        }
        let (query, wanted) = line.split_once(" = ").unwrap();
        let mut reader = shop.facts.reader(shop::NOON);
        let all = shop.facts.list(crate::facts::Table::Products, "", 10_000);
        let there = all.iter().filter(|held| match &held.fact {
            crate::facts::Fact::Product(product) => counts(product, wanted),
            _ => false,
        });
        let there = there.count();
        assert!(there > 0, "no product counts for: {line}");
        let hits = shop.search.find(&mut reader, &Query::of(query, 10), None).unwrap();
        let right = hits.iter().filter(|hit| counts(&hit.product, wanted)).count();
        let share = right as f64 / there.min(10) as f64;
        if share < 1.0 {
            let names: Vec<_> = hits.iter().map(|hit| hit.product.names["en"].as_str()).collect();
            told.push_str(&format!("{query}: {right} of {}: {names:?}\n", there.min(10)));
        }
        sum += share;
        count += 1;
    }
    (sum / f64::from(count), told)
}

/// Whether a product's category and English name have all parts of one of the lists.
fn counts(product: &Product, wanted: &str) -> bool {
    let category = product.category.as_deref().unwrap_or_default();
    let text = format!("{category} {}", product.names["en"]).to_lowercase();
    wanted.split('|').any(|list| list.split(',').all(|part| text.contains(part.trim())))
}
