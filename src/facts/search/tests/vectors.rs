use serde_json::json;

use super::shop::{self, Shop};
use crate::facts::Table;
use crate::facts::search::{Missing, Query, Search, SearchError, Vectorised};

/// A made-up meaning: how much of a text is about each of three things.
fn meaning(text: &str) -> Vec<f32> {
    let text = text.to_lowercase();
    let about = |words: &[&str]| words.iter().filter(|word| text.contains(**word)).count() as f32;
    vec![
        about(&["milk", "oat", "drink"]),
        about(&["bread", "rye", "loaf"]),
        about(&["cheese"]),
        0.1,
    ]
}

fn fill(search: &Search) {
    let missing = search.missing(1000).unwrap();
    let vector = |of: Missing| Vectorised { vector: meaning(&of.text), of };
    search.put_vectors(missing.into_iter().map(vector).collect()).unwrap();
}

fn found(shop: &Shop, text: &str) -> Vec<String> {
    let mut reader = shop.facts.reader(shop::NOON);
    let vector = meaning(text);
    let hits = shop.search.find(&mut reader, &Query::of(text, 3), Some(&vector)).unwrap();
    hits.into_iter().map(|hit| hit.product.id().id.to_string()).collect()
}

#[test]
fn a_product_is_found_by_its_meaning_where_no_word_is_the_same() {
    let shop = shop::small();
    assert_eq!(found(&shop, "loaf"), [""; 0]);
    fill(&shop.search);
    assert_eq!(shop.search.coverage(), (5, 5));
    assert_eq!(found(&shop, "loaf")[0], "rye");
    // Both ways together: the word decides among those of one meaning.
    assert_eq!(found(&shop, "oat drink")[0], "oat");
}

#[test]
fn a_vector_is_of_the_text_that_it_was_made_of() {
    let shop = shop::small();
    fill(&shop.search);
    assert_eq!(shop.search.missing(10).unwrap(), []);
    // What changes nothing of the text leaves the vector.
    shop.put(Table::Prices, "rye", json!({"amount": 1, "currency": "USD"}));
    assert_eq!(shop.search.missing(10).unwrap(), []);
    shop.put(Table::Products, "rye", json!({"names": {"en": "Sheep Cheese"}}));
    let missing = shop.search.missing(10).unwrap();
    assert_eq!(missing.iter().map(|missing| &*missing.sku).collect::<Vec<_>>(), ["rye"]);
    shop.delete(Table::Products, "rye");
    shop.search.catch_up().unwrap();
    assert_eq!(shop.search.coverage(), (4, 4));
    assert!(!found(&shop, "loaf").contains(&"rye".to_owned()));
}

#[test]
fn vectors_outlive_a_restart_but_not_their_encoder() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vectors.redb");
    let shop = shop::small();
    let open = || Search::open(shop.facts.clone(), Some(&file)).unwrap();
    let first = open();
    first.set_encoder("mini 1").unwrap();
    fill(&first);
    drop(first);
    let second = open();
    second.set_encoder("mini 1").unwrap();
    assert_eq!(second.missing(10).unwrap(), []);
    second.set_encoder("mini 2").unwrap();
    assert_eq!(second.missing(10).unwrap().len(), 5);
    drop(second);
    assert_eq!(open().missing(10).unwrap().len(), 5);
}

#[test]
fn vectors_of_products_that_went_meanwhile_are_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vectors.redb");
    let shop = shop::small();
    let open = || Search::open(shop.facts.clone(), Some(&file)).unwrap();
    fill(&open());
    shop.delete(Table::Products, "rye");
    let again = open();
    again.catch_up().unwrap();
    assert_eq!(again.coverage(), (4, 4));
    drop(again);
    assert_eq!(open().coverage().0, 4, "nor are they in the file");
}

#[test]
fn a_damaged_file_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vectors.redb");
    std::fs::write(&file, b"this is no database at all").unwrap();
    let shop = shop::small();
    let search = Search::open(shop.facts.clone(), Some(&file)).unwrap();
    assert_eq!(search.missing(10).unwrap().len(), 5);
}

#[test]
fn a_vector_that_is_none_is_refused() {
    let shop = shop::small();
    let missing = shop.search.missing(2).unwrap();
    let with = |vectors: [Vec<f32>; 2]| {
        let made = missing.iter().cloned().zip(vectors);
        shop.search.put_vectors(made.map(|(of, vector)| Vectorised { of, vector }).collect())
    };
    for vectors in [
        [vec![0.0, 0.0], vec![1.0, 0.0]],
        [vec![1.0, 0.0], vec![f32::NAN, 0.0]],
        [vec![1.0], vec![1.0, 2.0]],
        [vec![], vec![]],
    ] {
        assert!(matches!(with(vectors), Err(SearchError::Vector { .. })));
    }
    assert_eq!(shop.search.coverage().0, 0);
}
