//! Where people live: streets with a number, and places that words announce.

use std::ops::Range;

use super::said::{Said, Word, announces, is_joint};

/// What a place follows.
const LIVES: [&str; 18] = [
    "i live in",
    "i live at",
    "we live in",
    "we live at",
    "i am from",
    "i come from",
    "ich wohne in",
    "wir wohnen in",
    "ich lebe in",
    "ich komme aus",
    "j habite à",
    "j habite a",
    "nous habitons à",
    "je viens de",
    "vivo en",
    "vivimos en",
    "resido en",
    "mi ciudad es",
];
/// What a whole address follows.
const ADDRESS: [&str; 12] = [
    "my address is",
    "my address",
    "deliver to",
    "deliver it to",
    "ship it to",
    "meine adresse ist",
    "meine anschrift ist",
    "mon adresse est",
    "livrez à",
    "mi dirección es",
    "mi direccion es",
    "envíelo a",
];
/// Bytes of an announced address at most.
const MAX_ADDRESS_BYTES: usize = 120;
/// Names of a place or street at most.
const MAX_NAMES: usize = 5;

/// English streets: a number before, names, and one of these.
const STREETS: &str = "street st road rd avenue ave lane ln drive boulevard blvd court terrace \
    crescent parkway highway";
/// Brands that are called like streets.
const BRANDS: [&str; 4] = ["quality", "sesame", "wall", "coronation"];
/// Endings of German streets, a number behind.
const STRASSEN: [&str; 6] = ["straße", "strasse", "str", "gasse", "allee", "weg"];
/// German words that end so and are no streets.
const NO_STRASSEN: [&str; 5] = ["einweg", "mehrweg", "gehweg", "hinweg", "weg"];
/// French and Spanish streets: what stands before the names.
const RUES: &str = "rue avenue boulevard impasse chemin quai bd";
const CALLES: &str = "calle avenida avda paseo plaza camino carretera";

const SMALL: &str = "de du des la le les l d del los las el von der dem den am an zum of the";
const NO_PLACES: &str = "a an the my your der die das dem den einer einem eine ein la le les el los las un une \
    una der nähe near town here area this that";

/// Places where people live, in order.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let said = Said::of(text);
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while at < said.words.len() {
        let place = (address(&said, at)).or_else(|| street(&said, at)).or_else(|| lives(&said, at));
        match place {
            Some((first, last)) => {
                if let (Some(first), Some(end)) = (said.word(first), said.word(last)) {
                    found.push(first.range.start..end.range.end);
                }
                at = last + 1;
            }
            None => at += 1,
        }
    }
    found
}

/// First and last word of an address behind a phrase: all of its line, where it has a number.
fn address(said: &Said<'_>, at: usize) -> Option<(usize, usize)> {
    let from = at + said.phrase_at(at, &ADDRESS)?;
    let first = said.word(from)?;
    if !announces(said.gap(from - 1)) {
        return None;
    }
    let within = |at: &usize| {
        let word = said.word(*at).map_or(usize::MAX, |word| word.range.end);
        let joined = *at == from || is_line(said.gap(at - 1));
        joined && word - first.range.start <= MAX_ADDRESS_BYTES
    };
    let last = (from..said.words.len()).take_while(within).last()?;
    let numbers = (from..=last).any(|at| said.word(at).is_some_and(is_number));
    (numbers && last > from).then_some((from, last))
}

/// Whether an address goes on behind this.
fn is_line(gap: &str) -> bool {
    let ends = gap.contains(['<', '>', '!', '?', ';', '\n', '(', ':']);
    !ends && (gap.len() <= 2 || !gap.starts_with(". "))
}

fn street(said: &Said<'_>, at: usize) -> Option<(usize, usize)> {
    let last = (english(said, at)).or_else(|| german(said, at)).or_else(|| romance(said, at))?;
    Some((at, city(said, last).unwrap_or(last)))
}

/// "12 Old Mill Road".
fn english(said: &Said<'_>, at: usize) -> Option<usize> {
    if !said.word(at).is_some_and(is_number) {
        return None;
    }
    let names = (at + 1..=at + MAX_NAMES).take_while(|&at| {
        said.gap(at - 1) == " "
            && said.word(at).is_some_and(|word| word.capital && word.is_letters())
    });
    let last = names.filter(|&at| said.word(at).is_some_and(|word| is_of(STREETS, word))).last()?;
    let brand = said.word(last - 1).is_some_and(|word| BRANDS.contains(&word.lower.as_str()));
    (last > at + 1 && !brand).then_some(last)
}

