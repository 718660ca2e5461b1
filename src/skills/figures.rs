//! Money, dates, hours and lists as each language writes them.

use chrono::{Datelike, NaiveDate};

use super::language::Language;
use crate::facts::{Money, Offer, Span, Unit, Weekday};

/// A space that no line is broken at.
const JOINED: char = '\u{a0}';

/// `$3.49`, `3,49 €`.
pub(super) fn money(money: Money, language: Language) -> String {
    let amount = money.to_string();
    let code = money.currency().code();
    let digits = amount.split(' ').next().unwrap_or_default();
    let sign = match code {
        "USD" => "$",
        "EUR" => "€",
        "GBP" => "£",
        "JPY" => "¥",
        _ => code,
    };
    match language {
        Language::English if sign.len() < code.len() || sign == "€" => format!("{sign}{digits}"),
        Language::English => format!("{digits}{JOINED}{sign}"),
        _ => format!("{}{JOINED}{sign}", digits.replace('.', ",")),
    }
}

/// A number with the language's decimal sign.
pub(super) fn number(number: impl std::fmt::Display, language: Language) -> String {
    let written = number.to_string();
    if language == Language::English { written } else { written.replace('.', ",") }
}

/// What is paid for a unit: `$3.49 per kg`.
pub(super) fn per(money: &str, unit: Option<Unit>, language: Language) -> String {
    let each = ["each", "pro Stück", "por unidad", "la pièce"];
    let per = ["per", "pro", "por", "par"];
    match unit {
        None => money.to_owned(),
        Some(Unit::Each) => format!("{money} {}", language.pick(each)),
        Some(unit) => format!("{money} {} {}", language.pick(per), unit.as_str()),
    }
}

/// What an offer gives: `20% off`, `3 for 2`.
pub(super) fn offer(offer: &Offer, language: Language) -> String {
    match offer {
        Offer::PercentOff(percent) => {
            let percent = number(percent, language);
            match language {
                Language::English => format!("{percent}% off"),
                Language::German => format!("{percent}{JOINED}% Rabatt"),
                Language::Spanish => format!("{percent}{JOINED}% de descuento"),
                Language::French => format!("{percent}{JOINED}% de réduction"),
            }
        }
        Offer::AmountOff(amount) => {
            let amount = money(*amount, language);
            match language {
                Language::English => format!("{amount} off"),
                Language::German => format!("{amount} Rabatt"),
                Language::Spanish => format!("{amount} de descuento"),
                Language::French => format!("{amount} de réduction"),
            }
        }
        Offer::FixedPrice(amount) => {
            let amount = money(*amount, language);
            match language {
                Language::English => format!("now {amount}"),
                Language::German => format!("jetzt {amount}"),
                Language::Spanish => format!("ahora {amount}"),
                Language::French => format!("maintenant {amount}"),
            }
        }
        Offer::NForM { take, pay } => match language {
            Language::English => format!("{take} for the price of {pay}"),
            Language::German => format!("{take} zum Preis von {pay}"),
            Language::Spanish => format!("{take} al precio de {pay}"),
            Language::French => format!("{take} pour le prix de {pay}"),
        },
    }
}

/// `November 30`, `30. November`.
pub(super) fn day(date: NaiveDate, language: Language) -> String {
    let (day, month) = (date.day(), month(date.month0(), language));
    match language {
        Language::English => format!("{month} {day}"),
        Language::German => format!("{day}. {month}"),
        Language::Spanish => format!("{day} de {month}"),
        Language::French if day == 1 => format!("1er {month}"),
        Language::French => format!("{day} {month}"),
    }
}

/// A month's name, counted from 0.
pub(super) fn month(month0: u32, language: Language) -> &'static str {
    let months = language.pick([
        "January February March April May June July August September October November December",
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    ]);
    months.split(' ').nth(month0 as usize).unwrap_or_default()
}

/// A weekday, as a sentence has it.
pub(super) fn weekday(day: Weekday, language: Language) -> &'static str {
    let days = language.pick([
        "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
        "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
        "lunes martes miércoles jueves viernes sábado domingo",
        "lundi mardi mercredi jeudi vendredi samedi dimanche",
    ]);
    days.split(' ').nth(day as usize).unwrap_or_default()
}

/// `08:00–12:00 and 14:00–18:00`; empty where there is none.
pub(super) fn spans(spans: &[Span], language: Language) -> String {
    let each = spans.iter().map(|span| format!("{}–{}", span.opens, span.closes));
    all(each.collect(), language)
}

/// `a, b and c`.
pub(super) fn all(items: Vec<String>, language: Language) -> String {
    joined(items, language.pick(["and", "und", "y", "et"]))
}

/// `a, b or c`.
pub(super) fn any(items: Vec<String>, language: Language) -> String {
    joined(items, language.pick(["or", "oder", "o", "ou"]))
}

fn joined(mut items: Vec<String>, word: &str) -> String {
    match (items.pop(), items.is_empty()) {
        (None, _) => String::new(),
        (Some(only), true) => only,
        (Some(last), false) => format!("{} {word} {last}", items.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{English, French, German, Spanish};

    fn price(amount: &str, currency: &str) -> Money {
        Money::new(amount.parse().unwrap(), currency.parse().unwrap()).unwrap()
    }

    #[test]
    fn money_is_written_as_the_language_does() {
        for (amount, currency, language, written) in [
            ("3.49", "USD", English, "$3.49"),
            ("3.5", "USD", English, "$3.50"),
            ("3.49", "EUR", English, "€3.49"),
            ("3.49", "EUR", German, "3,49\u{a0}€"),
            ("1200", "JPY", English, "¥1200"),
            ("3.49", "CHF", English, "3.49\u{a0}CHF"),
            ("3.49", "CHF", French, "3,49\u{a0}CHF"),
            ("0.99", "USD", Spanish, "0,99\u{a0}$"),
        ] {
            assert_eq!(money(price(amount, currency), language), written);
        }
    }

    #[test]
    fn lists_days_and_offers_read_as_sentences() {
        let items = |n: usize| ["a", "b", "c"].iter().take(n).map(|s| s.to_string()).collect();
        assert_eq!(all(items(0), English), "");
        assert_eq!(all(items(1), English), "a");
        assert_eq!(all(items(3), English), "a, b and c");
        assert_eq!(any(items(2), German), "a oder b");
        let date = NaiveDate::from_ymd_opt(2026, 12, 1).unwrap();
        assert_eq!(day(date, English), "December 1");
        assert_eq!(day(date, German), "1. Dezember");
        assert_eq!(day(date, Spanish), "1 de diciembre");
        assert_eq!(day(date, French), "1er décembre");
        assert_eq!(offer(&Offer::NForM { take: 3, pay: 2 }, English), "3 for the price of 2");
        let half = Offer::PercentOff("12.5".parse().unwrap());
        assert_eq!(offer(&half, German), "12,5\u{a0}% Rabatt");
        assert_eq!(weekday(Weekday::Sunday, French), "dimanche");
        assert_eq!(per("$1.00", Some(Unit::Lb), English), "$1.00 per lb");
    }
}
