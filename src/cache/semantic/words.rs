//! Text as the guards read it: folded words, numbers and codes, in order.

use super::quantity::is_unit;

/// Most characters of a question that are read. A longer one is not compared by meaning.
pub(super) const MAX_CHARS: usize = 600;

/// A piece of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// Letters without case and accents; single signs such as `%` too.
    Word(String),
    /// A number in thousandths; `20:30` is 20.5.
    Number(i64),
    /// Letters and digits mixed, or digits too long to be counted with: a SKU, an order number.
    Code(String),
}

/// The tokens of a text; `None` where it is longer than [`MAX_CHARS`].
pub(super) fn tokens(text: &str) -> Option<Vec<Token>> {
    text.chars().nth(MAX_CHARS).is_none().then(|| tokens_of_any_length(text))
}

/// The tokens of a text that is bounded already.
pub(super) fn tokens_of_any_length(text: &str) -> Vec<Token> {
    let folded = fold(text);
    let mut tokens = Vec::new();
    let mut rest = folded.as_str();
    while let Some(first) = rest.chars().next() {
        let end = if first.is_alphanumeric() { piece_end(rest) } else { first.len_utf8() };
        let (piece, after) = rest.split_at(end);
        push(piece, &mut tokens);
        rest = after;
    }
    tokens
}

/// Lower case, Latin letters without accents, German umlauts spelled out.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            'ä' => folded.push_str("ae"),
            'ö' => folded.push_str("oe"),
            'ü' => folded.push_str("ue"),
            'ß' => folded.push_str("ss"),
            'œ' => folded.push_str("oe"),
            'æ' => folded.push_str("ae"),
            '’' | '‘' | '`' | '´' => folded.push('\''),
            'à' | 'á' | 'â' | 'ã' | 'å' => folded.push('a'),
            'ç' => folded.push('c'),
            'è' | 'é' | 'ê' | 'ë' => folded.push('e'),
            'ì' | 'í' | 'î' | 'ï' => folded.push('i'),
            'ñ' => folded.push('n'),
            'ò' | 'ó' | 'ô' | 'õ' | 'ø' => folded.push('o'),
            'ù' | 'ú' | 'û' => folded.push('u'),
            'ý' | 'ÿ' => folded.push('y'),
            '½' => folded.push_str(" 0.5 "),
            '¼' => folded.push_str(" 0.25 "),
            '¾' => folded.push_str(" 0.75 "),
            '×' => folded.push_str(" x "),
            // Marks that were written apart from their letter.
            '\u{300}'..='\u{36f}' => {}
            _ => folded.push(c),
        }
    }
    folded
}

/// Where the piece at the start ends: letters and digits, with the signs that stand inside numbers
/// and the apostrophe inside words.
fn piece_end(text: &str) -> usize {
    let mut characters = text.char_indices().peekable();
    let mut before = ' ';
    while let Some((at, c)) = characters.next() {
        let after = characters.peek().map_or(' ', |&(_, next)| next);
        let inside = match c {
            '.' | ',' | ':' | '/' => before.is_ascii_digit() && after.is_ascii_digit(),
            '\'' => before.is_alphabetic() && after.is_alphabetic(),
            _ => c.is_alphanumeric(),
        };
        if !inside {
            return at;
        }
        before = c;
    }
    text.len()
}

fn push(piece: &str, tokens: &mut Vec<Token>) {
    let Some(first) = piece.chars().next() else { return };
    if !first.is_alphanumeric() {
        if matches!(first, '%' | '$' | '€' | '£' | '&' | '+') {
            tokens.push(Token::Word(first.into()));
        }
        return;
    }
    if !piece.contains(|c: char| c.is_ascii_digit()) {
        push_letters(piece, tokens);
        return;
    }
    let digits_end =
        piece.find(|c: char| !(c.is_ascii_digit() || ".,:/".contains(c))).unwrap_or(piece.len());
    let (digits, letters) = piece.split_at(digits_end);
    let unit = letters.len() <= 5 || is_unit(letters);
    let unit = unit && letters.chars().all(char::is_alphabetic);
    match number(digits) {
        Some(value) if letters.is_empty() => tokens.push(Token::Number(value)),
        Some(value) if unit => {
            tokens.push(Token::Number(value));
            tokens.push(Token::Word(letters.into()));
        }
        _ => tokens.push(Token::Code(piece.into())),
    }
}

