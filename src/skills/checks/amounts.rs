//! Numbers: money only in slots, quantities only from facts.

use super::{Ground, Refused};
use crate::skills::words::{Word, words};

/// Signs of money and shares.
const SIGNS: [char; 8] = ['$', '€', '£', '¥', '₹', '¢', '%', '₽'];
/// Words of money and shares, folded.
const MONEY: &str = "\
    dollar dollars cent cents buck bucks euro euros eur usd gbp chf pound pounds pfund franken \
    rappen dolar dolares centimo centimos centime centimes franc francs peso pesos percent prozent \
    ciento pourcent pourcents gratis kostenlos umsonst gratuit gratuite gratuits gratuitement bogo";
/// Phrases of gifts, as words with a space between.
const GIFTS: [&str; 8] = [
    "for free",
    "free of charge",
    "is free",
    "are free",
    "half price",
    "half off",
    "por ciento",
    "pour cent",
];
/// Numbers as words, folded; "one" is left out, as it seldom is a quantity.
const NUMBERS: &str = "\
    two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen \
    seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand dozen half double twice zwei drei vier funf sechs sieben acht neun zehn elf \
    zwolf dreizehn vierzehn funfzehn sechzehn siebzehn achtzehn neunzehn zwanzig dreissig vierzig \
    funfzig sechzig siebzig achtzig neunzig hundert tausend dutzend halb halbe halber doppelt dos tres \
    cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciseis diecisiete dieciocho \
    diecinueve veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa cien ciento mil \
    docena medio media doble deux trois quatre cinq sept huit neuf dix onze douze treize quatorze \
    quinze seize vingt trente quarante cinquante soixante cent mille douzaine demi moitie";
/// What is counted or measured, folded.
const UNITS: &str = "\
    g gram grams kg kilo kilos kilogram kilograms ml liter liters litre litres l oz ounce ounces lb \
    lbs gallon gallons pint pints inch inches cm gramm liter unze unzen stuck packung packungen \
    gramo gramos kilogramos litro litros onza onzas unidad unidades paquete paquetes gramme grammes \
    kilogramme kilogrammes once onces piece pieces paquet paquets pack packs count slices servings \
    portionen scheiben raciones portions tranches calories kalorien calorias minute minutes minuten \
    minuto minutos week weeks wochen semanas semaines hours stunden horas \
    heures days tage dias jours for fur por";

/// Refuses amounts that facts do not have.
pub(super) fn check(plain: &str, ground: &Ground) -> Vec<Refused> {
    let words = words(plain);
    let mut refused = Vec::new();
    if plain.contains(SIGNS) || words.iter().any(|word| is_in(MONEY, &word.folded)) || gift(&words)
    {
        refused.push(Refused::Money);
    }
    if words.iter().any(|word| word.is_number() && !ground.has_number(&word.folded)) {
        refused.push(Refused::Quantity);
    }
    let spelled = words.windows(2).any(|pair| match pair {
        [number, unit] => {
            let known = ground.has_word(&number.folded) && ground.has_word(&unit.folded);
            is_in(NUMBERS, &number.folded) && is_in(UNITS, &unit.folded) && !known
        }
        _ => false,
    });
    if spelled {
        refused.push(Refused::Quantity);
    }
    refused
}

fn is_in(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == word)
}

fn gift(words: &[Word]) -> bool {
    let folded: Vec<&str> = words.iter().map(|word| word.folded.as_str()).collect();
    let text = format!(" {} ", folded.join(" "));
    GIFTS.iter().any(|gift| {
        // "is free of nuts" is no gift.
        text.match_indices(&format!(" {gift} ")).any(|(at, found)| {
            let rest = text.get(at + found.len()..).unwrap_or_default();
            gift.ends_with("charge") || !(rest.starts_with("of ") || rest.starts_with("from "))
        })
    })
}
