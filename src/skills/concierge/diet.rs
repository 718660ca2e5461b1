//! What a shopper does not eat, what is liked, and which size fits: told in the conversation, or in a profile with
//! consent.

use std::collections::BTreeSet;

use super::memory::Wishes;
use crate::facts::search::Filters;
use crate::facts::{Allergen, Attribute, Product};
use crate::skills::allergens;
use crate::skills::ask::same;
use crate::skills::language::Language;
use crate::skills::words::{Word, fold, words};

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
/// Words before an allergen, and behind one, that say that it is not wanted.
const WITHOUT: &str = "without no ohne keine kein sin sans";
const FREE: &str = "free frei freie freies freien";
/// Words before milk and its like that make it none.
const OF_PLANTS: &str = "vegan plant oat almond soy coconut rice hafer mandel soja kokos";
/// What no vegetarian eats, and what no vegan does besides, as sentences name it; `*` stands for any
/// ending.
const MEAT: &str = "meat beef pork chicken turkey ham bacon sausage* steak* fish salmon tuna shrimp* \
    lamb salami fleisch* rind* schwein* huhn* hahnchen* pute* schinken speck wurst* fisch* lachs \
    thunfisch carne pollo cerdo ternera jamon tocino salchicha* pescado atun viande poulet boeuf porc \
    jambon lardon* saucisse* poisson thon saumon";
