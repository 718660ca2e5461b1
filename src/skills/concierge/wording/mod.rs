//! What the assistant says besides facts, in every language. Money stands in slots.

mod english;
mod french;
mod german;
mod spanish;

use super::orders::{OrderState, Proof};
use crate::skills::language::Language;
use crate::skills::wanted::template_digest;

/// A sentence, with what is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Greeting,
    GreetingOf {
        name: &'a str,
    },
    Thanks,
    Bye,
    Machine,
    MachineOf {
        name: &'a str,
    },
    CanDo,
    Called,
    NobodyToCall,
    CalledAlready,
    WhatElse,
    CardNumber,
    Blocked,
    Instead {
        list: &'a str,
    },
    NothingInstead {
        name: &'a str,
    },
    CheaperOnes {
        list: &'a str,
    },
    NothingCheaper {
        name: &'a str,
    },
    GoesWith {
        name: &'a str,
        list: &'a str,
    },
    NothingGoesWith {
        name: &'a str,
    },
    Found {
        list: &'a str,
    },
    NothingFound,
    Priced {
        name: &'a str,
        price: &'a str,
    },
    Noted {
        list: &'a str,
    },
    WhichOrder,
    Order {
        order: &'a str,
        state: OrderState,
    },
    OrderDue {
        day: &'a str,
    },
    OrderPlace {
        place: &'a str,
    },
    OrderLines {
        list: &'a str,
    },
    OrderNotFound {
        order: &'a str,
    },
    Prove {
        by: Proof,
    },
    OrderChanged {
        order: &'a str,
    },
    OrderRefused,
    ReturnStarted {
        number: &'a str,
    },
    ShopSays {
        text: &'a str,
    },
    OrdersAway,
    NoOrders,
    /// Products for an occasion.
    ForThat {
        list: &'a str,
    },
    /// That nothing else is talked about.
    OnlyShop,
    /// That nothing is said of health.
    NoHealth,
    /// Where the goods of a section stand.
    Section {
        name: &'a str,
        place: &'a str,
    },
    /// What is known, where the question has no answer.
    Known {
        text: &'a str,
    },
}

/// The sentence in a language.
pub(super) fn say(language: Language, line: Line<'_>) -> String {
    let write = language.pick([english::write, german::write, spanish::write, french::write]);
    write(line)
}

/// That a machine speaks, to be shown from the beginning on.
pub(super) fn speaks(language: Language) -> &'static str {
    language.pick([
        "You are talking with a machine, the shop's digital assistant. Its answers come from the \
         shop's data and may be worded by AI.",
        "Sie sprechen mit einer Maschine, dem digitalen Assistenten des Geschäfts. Ihre Antworten \
         kommen aus den Daten des Geschäfts und können von einer KI formuliert sein.",
        "Está hablando con una máquina, el asistente digital de la tienda. Sus respuestas proceden de \
         los datos de la tienda y pueden estar redactadas por IA.",
        "Vous parlez à une machine, l’assistant numérique du magasin. Ses réponses proviennent des \
         données du magasin et peuvent être rédigées par une IA.",
    ])
}

/// What may be asked next, as a shopper would say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suggestion {
    Price,
    Where,
    Stock,
    Allergens,
    Cheaper,
    Other,
    Goes,
    Offers,
    Hours,
    Person,
    Vegan,
}

/// The suggestion in a language.
pub(super) fn suggest(language: Language, suggestion: Suggestion) -> &'static str {
    let texts = match suggestion {
        Suggestion::Price => {
            ["How much is it?", "Was kostet es?", "¿Cuánto cuesta?", "Combien ça coûte ?"]
        }
        Suggestion::Where => {
            ["Where do I find it?", "Wo finde ich das?", "¿Dónde está?", "Où se trouve-t-il ?"]
        }
        Suggestion::Stock => {
            ["Is it in stock?", "Ist es vorrätig?", "¿Hay existencias?", "Est-il en stock ?"]
        }
        Suggestion::Allergens => [
            "Which allergens are in it?",
            "Welche Allergene sind drin?",
            "¿Qué alérgenos tiene?",
            "Quels allergènes contient-il ?",
        ],
        Suggestion::Cheaper => [
            "Something cheaper?",
            "Etwas Günstigeres?",
            "¿Algo más barato?",
            "Quelque chose de moins cher ?",
        ],
        Suggestion::Other => {
            ["Something similar?", "Etwas Ähnliches?", "¿Algo similar?", "Un article similaire ?"]
        }
        Suggestion::Goes => [
            "What goes with it?",
            "Was passt dazu?",
            "¿Con qué combina?",
            "Avec quoi va-t-il bien ?",
        ],
        Suggestion::Offers => [
            "What is on offer?",
            "Was ist im Angebot?",
            "¿Qué ofertas hay?",
            "Quelles promotions ?",
        ],
        Suggestion::Hours => [
            "When are you open?",
            "Wann habt ihr geöffnet?",
            "¿Cuándo abren?",
            "Quels sont vos horaires ?",
        ],
        Suggestion::Person => {
            ["Call a person", "Eine Person rufen", "Llamar a una persona", "Appeler une personne"]
        }
        Suggestion::Vegan => ["Is it vegan?", "Ist es vegan?", "¿Es vegano?", "Est-ce vegan ?"],
    };
    language.pick(texts)
}

/// Digest of a language's sentences, those of facts among them, hexadecimal.
pub(super) fn digest(language: Language) -> String {
    let own = language.pick([
        include_str!("english.rs"),
        include_str!("german.rs"),
        include_str!("spanish.rs"),
        include_str!("french.rs"),
    ]);
    template_digest(&format!("{}{own}", crate::skills::wording::digest(language)))
}

/// A language's own name, and others' names for it where sentences list languages.
pub(super) fn own_name(language: Language) -> &'static str {
    language.pick(["English", "Deutsch", "español", "français"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_can_be_said_aloud() {
        let lines = [
            Line::Greeting,
            Line::Machine,
            Line::CanDo,
            Line::Instead { list: "a and b" },
            Line::Order { order: "1042", state: OrderState::Ready },
            Line::Prove { by: Proof::Postcode },
            Line::ForThat { list: "a and b" },
            Line::OnlyShop,
            Line::NoHealth,
            Line::Section { name: "Bakery", place: "aisle 3" },
        ];
        for language in Language::ALL {
            for line in lines {
                let text = say(language, line);
                assert!(text.ends_with(['.', '!', '?']), "{text}");
                assert!(!text.contains(['*', '#', '\n', '•', '|']), "{text}");
            }
        }
    }
}
