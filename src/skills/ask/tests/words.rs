//! Which words of a question name products.

use super::rules::{answer_of, check};
use crate::skills::sample;

#[test]
fn only_the_sentence_that_asks_names_products_and_personal_data_never_does() {
    for question in [
        "My email is john@doe.com and card 4111 1111 1111 1111. How much is the whole milk?",
        "How much is the whole milk? Write to john@doe.com",
        "I was here yesterday. How much is the whole milk?",
    ] {
        check(question, "Meadow Whole Milk (1 gal) costs $3.49.", &["1001"]);
    }
    check(
        "Was kostet die Vollmilch? Bitte an hans@beispiel.de antworten!",
        "Meadow Vollmilch (1 gal) kostet 3,49 $.",
        &["1001"],
    );
}

#[test]
fn a_number_of_pieces_names_no_product() {
    check("How much are 3 whole milk?", "Meadow Whole Milk (1 gal) costs $3.49.", &["1001"]);
}

#[test]
fn who_wants_to_be_told_of_several_is_asked_which() {
    let (text, _) = answer_of(&sample::shop(), "Tell me about Meadow milk").unwrap();
    assert!(text.contains("Meadow Whole Milk (1 gal) or Meadow Skim Milk (1 gal)"), "{text}");
}
