//! Names of people, where words before them say that they are names.

use std::ops::Range;

use super::said::{Said, announces, is_joint};

/// Names of one person at most.
const MAX_NAMES: usize = 4;

/// What a name follows, even one in small letters.
const INTRODUCED: [&str; 27] = [
    "under the name",
    "under the name of",
    "auf den namen",
    "unter dem namen",
    "au nom de",
    "a nombre de",
    "my name is",
    "my name s",
    "my full name is",
    "my first name is",
    "my last name is",
    "name is",
    "i am called",
    "mein name ist",
    "mein name lautet",
    "ich heiße",
    "ich heisse",
    "wir heißen",
    "je m appelle",
    "mon nom est",
    "mon prénom est",
    "mon prenom est",
    "me llamo",
    "mi nombre es",
    "mi nombre completo es",
    "me llaman",
    "mi apellido es",
];

/// What a name of one capital letter or more follows.
const NAMED: [&str; 26] = [
    "grüße",
    "liebe grüße",
    "in the name of",
    "order for mr",
    "order for mrs",
    "order for ms",
    "regards",
    "kind regards",
    "sincerely",
    "yours",
    "i am mr",
    "i am mrs",
    "i am ms",
    "this is mr",
    "this is mrs",
    "ich bin herr",
    "ich bin frau",
    "hier ist herr",
    "hier ist frau",
    "hier spricht",
    "grüßen",
    "gruß",
    "cordialement",
    "saludos",
    "atentamente",
    "señas de",
];

/// What a first and a last name follow; one word may be anything ("I am Vegan").
const SAID: [&str; 14] = [
    "i am", "i m", "this is", "it s", "name", "ich bin", "hier ist", "je suis", "c est", "ici",
    "nom", "soy", "nombre", "le habla",
];

/// Small words within names.
const PARTICLES: [&str; 17] = [
    "de", "del", "la", "las", "los", "di", "da", "du", "des", "le", "van", "von", "der", "den",
    "zu", "y", "o",
];

/// What no name begins with, and what ends one in small letters.
const NO_NAMES: &str = "\
    a an the not no on in at and or but i you we is are was can could do does how what when where \
    which who why please thanks thank my your it its from for to with also here spelled spelt wrong \
    missing listed same that this there mr mrs ms miss hi hello \
    nicht kein falsch auf im am und oder aber ich du wir ist sind wo was wann wie warum bitte danke \
    mein meine von aus mit hier auch der die das ein eine steht herr frau noch \
    la pas et ou mais je tu nous vous est sont où quand comment pourquoi merci mon ma mes avec ici aussi \
    le un une sur dans du s mal madame monsieur mme svp qui que \
    y o pero yo tú es son dónde donde cuándo cómo por favor gracias mi mis con aquí también el la un \
    una en que no está mal señor señora quiero quisiera busco necesito puedo tengo \
    milk sauce protein infant formula want need would have looking je cherche veux voudrais suche möchte brauche kann habe";

/// Names of people, in order.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let said = Said::of(text);
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while at < said.words.len() {
        match announced(&said, at) {
            Some((range, behind)) => {
                found.push(range);
                at = behind;
            }
            None => at += 1,
        }
    }
    found
}

/// The name behind a phrase that begins at a word, and the word behind the name.
fn announced(said: &Said<'_>, at: usize) -> Option<(Range<usize>, usize)> {
    let kinds: [(&[&str], usize, bool); 3] =
        [(&INTRODUCED, 1, true), (&NAMED, 1, false), (&SAID, 2, false)];
    kinds.into_iter().find_map(|(phrases, least, small)| {
        let from = at + said.phrase_at(at, phrases)?;
        // In English "soy" is a bean, and stands within names of products.
        if said.word(at).is_some_and(|word| word.lower == "soy") && !begins_clause(said, at) {
            return None;
        }
        let gap = said.gap(from - 1);
        let closing =
            phrases == NAMED && matches!(gap.trim_start_matches([' ', ',', '.', '\r']), "\n");
        let closing = closing || phrases == NAMED && gap == ", ";
        if !announces(gap) && !closing {
            return None;
        }
        let count = names(said, from, small);
        let last = said.word((from + count).checked_sub(1)?)?;
        let capitals = (from..from + count).filter(|&at| said.word(at).is_some_and(|w| w.capital));
        let enough = if small { count >= least } else { capitals.count() >= least };
        (enough && said.is_apart(from))
            .then_some((said.word(from)?.range.start..last.range.end, from + count))
    })
}

/// Whether a word is the first, or behind a sign that parts clauses.
fn begins_clause(said: &Said<'_>, at: usize) -> bool {
    at.checked_sub(1).is_none_or(|before| !is_joint(said.gap(before)))
}

/// How many words from here on are a name.
fn names(said: &Said<'_>, from: usize, small: bool) -> usize {
    let first = said.word(from).is_some_and(|word| word.capital);
    let (mut count, mut names) = (0, 0);
    for at in from..from + 2 * MAX_NAMES {
        let Some(word) = said.word(at) else { break };
        let joined = at == from || is_joint(said.gap(at - 1));
        if !joined || names == MAX_NAMES || !word.is_letters() {
            break;
        }
        let no_name = is_no_name(&word.lower);
        let particle = at > from && PARTICLES.contains(&word.lower.as_ref());
        // Who writes in small letters has two names at most.
        let name = word.capital && !(at == from && no_name)
            || small && !first && !no_name && !particle && names < 2;
        if name {
            names += 1;
            count = at + 1 - from;
        } else if !particle || !first {
            break;
        }
    }
    count
}

fn is_no_name(word: &str) -> bool {
    NO_NAMES.split_ascii_whitespace().any(|known| known == word)
}