const DAIRY: &str = "cheese butter cream yogurt yoghurt honey omelette omelet kase sahne joghurt honig \
    omelett queso mantequilla nata yogur miel fromage beurre creme yaourt";
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
    /// Folded words of what is liked, as a profile has them: they rule nothing out either.
    pub(super) style: Vec<String>,
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

    /// The same with what a wish says of what is looked for: "a vegetarian dinner", "without nuts".
    pub(super) fn and_asked(&self, words: &[Word]) -> Self {
        let mut diet = self.clone();
        words.iter().for_each(|word| diet.attribute(&word.folded));
        let is_in = |list: &str, at: usize| {
            let word = words.get(at).map(|word| word.folded.as_str());
            list.split_ascii_whitespace().any(|known| Some(known) == word)
        };
        for (at, allergen) in allergens::in_words(words) {
            let compound = words.get(at).is_some_and(|word| word.folded.contains("frei"));
            let before = at.checked_sub(1).is_some_and(|at| is_in(WITHOUT, at));
            if compound || before || is_in(FREE, at + 1) {
                diet.without.extend(allergens::akin(allergen));
            }
        }
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
            let is = |name: &str| product.attributes.get(name) == Some(&Attribute::Flag(true));
            // Whatever is vegan is vegetarian.
            is(name) || name == "vegetarian" && is("vegan")
        };
        self.must.iter().all(has) && self.found_in(product).is_empty()
    }

    /// Whether a product is of the size that fits.
    pub(super) fn fits(&self, product: &Product) -> bool {
        let wanted = self.size.as_deref().map(fold);
        wanted.is_some() && product.size.as_ref().map(|size| fold(&size.text)) == wanted
    }

    /// How well a product fits who asks, the best first: of the size, then with what is liked.
    pub(super) fn rank(&self, product: &Product) -> (bool, usize) {
        (!self.fits(product), self.style.len() - self.liked(product))
    }

    /// How many of the words of what is liked a product has.
    fn liked(&self, product: &Product) -> usize {
        if self.style.is_empty() {
            return 0;
        }
        let mut known: Vec<String> = product.names.values().map(|name| fold(name)).collect();
        known.extend(product.brand.iter().chain(product.descriptions.values()).map(|t| fold(t)));
        for (name, value) in &product.attributes {
            match value {
                Attribute::Flag(true) => known.push(fold(name)),
                Attribute::Text(text) => known.push(fold(text)),
                _ => {}
            }
        }
        let has = |word: &&String| {
            known.iter().any(|text| text.split(' ').any(|known| same(word, known)))
        };
        self.style.iter().filter(has).count()
    }

    /// Whether a sentence names nothing that is to be avoided.
    pub(super) fn suits(&self, sentence: &str) -> bool {
        let mut avoided = self.without.clone();
        let is = |name: &str| self.must.contains(name);
        if is("vegan") {
            avoided.extend(OF_ANIMALS);
        }
        let said = words(sentence);
        let plain = |at: usize| {
            // "Vegan cheese" is none, and "oat milk" is none either.
            let before = at.checked_sub(1).and_then(|at| said.get(at));
            !before.is_some_and(|word| {
                OF_PLANTS.split_ascii_whitespace().any(|plant| word.folded.starts_with(plant))
            })
        };
        let named = allergens::in_words(&said);
        let meat = (is("vegan") || is("vegetarian")) && any_of(MEAT, &said)
            || is("vegan") && any_of(DAIRY, &said);
        !meat && !named.iter().any(|(at, allergen)| avoided.contains(allergen) && plain(*at))
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

fn any_of(list: &str, said: &[Word]) -> bool {
    let is = |known: &str, word: &Word| match known.strip_suffix('*') {
        Some(beginning) => word.folded.starts_with(beginning),
        None => word.folded == known,
    };
    let vegan = |at: usize| {
        let before = at.checked_sub(1).and_then(|at| said.get(at));
        before.is_some_and(|word| {
            let word = word.folded.as_str();
            OF_PLANTS
                .split_ascii_whitespace()
                .chain(["vegetar", "veggie"])
                .any(|p| word.starts_with(p))
        })
    };
    let named = |at: usize, word: &Word| {
        list.split_ascii_whitespace().any(|known| is(known, word)) && !vegan(at)
    };
    said.iter().enumerate().any(|(at, word)| named(at, word))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
    fn what_is_looked_for_may_say_what_is_not_to_be_in_it() {
        let asked = |text: &str| Diet::default().and_asked(&words(text)).names();
        let none: Vec<String> = Vec::new();
        assert_eq!(
            asked("a quick vegetarian dinner"),
            (none.clone(), vec!["vegetarian".to_owned()])
        );
        assert_eq!(asked("cookies without eggs").0, ["eggs"]);
        assert_eq!(asked("glutenfreies Brot").0, ["gluten", "wheat"]);
        assert_eq!(asked("a cake with nuts"), (none.clone(), none));
    }

    #[test]
    fn a_sentence_for_a_vegan_names_nothing_of_animals() {
        let vegan = Diet::of(&Wishes::default(), &["vegan".to_owned()], &[]);
        for (sentence, suits) in [
            ("Grilled peppers with oat milk sauce taste good.", true),
            ("A tofu scramble on vegan cheese toast is quick.", true),
            ("An omelette is quick.", false),
            ("Toast with butter is quick.", false),
            ("Chicken with rice is quick.", false),
            ("Ein Brot mit Käse geht schnell.", false),
        ] {
            assert_eq!(vegan.suits(sentence), suits, "{sentence}");
        }
        let no_nuts = Diet::of(&Wishes::default(), &[], &["nuts".to_owned()]);
        assert!(no_nuts.suits("Chicken is quick.") && !no_nuts.suits("A walnut bread is quick."));
    }

    #[test]
    fn what_is_liked_goes_first_and_rules_nothing_out() {
        let diet = Diet { style: vec!["organic".into(), "bold".into()], ..Diet::default() };
        let shirt = |name: &str, organic: bool| -> Product {
            let shirt = json!({ "names": { "en": name }, "attributes": { "organic": organic } });
            serde_json::from_value(shirt).unwrap()
        };
        assert!(diet.rank(&shirt("Bold Shirt", true)) < diet.rank(&shirt("Shirt", true)));
        assert!(diet.rank(&shirt("Shirt", true)) < diet.rank(&shirt("Shirt", false)));
        assert!(diet.allows(&shirt("Shirt", false)));
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
