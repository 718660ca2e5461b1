//! Tokens' bytes to text: whole characters only, and nothing of a stop text.

/// Puts the bytes of tokens together.
#[derive(Debug)]
pub(super) struct Assembler {
    stops: Vec<String>,
    /// Bytes of an incomplete character.
    partial: Vec<u8>,
    /// Text that may turn out to begin a stop text.
    held: String,
}

/// What a token brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text to show; may be empty.
    Text(String),
    /// Text before a stop text, which is now complete.
    Stopped(String),
}

impl Assembler {
    pub(super) fn new(stops: Vec<String>) -> Self {
        let stops = stops.into_iter().filter(|stop| !stop.is_empty()).collect();
        Self { stops, partial: Vec::new(), held: String::new() }
    }

    /// Takes a token's bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Piece {
        self.partial.extend_from_slice(bytes);
        self.take_characters();
        let found = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min();
        if let Some(at) = found {
            self.held.truncate(at);
            self.partial.clear();
            return Piece::Stopped(std::mem::take(&mut self.held));
        }
        let keep = self.may_begin_a_stop();
        Piece::Text(self.held.drain(..self.held.len() - keep).collect())
    }

    /// The end of the answer: what was held back is text after all. The beginning of a character
    /// that never came is not.
    pub(super) fn finish(&mut self) -> String {
        self.partial.clear();
        std::mem::take(&mut self.held)
    }

    /// Moves complete characters from `partial` to `held`; bytes that no further byte can make
    /// right become U+FFFD.
    fn take_characters(&mut self) {
        let mut taken = 0;
        while let Some(rest) = self.partial.get(taken..) {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    self.held.push_str(text);
                    taken += rest.len();
                    break;
                }
                Err(error) => {
                    let (good, bad) = rest.split_at(error.valid_up_to());
                    self.held.push_str(&String::from_utf8_lossy(good));
                    taken += good.len();
                    let Some(len) = error.error_len() else { break };
                    self.held.push('\u{FFFD}');
                    taken += len.min(bad.len());
                }
            }
        }
        self.partial.drain(..taken);
    }

    /// Length of the longest end of `held` with which a stop text begins.
    fn may_begin_a_stop(&self) -> usize {
        let ends = self.held.char_indices().filter_map(|(at, _)| self.held.get(at..));
        let begins = |end: &&str| self.stops.iter().any(|stop| stop.starts_with(*end));
        ends.filter(begins).map(str::len).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `pieces` and returns what is shown, piece by piece, up to the stop or the end.
    fn shown(stops: &[&str], pieces: &[&[u8]]) -> (Vec<String>, bool) {
        let mut assembler = Assembler::new(stops.iter().map(|&s| s.to_owned()).collect());
        let mut out = Vec::new();
        for piece in pieces {
            match assembler.push(piece) {
                Piece::Text(text) => out.push(text),
                Piece::Stopped(text) => {
                    out.push(text);
                    return (out, true);
                }
            }
        }
        out.push(assembler.finish());
        (out, false)
    }

    #[test]
    fn characters_come_whole() {
        let euro = "€".as_bytes();
        let (out, _) = shown(&[], &[b"1", &euro[..1], &euro[1..2], &euro[2..], b"!"]);
        assert_eq!(out, ["1", "", "", "€", "!", ""]);
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_and_half_a_character_is_left_out() {
        let (out, _) = shown(&[], &[&[0xE2], b"a", &[0xF0, 0x9F]]);
        assert_eq!(out, ["", "\u{FFFD}a", "", ""]);
    }

    #[test]
    fn stop_texts_are_found_across_token_borders_and_never_shown() {
        for (stops, pieces, want, stopped) in [
            (&["END"][..], &[&b"say E"[..], b"N", b"D now"][..], "say ", true),
            (&["END"], &[b"say E", b"NT"], "say ENT", false),
            (&["END"], &[b"say E"], "say E", false),
            (&["\n\n", "."], &[b"one\n", b"two. ", b"x"], "one\ntwo", true),
            (&["aab"], &[b"aa", b"ab"], "a", true),
            (&["\u{20AC}"], &[b"5 \xE2\x82", b"\xAC"], "5 ", true),
            (&[""], &[b"all of it"], "all of it", false),
        ] {
            let (out, end) = shown(stops, pieces);
            assert_eq!((out.concat().as_str(), end), (want, stopped), "{stops:?} {pieces:?}");
        }
    }

    #[test]
    fn any_cutting_of_a_text_gives_the_same() {
        let text = "Grüße: 3 €, 日本 👩‍👩‍👧 — END of it".as_bytes();
        let (whole, _) = shown(&["END"], &[text]);
        for size in 1..9 {
            let pieces: Vec<&[u8]> = text.chunks(size).collect();
            assert_eq!(shown(&["END"], &pieces).0.concat(), whole.concat(), "{size}");
        }
    }
}
