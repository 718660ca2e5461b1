//! Amounts: a number and what it counts, so that `0.5 kg` is `500 g` and `1 l` is not `1 kg`.

use serde::{Deserialize, Serialize};

use super::words::Token;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub(super) enum Unit {
    /// Nothing that is known.
    Bare,
    /// Grams.
    Mass,
    /// Millilitres.
    Volume,
    /// Ounces of either kind: which one is meant depends on the product.
    Ounce,
    /// Millimetres.
    Length,
    /// Minutes.
    Time,
    /// Minutes since midnight.
    Clock,
    /// Hundredths.
    Percent,
    /// Degrees Celsius, or of a scale that is not said.
    Degree,
    /// Degrees Fahrenheit.
    Fahrenheit,
    /// Pieces in a pack.
    Count,
}

/// An amount in thousandths of its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Quantity {
    pub(super) value: i64,
    pub(super) unit: Unit,
}

/// The amount that starts at a token, and how many tokens it takes.
pub(super) fn quantity(tokens: &[Token]) -> Option<(Quantity, usize)> {
    let (value, bare) = match tokens.first()? {
        Token::Number(value) => (*value, true),
        Token::Word(word) => (spelled(word)?, false),
        Token::Code(_) => return None,
    };
    let Some(Token::Word(word)) = tokens.get(1) else {
        return bare.then_some((Quantity { value, unit: Unit::Bare }, 1));
    };
    // "fl oz", "12 pack", "8 o'clock": the second word of a unit says no more than the first.
    let length = if word == "fl" || word == "o" { 3 } else { 2 };
    match unit(word) {
        Some((unit, factor)) => {
            let value = value.saturating_mul(factor.0) / factor.1;
            Some((Quantity { value: at_noon(value, word), unit }, length))
        }
        // "one" alone is a pronoun and "half" a word of its own; a spelled number counts what follows.
        None => (bare || value > 1000).then_some((Quantity { value, unit: Unit::Bare }, 1)),
    }
}

/// Whether a word is the name of a unit.
pub(super) fn is_unit(word: &str) -> bool {
    unit(word).is_some()
}

fn at_noon(value: i64, word: &str) -> i64 {
    const NOON: i64 = 12 * 60 * 1000;
    match word {
        "pm" if value < NOON => value + NOON,
        "am" if value >= NOON => value - NOON,
        _ => value,
    }
}

fn unit(word: &str) -> Option<(Unit, (i64, i64))> {
    Some(match word {
        "g" | "gr" | "gram" | "grams" | "gramm" | "gramme" | "grammes" | "gramo" | "gramos" => {
            (Unit::Mass, (1, 1))
        }
        "kg" | "kilo" | "kilos" | "kilogram" | "kilograms" | "kilogramm" | "kilogramme"
        | "kilogrammes" | "kilogramos" => (Unit::Mass, (1000, 1)),
        "mg" | "milligram" | "milligrams" => (Unit::Mass, (1, 1000)),
        "lb" | "lbs" => (Unit::Mass, (453_592, 1000)),
        "ml" | "millilitre" | "millilitres" | "milliliter" | "milliliters" | "mililitros" => {
            (Unit::Volume, (1, 1))
        }
        "cl" | "centilitre" | "centilitres" => (Unit::Volume, (10, 1)),
        "l" | "litre" | "litres" | "liter" | "liters" | "litro" | "litros" => {
            (Unit::Volume, (1000, 1))
        }
        "gal" | "gallon" | "gallons" => (Unit::Volume, (3_785_412, 1000)),
        "oz" | "ounce" | "ounces" | "fl" | "onza" | "onzas" => (Unit::Ounce, (1, 1)),
        "mm" => (Unit::Length, (1, 1)),
        "cm" => (Unit::Length, (10, 1)),
        "m" | "metre" | "metres" | "meter" | "meters" | "metros" => (Unit::Length, (1000, 1)),
        "inch" | "inches" => (Unit::Length, (254, 10)),
        "min" | "mins" | "minute" | "minutes" | "minuten" | "minuto" | "minutos" => {
            (Unit::Time, (1, 1))
        }
        "hour" | "hours" | "hr" | "hrs" | "stunde" | "stunden" | "hora" | "horas" | "heures" => {
            (Unit::Time, (60, 1))
        }
        "day" | "days" | "tage" | "tagen" | "dias" | "jours" => (Unit::Time, (1440, 1)),
        "week" | "weeks" | "wochen" | "semanas" | "semaines" => (Unit::Time, (10_080, 1)),
        "am" | "pm" | "o" | "uhr" | "h" | "heure" => (Unit::Clock, (60, 1)),
        "%" | "percent" | "prozent" | "pct" => (Unit::Percent, (1, 1)),
        "degree" | "degrees" | "grad" | "grados" | "degres" | "celsius" | "c" => {
            (Unit::Degree, (1, 1))
        }
        "fahrenheit" | "f" => (Unit::Fahrenheit, (1, 1)),
        "pack" | "packs" | "pk" | "ct" | "count" | "piece" | "pieces" | "er" | "stueck"
        | "unidades" => (Unit::Count, (1, 1)),
        _ => return None,
    })
}