/// Splits contractions, so that what is negated is seen and articles fall away.
fn push_letters(piece: &str, tokens: &mut Vec<Token>) {
    let mut word = |text: &str| tokens.push(Token::Word(text.into()));
    if let Some(verb) = piece.strip_suffix("n't") {
        word(match verb {
            "ca" => "can",
            "wo" => "will",
            "sha" => "shall",
            _ => verb,
        });
        word("not");
        return;
    }
    match piece.split_once('\'') {
        // English endings: "what's", "you're", "I'd"; a plural possessive ends in the apostrophe.
        Some((head, "s" | "re" | "ve" | "d" | "ll" | "m")) => word(head),
        Some((head, tail)) => {
            word(head);
            word(tail);
        }
        None => match piece {
            "dont" | "doesnt" | "isnt" | "arent" | "cant" | "wont" | "didnt" | "shouldnt" => {
                word("not");
            }
            _ => word(piece),
        },
    }
}

/// Thousandths of what the digits say, or `None` where they are a code. A point or comma before
/// exactly three digits groups thousands.
fn number(digits: &str) -> Option<i64> {
    if let Some((whole, part)) = digits.split_once(':') {
        let (hours, minutes): (i64, i64) = (whole.parse().ok()?, part.parse().ok()?);
        return (hours < 25 && minutes < 60).then_some(hours * 1000 + minutes * 1000 / 60);
    }
    if let Some((over, under)) = digits.split_once('/') {
        let (over, under): (i64, i64) = (over.parse().ok()?, under.parse().ok()?);
        return (under != 0 && over < 100).then(|| over * 1000 / under);
    }
    if !digits.contains(['.', ',']) {
        // Longer ones name something and measure nothing.
        return (digits.len() <= 4).then(|| digits.parse::<i64>().ok().map(|n| n * 1000))?;
    }
    let (whole, part) = digits.rsplit_once(['.', ','])?;
    let whole: String = whole.chars().filter(char::is_ascii_digit).collect();
    let whole: i64 = if whole.len() <= 9 { whole.parse().ok()? } else { return None };
    if part.len() == 3 && whole != 0 {
        return Some((whole * 1000 + part.parse::<i64>().ok()?) * 1000);
    }
    let places: String = part.chars().chain("000".chars()).take(3).collect();
    Some(whole * 1000 + places.parse::<i64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        let tokens = tokens(text).unwrap();
        let shown = tokens.iter().map(|token| match token {
            Token::Word(word) => word.clone(),
            Token::Number(value) => format!("#{value}"),
            Token::Code(code) => format!("@{code}"),
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn words_lose_case_accents_and_contractions() {
        for (text, read) in [
            ("Où est le café?", "ou est le cafe"),
            ("Öffnungszeiten, Straße", "oeffnungszeiten strasse"),
            ("Don't you open? It isn’t clear", "do not you open it is not clear"),
            ("What's in l'avoine", "what in l avoine"),
            ("sugar-free", "sugar free"),
            ("cafe\u{301}", "cafe"),
        ] {
            assert_eq!(words(text), read, "{text}");
        }
    }

    #[test]
    fn numbers_are_read_as_they_are_meant_and_codes_stay_whole() {
        for (text, read) in [
            ("500g", "#500000 g"),
            ("1.5 l and 1,5 l", "#1500 l and #1500 l"),
            ("1,000 pieces", "#1000000 pieces"),
            ("until 20:30", "until #20500"),
            ("½ or 1/2", "#500 or #500"),
            ("SKU 1082185", "sku @1082185"),
            ("A12B-77", "@a12b #77000"),
            ("7up", "#7000 up"),
            ("5 %", "#5000 %"),
        ] {
            assert_eq!(words(text), read, "{text}");
        }
    }

    #[test]
    fn a_text_that_is_too_long_is_not_read() {
        assert_eq!(tokens(&"a".repeat(MAX_CHARS + 1)), None);
        assert!(tokens(&"a".repeat(MAX_CHARS)).is_some());
    }
}
