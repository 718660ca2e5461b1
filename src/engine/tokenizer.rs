//! Text to tokens and back.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use aho_corasick::{AhoCorasick, MatchKind};
use tokenizers::DecoderWrapper;

use super::{EngineError, LoadError, TokenId};

/// A character that texts do not have: it breaks the name of a control token in two, see
/// [`Tokenizer::guard`].
const GUARD: char = '\u{F8FF}';

/// Text to tokens and back, from a Hugging Face `tokenizer.json`.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// Control tokens by name.
    control: Vec<(String, TokenId)>,
    /// Finds their names, the longest of those that begin at one place.
    finder: AhoCorasick,
    /// What each token adds to a text; nothing for control tokens.
    bytes: Vec<Box<[u8]>>,
}

/// A token, and where it stands in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The token.
    pub token: TokenId,
    /// Bytes of the text; empty for tokens that begin or end a sequence.
    pub range: Range<usize>,
    /// Which word of the text it is of, as the tokeniser cuts words; none for those.
    pub word: Option<u32>,
}

/// How token names stand for bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// Each character of a name is a byte (GPT-2).
    ByteLevel,
    /// `▁` is a space and `<0x0A>` a byte (SentencePiece).
    Metaspace,
    /// `##` continues a word; other names begin one (BERT).
    WordPiece,
}

