//! The languages that skills speak, and which of them a text is in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::words::words;
use crate::facts::Texts;

/// A language that there are rules and templates for.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
pub enum Language {
    /// English.
    #[default]
    #[serde(rename = "en")]
    English,
    /// German.
    #[serde(rename = "de")]
    German,
    /// Spanish.
    #[serde(rename = "es")]
    Spanish,
    /// French.
    #[serde(rename = "fr")]
    French,
}

impl Language {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::English, Self::German, Self::Spanish, Self::French];

    /// Two letters of ISO 639-1.
    pub fn code(self) -> &'static str {
        self.pick(["en", "de", "es", "fr"])
    }

    /// Its English name, as prompts say it.
    pub fn name(self) -> &'static str {
        self.pick(["English", "German", "Spanish", "French"])
    }

    /// Of English, German, Spanish and French what is this language's.
    pub fn pick<T>(self, [english, german, spanish, french]: [T; 4]) -> T {
        match self {
            Self::English => english,
            Self::German => german,
            Self::Spanish => spanish,
            Self::French => french,
        }
    }

    /// Of texts by language this language's, or else English, or else any; regions are passed over.
    pub fn text(self, texts: &Texts) -> &str {
        let of = |language: Self| {
            let code = language.code();
            texts.iter().find(|(lang, _)| lang.split('-').next() == Some(code))
        };
        let found = of(self).or_else(|| of(Self::English)).or_else(|| texts.iter().next());
        found.map_or("", |(_, text)| text)
    }

    /// This language's text, where there is one.
    pub fn own_text(self, texts: &Texts) -> Option<&str> {
        let own = texts.iter().find(|(lang, _)| lang.split('-').next() == Some(self.code()));
        own.map(|(_, text)| text.as_str())
    }

    /// Words that say little and occur in nearly every sentence, without accents.
    pub fn function_words(self) -> impl Iterator<Item = &'static str> {
        self.pick([ENGLISH, GERMAN, SPANISH, FRENCH]).split_ascii_whitespace()
    }

    /// The language of a text, where its function words tell.
    pub fn of(text: &str) -> Option<Self> {
        let counts = Self::counts(text);
        let (best, most) = *counts.iter().max_by_key(|(_, count)| *count)?;
        let tied = counts.iter().filter(|(_, count)| *count == most).count() > 1;
        (most > 0 && !tied).then_some(best)
    }

    /// How many words of a text are function words of each language.
    pub fn counts(text: &str) -> [(Self, usize); 4] {
        let words = words(text);
        Self::ALL.map(|language| {
            let is = |word: &str| language.function_words().any(|known| known == word);
            (language, words.iter().filter(|word| is(&word.folded)).count())
        })
    }
}

const ENGLISH: &str = "\
    the a an is are was were do does did have has had i you he she it we they my your our their \
    this that these those what which who whose when where why how much many any some there here \
    of to in on at for from with without and or but not no yes can could will would should may \
    please me us them its be been than then about by as if so too very also one more most into \
    today tomorrow now open closed until find get cost sell buy got left much";
const GERMAN: &str = "\
    der die das den dem des ein eine einen einem einer eines ist sind war waren hat habt haben \
    habe hast ich du er sie es wir ihr mein dein unser euer ihre ihren dieser diese dieses diesen \
    was welche welcher welches welchen wer wann wo warum wie viel viele gibt kann konnen kannst \
    konnte wird werden wurde soll darf bitte mir mich uns euch ihnen von zu im in am an auf aus \
    fur mit ohne und oder aber nicht kein keine keinen ja nein als dann uber bei wenn so auch noch \
    sehr mehr etwas heute morgen jetzt zum zur vom beim ins bis nach kostet finde offnet";
const SPANISH: &str = "\
    el la los las un una unos unas es son era fue esta estan hay tiene tienen tengo he ha han yo \
    tu usted ella nosotros ustedes mi su sus nuestro este esta estos estas ese esa eso que cual \
    cuales quien cuando donde por porque como cuanto cuanta cuantos cuantas puede puedo pueden \
    favor me nos les lo le de del al a en para con sin y o pero no si mas muy tambien algo alguna \
    algun hoy manana ahora hasta sobre desde entre cuesta cuestan vale abren cierran venden";
const FRENCH: &str = "\
    le la les un une des du de l d est sont etait a ai as ont avez avons je tu il elle nous vous \
    ils elles on mon ma mes ton ta votre vos notre nos son sa ses leur ce cet cette ces qui que \
    quoi quel quelle quels quelles quand ou pourquoi comment combien y en au aux dans sur sous \
    pour avec sans et mais ne pas plus tres aussi si oui non peut puis pouvez s il plait se c qu \
    moi lui eux chez par vers entre aujourd hui demain maintenant jusqu coute trouve ouvre ferme";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_tells_its_language() {
        for (text, language) in [
            ("How much is the milk?", Some(Language::English)),
            ("Where can I find coffee?", Some(Language::English)),
            ("Wie viel kostet die Milch?", Some(Language::German)),
            ("Wo finde ich Kaffee?", Some(Language::German)),
            ("Habt ihr Brot ohne Gluten?", Some(Language::German)),
            ("¿Cuánto cuesta la leche?", Some(Language::Spanish)),
            ("¿Dónde está el café?", Some(Language::Spanish)),
            ("Combien coûte le lait ?", Some(Language::French)),
            ("Où se trouve le café ?", Some(Language::French)),
            ("Est-ce que la boulangerie est ouverte ?", Some(Language::French)),
            ("milk", None),
            ("1029743", None),
            ("", None),
        ] {
            assert_eq!(Language::of(text), language, "{text} {:?}", Language::counts(text));
        }
    }
}
