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
    crescent parkway highway mews gardens grove close plaza";
/// Brands that are called like streets.
const BRANDS: [&str; 4] = ["quality", "sesame", "wall", "coronation"];
/// Endings of German streets, a number behind.
const STRASSEN: [&str; 6] = ["straße", "strasse", "str", "gasse", "allee", "weg"];
/// German streets that are words of their own, behind a name.
const STRASSEN_APART: [&str; 8] =
    ["straße", "strasse", "str", "gasse", "allee", "weg", "platz", "ring"];
/// German words that end so and are no streets.
const NO_STRASSEN: [&str; 4] = ["einweg", "mehrweg", "gehweg", "hinweg"];
/// French and Spanish streets: what stands before the names.
const RUES: &str = "rue avenue boulevard impasse chemin quai bd";
const CALLES: &str = "calle avenida avda paseo plaza camino carretera callejón ronda pasaje \
    glorieta rambla alameda";
/// Spanish words behind which the number of a flat stands.
const FLATS: &str = "piso puerta portal apt apto bajo";

const SMALL: &str =
    "de du des la le les l d del los las el von der dem den am an zum of the sur sous en";
const NO_PLACES: &str = "a an the my your der die das dem den einer einem eine ein la le les el los las un une \
    una der nähe near town here area this that";

/// Places where people live, in order.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let said = Said::of(text);
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while at < said.words.len() {
        let place = (address(&said, at)).or_else(|| street(&said, at)).or_else(|| lives(&said, at));
        match place.filter(|(first, _)| said.is_apart(*first)) {
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

/// First and last word of an address behind a phrase: all of its line where it has a
/// number, or else a town.
fn address(said: &Said<'_>, at: usize) -> Option<(usize, usize)> {
    let from = at + said.phrase_at(at, &ADDRESS)?;
    let first = said.word(from)?;
    if !announces(said.gap(from - 1)) {
        return None;
    }
    let within = |at: &usize| {
        let word = said.word(*at).map_or(usize::MAX, |word| word.range.end);
        let joined = *at == from || goes_on(said, at - 1);
        joined && word - first.range.start <= MAX_ADDRESS_BYTES
    };
    let last = (from..said.words.len()).take_while(within).last()?;
    let numbers = (from..=last).any(|at| said.word(at).is_some_and(is_number));
    if numbers && last > from {
        return Some((from, last));
    }
    let town = first.capital.then(|| place(said, from)).flatten()?;
    Some((from, town))
}

/// Whether an address goes on behind a word; a point ends it unless it is that of "St." and the like.
fn goes_on(said: &Said<'_>, at: usize) -> bool {
    let gap = said.gap(at);
    let short = said.word(at).is_some_and(|word| word.is_letters() && word.range.len() <= 3);
    !gap.contains(['<', '>', '!', '?', ';', '\n', '(', ':']) && (short || !gap.contains('.'))
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
    let brand = said.word(last - 1).is_some_and(|word| BRANDS.contains(&word.lower.as_ref()));
    (last > at + 1 && !brand).then_some(last)
}

/// "Lindenstraße 12", "Berliner Str. 5a", "Anna-Seghers-Ring 3/4".
fn german(said: &Said<'_>, at: usize) -> Option<usize> {
    let capital = |at: usize| said.word(at).filter(|word| word.capital && word.is_letters());
    let joined = |at: usize| at == 0 || matches!(said.gap(at), " " | "-");
    let street = (at..at + MAX_NAMES)
        .take_while(|&word| capital(word).is_some() && (word == at || joined(word - 1)))
        .find(|&word| capital(word).is_some_and(|named| is_strasse(named, word > at)))?;
    let number = said.word(street + 1).filter(|word| is_number(word))?;
    if !matches!(said.gap(street), " " | ". ") || number.range.is_empty() {
        return None;
    }
    let more =
        matches!(said.gap(street + 1), "-" | "/") && said.word(street + 2).is_some_and(is_number);
    Some(street + 1 + usize::from(more))
}

/// Whether a word ends as a street does, or is one behind its name.
fn is_strasse(word: &Word<'_>, behind_name: bool) -> bool {
    let whole = STRASSEN_APART.contains(&word.lower.as_ref());
    let ended = STRASSEN.iter().any(|ending| word.lower.ends_with(ending));
    if whole { behind_name } else { ended && !NO_STRASSEN.contains(&word.lower.as_ref()) }
}

/// "12 bis rue de la Paix", "Calle Mayor, 12".
fn romance(said: &Said<'_>, at: usize) -> Option<usize> {
    if is_number(said.word(at)?) {
        let bis =
            said.word(at + 1).is_some_and(|word| ["bis", "ter"].contains(&word.lower.as_ref()));
        let street = at + 1 + usize::from(bis);
        let named = said.word(street).is_some_and(|word| is_of(RUES, word));
        let joined = matches!(said.gap(street - 1), " " | ", ");
        return (named && joined && said.gap(street) == " ")
            .then(|| place(said, street + 1))
            .flatten();
    }
    if !said.word(at).is_some_and(|word| is_of(CALLES, word)) {
        return None;
    }
    let last = (said.gap(at) == " ").then(|| place(said, at + 1)).flatten()?;
    let number = said.word(last + 1).is_some_and(is_number) && matches!(said.gap(last), " " | ", ");
    let flat = said.word(last + 2).is_some_and(|word| is_of(FLATS, word))
        && matches!(said.gap(last + 1), " " | ", ")
        && said.word(last + 3).is_some_and(is_number);
    number.then_some(last + if flat { 3 } else { 1 })
}

/// The last word of names that begin at a word, small words between them.
fn place(said: &Said<'_>, from: usize) -> Option<usize> {
    let mut last = None;
    for at in from..from + 2 * MAX_NAMES {
        let word = said.word(at)?;
        if at > from && !is_joint(said.gap(at - 1)) || !word.is_letters() {
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
    if !announces(said.gap(from - 1)) || !word.is_letters() {
        return None;
    }
    let article = is_of(NO_PLACES, word);
    if article && !(word.capital && said.word(from + 1).is_some_and(|next| next.capital)) {
        return None;
    }
    Some((from, if word.capital { place(said, from).unwrap_or(from) } else { from }))
}

fn is_of(list: &str, word: &Word<'_>) -> bool {
    list.split_ascii_whitespace().any(|known| known == word.lower)
}

/// A house's number, as "5a".
fn is_number(word: &Word<'_>) -> bool {
    let digits = word.lower.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let letters = word.lower.len() - digits.len();
    (1..=5).contains(&digits.len()) && letters <= 1 && digits.bytes().all(|b| b.is_ascii_digit())
}

fn is_code(word: &Word<'_>) -> bool {
    (4..=5).contains(&word.lower.len()) && word.lower.bytes().all(|b| b.is_ascii_digit())
}