impl Tokenizer {
    /// Reads a tokeniser.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let refuse = |why: String| LoadError::Tokenizer { path: path.to_owned(), why };
        let bytes = std::fs::read(path)
            .map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
        let mut inner =
            tokenizers::Tokenizer::from_bytes(bytes).map_err(|error| refuse(error.to_string()))?;
        let spelling = spelling(inner.get_decoder()).map_err(refuse)?;
        let added = inner.get_added_tokens_decoder();
        let mut control: Vec<_> = added
            .iter()
            .filter(|(_, token)| token.special && !token.content.is_empty())
            .map(|(id, token)| (token.content.clone(), *id))
            .collect();
        if let Some((name, _)) = control.iter().find(|(name, _)| name.contains(GUARD)) {
            return Err(refuse(format!("the control token {name:?} has U+F8FF in its name")));
        }
        control.sort();
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(control.iter().map(|(name, _)| name))
            .map_err(|error| refuse(error.to_string()))?;
        let largest = inner.get_vocab(true).into_values().max().unwrap_or(0);
        let of_char = byte_of_char();
        let bytes = (0..=largest)
            .map(|id| match (added.get(&id), inner.id_to_token(id)) {
                (Some(token), _) if token.special => Box::default(),
                (Some(token), _) => token.content.clone().into_bytes().into(),
                (None, Some(name)) => spell(&name, spelling, &of_char).into(),
                (None, None) => Box::default(),
            })
            .collect();
        inner.set_encode_special_tokens(true);
        // What does not fit is refused, never cut, and nothing is filled up.
        inner.with_truncation(None).map_err(|error| refuse(error.to_string()))?;
        inner.with_padding(None);
        Ok(Self { inner, control, finder, bytes })
    }

    /// Tokens of a text. With `control`, names of control tokens such as `<|im_start|>` become
    /// those tokens, except where [`Self::guard`] has been; without, they are text like any other.
    pub fn encode(&self, text: &str, control: bool) -> Result<Vec<TokenId>, EngineError> {
        let mut tokens = Vec::with_capacity(text.len() / 4 + 1);
        let mut after = 0;
        if control {
            for found in self.finder.find_iter(text) {
                self.encode_text(text.get(after..found.start()).unwrap_or_default(), &mut tokens)?;
                tokens.extend(self.control.get(found.pattern().as_usize()).map(|(_, id)| *id));
                after = found.end();
            }
        }
        self.encode_text(text.get(after..).unwrap_or_default(), &mut tokens)?;
        Ok(tokens)
    }

    /// Tokens of a text that stands by itself, with those that begin and end a sequence. Names of
    /// control tokens in it are text like any other.
    pub fn encode_whole(&self, text: &str) -> Result<Vec<TokenId>, EngineError> {
        let encoding = self.inner.encode_fast(text, true);
        let encoding = encoding
            .map_err(|error| EngineError::Internal(format!("the tokenizer failed: {error}")))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The same tokens, each with its place in the text.
    pub fn encode_placed(&self, text: &str) -> Result<Vec<Placed>, EngineError> {
        let encoding = self.inner.encode(text, true);
        let encoding = encoding
            .map_err(|error| EngineError::Internal(format!("the tokenizer failed: {error}")))?;
        let places = encoding.get_offsets().iter().zip(encoding.get_word_ids());
        let tokens = encoding.get_ids().iter().zip(places);
        // A place that is not between characters would be another one's fault: it is no place.
        let within = |range: &Range<usize>| text.get(range.clone()).is_some();
        let placed = tokens.map(|(&token, (&(start, end), &word))| {
            let range = Some(start..end).filter(within).unwrap_or(0..0);
            Placed { token, range, word }
        });
        Ok(placed.collect())
    }

    fn encode_text(&self, text: &str, tokens: &mut Vec<TokenId>) -> Result<(), EngineError> {
        if text.is_empty() {
            return Ok(());
        }
        let plain = text.replace(GUARD, "");
        let encoding = self
            .inner
            .encode_fast(plain, false)
            .map_err(|error| EngineError::Internal(format!("the tokenizer failed: {error}")))?;
        tokens.extend_from_slice(encoding.get_ids());
        Ok(())
    }

    /// A text that somebody else wrote, made safe to stand in a prompt: names of control tokens in
    /// it stay text when the prompt is encoded.
    pub fn guard(&self, text: &str) -> String {
        let mut safe = text.replace(GUARD, "");
        // Again where names overlapped; each time at least one is broken for good.
        while self.finder.is_match(&safe) {
            let mut broken = String::with_capacity(safe.len() + 16);
            self.finder.replace_all_with(&safe, &mut broken, |_, name, broken| {
                let mut characters = name.chars();
                let first = characters.next();
                let rest = characters.as_str();
                // A name of one character cannot be broken; it is left out.
                if !rest.is_empty() {
                    broken.extend(first);
                    broken.push(GUARD);
                    broken.push_str(rest);
                }
                true
            });
            safe = broken;
        }
        safe
    }

    /// Text of tokens, control tokens left out; what is not UTF-8 becomes U+FFFD.
    pub fn decode(&self, tokens: &[TokenId]) -> String {
        let bytes: Vec<u8> = tokens.iter().flat_map(|&t| self.token_bytes(t).to_vec()).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Tokens that have a number, unused ones included.
    pub fn vocabulary(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes that a token adds to a text; none for control tokens and unknown numbers.
    pub fn token_bytes(&self, token: TokenId) -> &[u8] {
        self.bytes.get(token as usize).map_or(&[], |bytes| bytes)
    }

    /// The token with exactly this name.
    pub fn token_id(&self, name: &str) -> Option<TokenId> {
        self.inner.token_to_id(name)
    }
}

fn spelling(decoder: Option<&DecoderWrapper>) -> Result<Spelling, String> {
    match decoder {
        Some(DecoderWrapper::ByteLevel(_)) => Ok(Spelling::ByteLevel),
        Some(DecoderWrapper::Metaspace(_)) => Ok(Spelling::Metaspace),
        Some(DecoderWrapper::WordPiece(_)) => Ok(Spelling::WordPiece),
        Some(DecoderWrapper::Sequence(sequence)) => {
            let parts = sequence.get_decoders();
            if parts.iter().any(|d| matches!(d, DecoderWrapper::ByteLevel(_))) {
                Ok(Spelling::ByteLevel)
            } else if parts.iter().any(|d| matches!(d, DecoderWrapper::ByteFallback(_))) {
                Ok(Spelling::Metaspace)
            } else {
                Err("its decoder is neither byte-level nor with byte fallback".to_owned())
            }
        }
        Some(_) => Err("its decoder is neither byte-level nor Metaspace nor WordPiece".to_owned()),
        None => Err("it has no decoder".to_owned()),
    }
}

/// Bytes of a token's name.
fn spell(name: &str, spelling: Spelling, of_char: &HashMap<char, u8>) -> Vec<u8> {
    match spelling {
        Spelling::ByteLevel => {
            let mut bytes = Vec::with_capacity(name.len());
            for c in name.chars() {
                match of_char.get(&c) {
                    Some(byte) => bytes.push(*byte),
                    None => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                }
            }
            bytes
        }
        Spelling::WordPiece => match name.strip_prefix("##") {
            Some(rest) => rest.as_bytes().to_vec(),
            None => format!(" {name}").into_bytes(),
        },
        Spelling::Metaspace => {
            let hex = name.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
            match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                Some(byte) => vec![byte],
                None => name.replace('▁', " ").into_bytes(),
            }
        }
    }
}

/// GPT-2's alphabet: printable bytes are themselves, the others follow from U+0100 on.
fn byte_of_char() -> HashMap<char, u8> {
    let printable = |b: u8| matches!(b, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut next = 0x100;
    let mut of_char = HashMap::new();
    for byte in 0..=u8::MAX {
        let c = if printable(byte) {
            Some(char::from(byte))
        } else {
            next += 1;
            char::from_u32(next - 1)
        };
        of_char.extend(c.map(|c| (c, byte)));
    }
    of_char
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabet_has_every_byte_once() {
        let alphabet = byte_of_char();
        assert_eq!(alphabet.len(), 256);
        assert_eq!(alphabet[&'Ġ'], b' ');
        assert_eq!(alphabet[&'Ċ'], b'\n');
        assert_eq!(alphabet[&'Ń'], 0xAD);
    }

    #[test]
    fn a_token_knows_its_bytes_and_its_word() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let tokenizer = Tokenizer::load(&root.join("models/tiny/encoder/tokenizer.json")).unwrap();
        let text = "Où est Milk, bread";
        let placed = tokenizer.encode_placed(text).unwrap();
        let tokens: Vec<_> = placed.iter().map(|placed| placed.token).collect();
        assert_eq!(tokens, tokenizer.encode_whole(text).unwrap());
        let words = |at: u32| {
            let of = placed.iter().filter(|placed| placed.word == Some(at));
            let ranges: Vec<_> = of.map(|placed| placed.range.clone()).collect();
            &text[ranges[0].start..ranges[ranges.len() - 1].end]
        };
        assert_eq!([words(0), words(2), words(3), words(4)], ["Où", "Milk", ",", "bread"]);
        let ends = placed.iter().filter(|placed| placed.word.is_none());
        assert!(ends.clone().count() == 2 && ends.clone().all(|end| end.range.is_empty()));
    }

    #[test]
    fn names_are_spelled_in_both_ways() {
        let alphabet = byte_of_char();
        assert_eq!(spell("Ġcaf", Spelling::ByteLevel, &alphabet), b" caf");
        assert_eq!(spell("Ã©", Spelling::ByteLevel, &alphabet), "é".as_bytes());
        assert_eq!(spell("▁the", Spelling::Metaspace, &alphabet), b" the");
        assert_eq!(spell("<0x0A>", Spelling::Metaspace, &alphabet), b"\n");
        assert_eq!(spell("milk", Spelling::WordPiece, &alphabet), b" milk");
        assert_eq!(spell("##y", Spelling::WordPiece, &alphabet), b"y");
    }
}
