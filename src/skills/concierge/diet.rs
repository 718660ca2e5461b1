//! What a shopper does not eat, and which size fits: told in the conversation, or in a profile with
//! consent.

use std::collections::BTreeSet;

use super::memory::Wishes;
use crate::facts::search::Filters;
use crate::facts::{Allergen, Attribute, Product};
use crate::skills::allergens;
use crate::skills::language::Language;
use crate::skills::words::{Word, fold};

/// Diets that are allergens by another name.
const FREE_OF: [(&str, &[Allergen]); 8] = [
    ("gluten_free", &[Allergen::Gluten, Allergen::Wheat]),
    ("gluten free", &[Allergen::Gluten, Allergen::Wheat]),
    ("celiac", &[Allergen::Gluten, Allergen::Wheat]),
    ("lactose_free", &[Allergen::Milk]),
    ("lactose free", &[Allergen::Milk]),
    ("dairy_free", &[Allergen::Milk]),
    ("nut_free", &[Allergen::Nuts, Allergen::Peanuts]),
    ("egg_free", &[Allergen::Eggs]),
];
/// Words of diets that are attributes of products, with the attribute's name.
const ATTRIBUTES: [(&str, &str); 7] = [
    ("vegan", "vegan"),
    ("vegetar", "vegetarian"),
    ("halal", "halal"),
    ("kosher", "kosher"),
    ("koscher", "kosher"),
    ("casher", "kosher"),
    ("organic", "organic"),
];
/// What no vegan has in it.
const OF_ANIMALS: [Allergen; 5] =
    [Allergen::Milk, Allergen::Eggs, Allergen::Fish, Allergen::Crustaceans, Allergen::Molluscs];

/// What is not to be in a product, and what it is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Diet {
    pub(super) without: BTreeSet<Allergen>,
    /// Names of attributes that are to be true.
    pub(super) must: BTreeSet<String>,
    /// The size that fits, as products have it: it goes first, and rules nothing out.
    pub(super) size: Option<String>,
}

impl Diet {
    /// Of what was told in the conversation and what a profile has: diets and allergens by name.
    pub(super) fn of(wishes: &Wishes, diets: &[String], avoided: &[String]) -> Self {
        let mut diet = Self::default();
        wishes.without.iter().chain(avoided).for_each(|name| diet.avoid(name));
        wishes.must.iter().chain(diets).for_each(|name| diet.keep(name));
        diet
    }

    /// Of words by which somebody tells of themselves.
    pub(super) fn told(words: &[Word], language: Language) -> Self {
        let mut diet = Self::default();
        // "Soy vegana" tells who speaks and of no beans.
        let am = |word: &&Word| language == Language::Spanish && word.folded == "soy";
        let words: Vec<Word> = words.iter().filter(|word| !am(word)).cloned().collect();
        for (_, allergen) in allergens::in_words(&words) {
            diet.without.extend(allergens::akin(allergen));
        }
        words.iter().for_each(|word| diet.attribute(&word.folded));
        diet
    }