/// "Lindenstraße 12", "Berliner Str. 5a".
fn german(said: &Said<'_>, at: usize) -> Option<usize> {
    let named = |at: usize| {
        let word = said.word(at)?;
        let no_street = NO_STRASSEN.contains(&word.lower.as_str());
        let ended =
            STRASSEN.iter().any(|ending| word.lower.ends_with(ending) && word.lower != *ending);
        let apart =
            ["straße", "strasse", "str", "allee", "gasse", "weg"].contains(&word.lower.as_str());
        Some((word.capital && ended && !no_street, word.capital && apart))
    };
    let (compound, _) = named(at)?;
    let street = if compound {
        at
    } else {
        let first = said.word(at).is_some_and(|word| word.capital && word.is_letters());
        let joined = matches!(said.gap(at), " " | "-");
        let (_, apart) = named(at + 1)?;
        (first && joined && apart).then_some(at + 1)?
    };
    let number = said.word(street + 1)?;
    (matches!(said.gap(street), " " | ". ") && is_number(number)).then_some(street + 1)
}

/// "12 bis rue de la Paix", "Calle Mayor, 12".
fn romance(said: &Said<'_>, at: usize) -> Option<usize> {
    if is_number(said.word(at)?) {
        let bis =
            said.word(at + 1).is_some_and(|word| ["bis", "ter"].contains(&word.lower.as_str()));
        let street = at + 1 + usize::from(bis);
        let named = said.word(street).is_some_and(|word| is_of(RUES, word));
        let joined = matches!(said.gap(street - 1), " " | ", ");
        return (named && joined).then(|| place(said, street + 1)).flatten();
    }
    if !said.word(at).is_some_and(|word| is_of(CALLES, word)) {
        return None;
    }
    let last = place(said, at + 1)?;
    let number = said.word(last + 1).is_some_and(is_number) && matches!(said.gap(last), " " | ", ");
    number.then_some(last + 1)
}

/// The last word of names that begin at a word, small words between them.
fn place(said: &Said<'_>, from: usize) -> Option<usize> {
    let mut last = None;
    for at in from..from + 2 * MAX_NAMES {
        let word = said.word(at)?;
        if !is_joint(said.gap(at - 1)) || !word.is_letters() {
            break;
        }
        match (word.capital, is_of(SMALL, word)) {
            (true, _) => last = Some(at),
            (false, true) => {}
            (false, false) => break,
        }
        if said.word(at + 1).is_none() {
            break;
        }
    }
    last
}

/// The last word of a postal code and a town behind a street.
fn city(said: &Said<'_>, street: usize) -> Option<usize> {
    let code = said.word(street + 1)?;
    let joined = |at: usize| matches!(said.gap(at), " " | ", " | "\n" | ",\n");
    if !joined(street) {
        return None;
    }
    if is_code(code) {
        return (said.gap(street + 1) == " ")
            .then(|| place(said, street + 2))
            .flatten()
            .or(Some(street + 1));
    }
    let town = code.capital.then(|| place(said, street + 1)).flatten()?;
    said.gap(street).starts_with(',').then_some(town)
}

/// "I live in New York": one name in small letters, or several with capitals.
fn lives(said: &Said<'_>, at: usize) -> Option<(usize, usize)> {
    let from = at + said.phrase_at(at, &LIVES)?;
    let word = said.word(from)?;
    if !announces(said.gap(from - 1)) || !word.is_letters() || is_of(NO_PLACES, word) {
        return None;
    }
    Some((from, if word.capital { place(said, from).unwrap_or(from) } else { from }))
}

fn is_of(list: &str, word: &Word) -> bool {
    list.split_ascii_whitespace().any(|known| known == word.lower)
}

/// A house's number, as "5a".
fn is_number(word: &Word) -> bool {
    let digits = word.lower.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let letters = word.lower.len() - digits.len();
    (1..=5).contains(&digits.len()) && letters <= 1 && digits.bytes().all(|b| b.is_ascii_digit())
}

fn is_code(word: &Word) -> bool {
    (4..=5).contains(&word.lower.len()) && word.lower.bytes().all(|b| b.is_ascii_digit())
}
