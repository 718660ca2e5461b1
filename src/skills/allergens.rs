//! Allergens as people call them.

use super::language::Language;
use super::words::Word;
use crate::facts::Allergen;

/// The words for an allergen, folded, in all languages; `*` stands for any ending.
fn terms(allergen: Allergen) -> &'static str {
    match allergen {
        Allergen::Gluten => "gluten* celiac* coeliac* coeliaque* zoliakie",
        Allergen::Wheat => "wheat weizen* trigo ble",
        Allergen::Crustaceans => {
            "crustacean* shellfish shrimp* prawn* crab crabs lobster* krebstier* garnele* krabbe* \
             hummer crustace* crevette* crabe crabes homard* gamba gambas camaron* cangrejo* \
             marisco* langost*"
        }
        Allergen::Molluscs => {
            "mollusc* mollusk* oyster* clam clams mussel* squid weichtier* muschel* moule moules \
             mollusque* mejillon* molusco* calamar* huitre*"
        }
        Allergen::Eggs => "egg eggs ei eier eiern eifrei* huevo huevos oeuf oeufs",
        Allergen::Fish => "fish fisch* pescado* poisson*",
        Allergen::Peanuts => "peanut* erdnuss* erdnusse* cacahuete* cacahuate* cacahuet* arachide*",
        Allergen::Nuts => {
            "nut nuts almond* hazelnut* walnut* cashew* pecan* pistachio* nuss nusse nussen \
             nussfrei* mandel mandeln haselnuss* walnuss* pistazie* nuez nueces almendra* avellana* \
             pistacho* noix noisette* amande* pistache*"
        }
        Allergen::Soy => "soy soya soja*",
        Allergen::Milk => {
            "milk dairy lactose milch milchfrei* laktose* milcheiweiss leche lacteo* lactosa lait \
             laits laitier* laitage*"
        }
        Allergen::Celery => "celery sellerie apio celeri*",
        Allergen::Mustard => "mustard senf mostaza moutarde",
        Allergen::Sesame => "sesame sesam sesamo",
        Allergen::Sulphites => "sulphite* sulfite* sulfit sulfito* sulphur",
        Allergen::Lupin => "lupin* altramuz altramuces",
    }
}

/// The allergen that a folded word names.
pub(super) fn named(word: &str) -> Option<Allergen> {
    // What makes ill stands before the illness, as in `Nussallergiker`.
    let ill = ["allerg", "unvertrag", "intoleran"].iter().filter_map(|ill| word.find(ill));
    let word = ill.min().filter(|at| *at > 0).and_then(|at| word.get(..at)).unwrap_or(word);
    let is = |term: &str| match term.strip_suffix('*') {
        Some(beginning) => word.starts_with(beginning),
        None => word == term,
    };
    // Nuts of the ground are told from nuts of trees by being asked first.
    Allergen::ALL.into_iter().find(|allergen| terms(*allergen).split_ascii_whitespace().any(is))
}

/// The allergens that are meant with one in everyday words: whoever asks for gluten must hear of
/// wheat.
pub(super) fn akin(allergen: Allergen) -> &'static [Allergen] {
    match allergen {
        Allergen::Gluten => &[Allergen::Gluten, Allergen::Wheat],
        Allergen::Nuts => &[Allergen::Nuts, Allergen::Peanuts],
        Allergen::Crustaceans => &[Allergen::Crustaceans, Allergen::Molluscs],
        Allergen::Wheat => &[Allergen::Wheat],
        Allergen::Molluscs => &[Allergen::Molluscs],
        Allergen::Eggs => &[Allergen::Eggs],
        Allergen::Fish => &[Allergen::Fish],
        Allergen::Peanuts => &[Allergen::Peanuts],
        Allergen::Soy => &[Allergen::Soy],
        Allergen::Milk => &[Allergen::Milk],
        Allergen::Celery => &[Allergen::Celery],
        Allergen::Mustard => &[Allergen::Mustard],
        Allergen::Sesame => &[Allergen::Sesame],
        Allergen::Sulphites => &[Allergen::Sulphites],
        Allergen::Lupin => &[Allergen::Lupin],
    }
}

/// Every allergen that words name, with the word's place among them.
pub(super) fn in_words(words: &[Word]) -> Vec<(usize, Allergen)> {
    let found = words.iter().enumerate().filter_map(|(at, word)| Some((at, named(&word.folded)?)));
    found.collect()
}

/// An allergen as a sentence of this language says it.
pub(super) fn name(allergen: Allergen, language: Language) -> &'static str {
    let [english, german, spanish, french] = match allergen {
        Allergen::Gluten => ["gluten", "Gluten", "gluten", "gluten"],
        Allergen::Wheat => ["wheat", "Weizen", "trigo", "blé"],
        Allergen::Crustaceans => ["crustaceans", "Krebstiere", "crustáceos", "crustacés"],
        Allergen::Molluscs => ["molluscs", "Weichtiere", "moluscos", "mollusques"],
        Allergen::Eggs => ["eggs", "Eier", "huevos", "œufs"],
        Allergen::Fish => ["fish", "Fisch", "pescado", "poisson"],
        Allergen::Peanuts => ["peanuts", "Erdnüsse", "cacahuetes", "arachides"],
        Allergen::Nuts => ["nuts", "Nüsse", "frutos de cáscara", "fruits à coque"],
        Allergen::Soy => ["soy", "Soja", "soja", "soja"],
        Allergen::Milk => ["milk", "Milch", "leche", "lait"],
        Allergen::Celery => ["celery", "Sellerie", "apio", "céleri"],
        Allergen::Mustard => ["mustard", "Senf", "mostaza", "moutarde"],
        Allergen::Sesame => ["sesame", "Sesam", "sésamo", "sésame"],
        Allergen::Sulphites => ["sulphites", "Sulfite", "sulfitos", "sulfites"],
        Allergen::Lupin => ["lupin", "Lupinen", "altramuces", "lupin"],
    };
    match language {
        Language::English => english,
        Language::German => german,
        Language::Spanish => spanish,
        Language::French => french,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::skills::words::words;

    #[test]
    fn allergens_are_known_by_their_words() {
        for (word, allergen) in [
            ("peanuts", Some(Allergen::Peanuts)),
            ("Erdnüsse", Some(Allergen::Peanuts)),
            ("almonds", Some(Allergen::Nuts)),
            ("noisettes", Some(Allergen::Nuts)),
            ("glutenfreies", Some(Allergen::Gluten)),
            ("œufs", Some(Allergen::Eggs)),
            ("leche", Some(Allergen::Milk)),
            ("Fischstäbchen", Some(Allergen::Fish)),
            ("Nussallergiker", Some(Allergen::Nuts)),
            ("Laktoseintoleranz", Some(Allergen::Milk)),
            ("Allergiker", None),
            ("laitue", None),
            ("doughnuts", None),
            ("bread", None),
        ] {
            let found = in_words(&words(word)).first().map(|(_, allergen)| *allergen);
            assert_eq!(found, allergen, "{word}");
        }
    }

    #[test]
    fn every_name_that_is_said_is_understood() {
        for allergen in Allergen::ALL {
            for language in Language::ALL {
                let name = name(allergen, language);
                // These two are names of groups.
                if !["frutos de cáscara", "fruits à coque"].contains(&name) {
                    let found = in_words(&words(name));
                    assert_eq!(found.first().map(|f| f.1), Some(allergen), "{name}");
                }
            }
        }
    }
}