    /// As a conversation remembers it.
    pub(super) fn names(&self) -> (Vec<String>, Vec<String>) {
        let without = self.without.iter().map(|allergen| allergen.as_str().to_owned());
        (without.collect(), self.must.iter().cloned().collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.without.is_empty() && self.must.is_empty()
    }

    /// What a search leaves out.
    pub(super) fn filters(&self) -> Filters {
        Filters { without: self.without.clone(), ..Filters::default() }
    }

    /// Whether a product is known to have all that it must.
    pub(super) fn allows(&self, product: &Product) -> bool {
        let has = |name: &String| {
            product
                .attributes
                .get(name.as_str())
                .is_some_and(|value| *value == Attribute::Flag(true))
        };
        self.must.iter().all(has) && self.found_in(product).is_empty()
    }

    /// Whether a product is of the size that fits.
    pub(super) fn fits(&self, product: &Product) -> bool {
        let wanted = self.size.as_deref().map(fold);
        wanted.is_some() && product.size.as_ref().map(|size| fold(&size.text)) == wanted
    }

    /// What a product is declared to have in it, or traces of, that is to be avoided.
    pub(super) fn found_in(&self, product: &Product) -> Vec<Allergen> {
        let Some(declared) = &product.allergens else { return Vec::new() };
        let mut avoided = self.without.clone();
        if self.must.contains("vegan") {
            avoided.extend(OF_ANIMALS);
        }
        let held = declared.contains.iter().chain(&declared.may_contain);
        let held: BTreeSet<_> = held.copied().filter(|held| avoided.contains(held)).collect();
        held.into_iter().collect()
    }

    fn avoid(&mut self, name: &str) {
        let folded = fold(name);
        let known = Allergen::ALL.into_iter().find(|allergen| allergen.as_str() == folded);
        if let Some(allergen) = known.or_else(|| allergens::named(&folded)) {
            self.without.extend(allergens::akin(allergen));
        }
    }

    fn keep(&mut self, name: &str) {
        let wanted = name.to_lowercase();
        match FREE_OF.iter().find(|(known, _)| *known == wanted) {
            Some((_, allergens)) => self.without.extend(*allergens),
            None => self.attribute(&fold(name)),
        }
    }

    fn attribute(&mut self, word: &str) {
        let known = ATTRIBUTES.iter().find(|(begins, _)| word.starts_with(begins));
        self.must.extend(known.map(|(_, attribute)| (*attribute).to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::skills::words::words;

    fn product(allergens: serde_json::Value, vegan: bool) -> Product {
        let product = json!({
            "names": { "en": "x" }, "allergens": allergens, "attributes": { "vegan": vegan },
        });
        serde_json::from_value(product).unwrap()
    }

    #[test]
    fn what_is_told_is_understood_in_every_language() {
        use Language::{English, French, German, Spanish};
        for (language, text, without, must) in [
            (English, "I am allergic to nuts", vec!["peanuts", "nuts"], vec![]),
            (English, "I'm vegan and I have a soy allergy", vec!["soy"], vec!["vegan"]),
            (German, "Ich bin Nussallergiker", vec!["peanuts", "nuts"], vec![]),
            (German, "Ich bin Vegetarierin", vec![], vec!["vegetarian"]),
            (Spanish, "soy celiaca", vec!["gluten", "wheat"], vec![]),
            (French, "je suis végane", vec![], vec!["vegan"]),
        ] {
            let (found, kept) = Diet::told(&words(text), language).names();
            assert_eq!(
                (found, kept),
                (
                    without.iter().map(ToString::to_string).collect(),
                    must.iter().map(ToString::to_string).collect(),
                ),
                "{text}"
            );
        }
    }

    #[test]
    fn a_product_is_allowed_only_where_it_is_known_to_be() {
        let diet = Diet::of(&Wishes::default(), &["vegan".to_owned()], &["nuts".to_owned()]);
        let oat = product(json!({ "contains": [] }), true);
        let milk = product(json!({ "contains": ["milk"] }), true);
        let traces = product(json!({ "contains": [], "may_contain": ["peanuts"] }), true);
        assert!(diet.allows(&oat) && !diet.allows(&milk) && !diet.allows(&traces));
        assert!(!diet.allows(&product(json!({ "contains": [] }), false)));
        assert_eq!(diet.found_in(&traces), [Allergen::Peanuts]);
        assert!(Diet::of(&Wishes::default(), &["gluten_free".to_owned()], &[]).without.len() == 2);
    }

    #[test]
    fn a_size_goes_first_and_rules_nothing_out() {
        let diet = Diet { size: Some("m".to_owned()), ..Diet::default() };
        let shirt = |size: &str| -> Product {
            let shirt = json!({ "names": { "en": "shirt" }, "size": { "text": size } });
            serde_json::from_value(shirt).unwrap()
        };
        assert!(diet.fits(&shirt("M")) && !diet.fits(&shirt("L")) && diet.allows(&shirt("L")));
        assert!(!Diet::default().fits(&shirt("M")));
    }
}