/// Thousandths of a number written as a word.
fn spelled(word: &str) -> Option<i64> {
    const WORDS: [(i64, &[&str]); 20] = [
        (1, &["one"]),
        (2, &["two", "zwei", "dos", "deux"]),
        (3, &["three", "drei", "tres", "trois"]),
        (4, &["four", "vier", "cuatro", "quatre"]),
        (5, &["five", "fuenf", "cinco", "cinq"]),
        (6, &["six", "sechs", "seis"]),
        (7, &["seven", "sieben", "siete", "sept"]),
        (8, &["eight", "acht", "ocho", "huit"]),
        (9, &["nine", "neun", "nueve", "neuf"]),
        (10, &["ten", "zehn", "diez", "dix"]),
        (11, &["eleven", "elf", "once", "onze"]),
        (12, &["twelve", "zwoelf", "doce", "douze", "dozen"]),
        (15, &["fifteen", "fuenfzehn", "quince", "quinze"]),
        (16, &["sixteen", "sechzehn", "seize"]),
        (18, &["eighteen", "achtzehn"]),
        (20, &["twenty", "zwanzig", "veinte", "vingt"]),
        (30, &["thirty", "dreissig", "treinta", "trente"]),
        (50, &["fifty", "fuenfzig", "cincuenta", "cinquante"]),
        (100, &["hundred", "hundert", "cien", "cent"]),
        (1000, &["thousand", "tausend", "mil", "mille"]),
    ];
    // "once" is eleven in Spanish and an adverb in English, "cent" a coin: both are left alone.
    if matches!(word, "once" | "cent") {
        return None;
    }
    WORDS.iter().find(|(_, words)| words.contains(&word)).map(|(value, _)| value * 1000)
}

#[cfg(test)]
mod tests {
    use super::super::words::tokens;
    use super::*;

    fn read(text: &str) -> Option<(i64, Unit)> {
        quantity(&tokens(text).unwrap()).map(|(quantity, _)| (quantity.value, quantity.unit))
    }

    #[test]
    fn equal_amounts_are_equal_however_they_are_written() {
        for (a, b) in [
            ("500 g", "0.5 kg"),
            ("1 l", "1000ml"),
            ("33 cl", "330 ml"),
            ("8 pm", "20:00 Uhr"),
            ("two litres", "2l"),
            ("12 fl oz", "12 oz"),
            ("a dozen", "a dozen"),
        ] {
            assert_eq!(read(a), read(b), "{a} {b}");
        }
    }

    #[test]
    fn other_amounts_and_other_units_are_other() {
        for (a, b) in [("500 g", "500 ml"), ("6 pack", "12 pack"), ("8 am", "8 pm"), ("2%", "2")] {
            assert_ne!(read(a), read(b), "{a} {b}");
        }
        assert_eq!(read("one which"), None);
    }
}
