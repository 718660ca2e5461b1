//! What associates put right, as boxes send it.

use super::*;
use crate::protocol::examples::{Example, Sent};

const ORIGIN: &str = "00000000000000aa";

fn example(number: u64) -> Example {
    Example {
        number,
        question: format!("Is milk {number} vegan?"),
        answered: "Yes.".to_owned(),
        better: "No, it is not.".to_owned(),
        language: "en".to_owned(),
        cited: vec!["1001".to_owned()],
        by: "tok_1".to_owned(),
        at: 1_700_000_000,
    }
}

fn sent(numbers: impl IntoIterator<Item = u64>, erased: &[u64]) -> Sent {
    let examples = numbers.into_iter().map(example).collect();
    Sent { origin: ORIGIN.to_owned(), examples, erased: erased.to_vec() }
}

async fn numbers(house: &House) -> Vec<u64> {
    let page = told::Page { tenant: place().tenant, place: None, before: None, limit: 500 };
    let rows = house.hq.examples(&page).await.unwrap();
    rows.into_iter().map(|row| row.example.number).collect()
}

#[tokio::test]
async fn examples_come_once_and_a_box_learns_how_far_hq_has_come() {
    let house = House::new().await;
    let take = async |sent: &Sent| house.hq.take_examples(&place(), sent).await.unwrap().last;
    assert_eq!(take(&sent([], &[])).await, 0);
    assert_eq!(take(&sent([1, 2, 3], &[])).await, 3);
    assert_eq!(take(&sent([2, 3], &[])).await, 3, "what comes again");
    assert_eq!(numbers(&house).await, [3, 2, 1]);
    let anew = Sent { origin: "00000000000000bb".to_owned(), ..sent([1], &[]) };
    assert_eq!(take(&anew).await, 1, "a box with another disk counts anew");
    assert_eq!(numbers(&house).await.len(), 4);
}

#[tokio::test]
async fn what_was_erased_at_the_box_is_erased_here_and_does_not_come_back() {
    let house = House::new().await;
    house.hq.take_examples(&place(), &sent([1, 2, 3], &[])).await.unwrap();
    let taken = house.hq.take_examples(&place(), &sent([], &[2, 9])).await.unwrap();
    assert_eq!((taken.last, numbers(&house).await), (3, vec![3, 1]));
    for file in ["hq.db", "hq.db-wal"] {
        let bytes = std::fs::read(house.hq.config.data_dir.join(file)).unwrap_or_default();
        let has = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        assert!(!has("Is milk 2 vegan?"), "{file} has what was erased");
        assert!(file != "hq.db" || has("Is milk 3 vegan?"), "the others are there");
    }
    // The last one goes as well, and the box does not send from the start.
    let taken = house.hq.take_examples(&place(), &sent([], &[3, 1])).await.unwrap();
    assert_eq!((taken.last, numbers(&house).await), (3, Vec::new()));
}

#[tokio::test]
async fn what_is_too_much_or_no_example_is_refused_whole() {
    let house = House::new().await;
    let long = Example { better: "x".repeat(17 << 10), ..example(2) };
    for wrong in [
        Sent { origin: "aa".to_owned(), ..sent([1], &[]) },
        sent(1..=300, &[]),
        sent([], &(0..300).collect::<Vec<_>>()),
        Sent { examples: vec![example(1), long], ..sent([], &[]) },
    ] {
        assert!(house.hq.take_examples(&place(), &wrong).await.is_err());
    }
    assert!(numbers(&house).await.is_empty());
}
