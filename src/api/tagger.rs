//! Which words of a text are names and places, by a package whose head tags words.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::encoder::Encoder;
use super::error;
use super::service::{Served, ServedNetwork};
use super::shelf::{Lent, Shelf};
use crate::engine::{Placed, TokenId};
use crate::http::Problem;
use crate::privacy::{self, Entity, Found, Tagging, Untagged};
use crate::skills::heads::{Head, TagText, Tagged, TokenPlace};

/// The task of such heads.
pub(super) const TASK: &str = "tag_text";
/// Bytes of a text that is tagged, at most: those of a conversation's turn.
const MAX_BYTES: usize = 8 << 10;
/// Bytes that are tagged at once: models see a sentence better than a page.
const MAX_PIECE_BYTES: usize = 480;
/// Tokens that begin and end a sequence.
const ENDS: usize = 2;

/// Tags words, where a package for that is installed: of those that can, the first by name.
pub(super) struct ShelfTagger {
    shelf: Arc<dyn Shelf>,
}

impl ShelfTagger {
    /// By packages of this shelf.
    pub(super) fn new(shelf: Arc<dyn Shelf>) -> Self {
        Self { shelf }
    }

    fn package(&self) -> Option<String> {
        let shelved = self.shelf.list().into_iter();
        let able = shelved.filter(|shelved| shelved.about.task.as_deref() == Some(TASK));
        able.map(|shelved| shelved.name).min()
    }

    async fn lend(&self, name: &str) -> Result<(Lent<ServedNetwork>, Arc<TagText>), Problem> {
        let lease = self.shelf.lend(name.into()).await.map_err(error::of_shelf)?;
        let Served::Network(network) = lease.served().clone() else {
            return Err(error::not_a_network(name));
        };
        match &network.head {
            Some(Head::TagText(head)) => {
                let head = Arc::clone(head);
                Ok((lease.of(network), head))
            }
            _ => Err(Problem::internal(format!("{name} has no head that tags words"))),
        }
    }

    async fn found(&self, text: &str, deadline: Instant) -> Result<Vec<Found>, Untagged> {
        let name = self.package().ok_or(Untagged::Absent)?;
        let failed = |problem: Problem| {
            let why = &problem.body().message;
            tracing::warn!(why, package = name, "the words of a text could not be tagged");
            Untagged::Failed
        };
        let (served, head) = self.lend(&name).await.map_err(failed)?;
        let tagged = tagged(served, &head, text, deadline).await.map_err(failed)?;
        let known = |tagged: Tagged| {
            Some(Found { entity: Entity::of_name(&tagged.entity)?, range: tagged.range })
        };
        Ok(tagged.into_iter().filter_map(known).collect())
    }
}

impl privacy::Tagger for ShelfTagger {
    fn tag<'a>(&'a self, text: &'a str, patience: Duration) -> Tagging<'a> {
        Box::pin(async move {
            if text.len() > MAX_BYTES {
                return Err(Untagged::TooLong);
            }
            let found = self.found(text, Instant::now() + patience);
            tokio::time::timeout(patience, found).await.unwrap_or(Err(Untagged::Late))
        })
    }
}

/// The tagged parts of a text, in order.
pub(super) async fn tagged(
    served: Lent<ServedNetwork>,
    head: &TagText,
    text: &str,
    deadline: Instant,
) -> Result<Vec<Tagged>, Problem> {
    let encoder = Encoder::new(served, head.text.clone(), head.output.clone());
    let pieces = pieces(text, MAX_PIECE_BYTES.min(head.text.max_tokens.saturating_sub(ENDS)));
    let mut placed = Vec::with_capacity(pieces.len());
    for piece in &pieces {
        placed.push(encoder.encode_placed(text.get(piece.clone()).unwrap_or_default())?);
    }
    let tokens: Vec<Vec<TokenId>> =
        placed.iter().map(|piece| piece.iter().map(|placed| placed.token).collect()).collect();
    encoder.check(&tokens)?;
    let mut found: Vec<Tagged> = Vec::new();
    let take = |at: usize, numbers: &[f32], _: &[usize]| {
        let (Some(piece), Some(tokens)) = (pieces.get(at), placed.get(at)) else { return Ok(()) };
        let within = text.get(piece.clone()).unwrap_or_default();
        let tagged = head.tagged(within, &places(tokens), numbers);
        let moved = |tagged: Tagged| Tagged {
            range: piece.start + tagged.range.start..piece.start + tagged.range.end,
            ..tagged
        };
        found.extend(tagged.map_err(|error| encoder.fault(error))?.into_iter().map(moved));
        Ok(())
    };
    encoder.each(&tokens, deadline, take).await?;
    found.sort_by_key(|tagged| tagged.range.start);
    Ok(found)
}

fn places(tokens: &[Placed]) -> Vec<TokenPlace> {
    let place = |placed: &Placed| TokenPlace { range: placed.range.clone(), word: placed.word };
    tokens.iter().map(place).collect()
}

/// A text in pieces of so many bytes at most, cut behind a sentence or, where that is too long, behind
/// a word. A token has a byte at least, so a piece has no more tokens than bytes.
fn pieces(text: &str, most: usize) -> Vec<Range<usize>> {
    let (mut pieces, mut from) = (Vec::new(), 0);
    while let Some(rest) = text.get(from..).filter(|rest| !rest.is_empty()) {
        let mut end = most.max(4).min(rest.len());
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let piece = rest.get(..end).unwrap_or_default();
        let cut = (end < rest.len()).then(|| {
            let sentence = piece.rfind(['.', '!', '?', '\n', ';']).map(|at| at + 1);
            let word = piece.rfind(char::is_whitespace).map(|at| at + 1);
            sentence.or(word).filter(|at| piece.is_char_boundary(*at))
        });
        let end = from + cut.flatten().unwrap_or(end);
        pieces.push(from..end);
        from = end;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_text_cut_behind_sentences_and_words() {
        let cut = |text: &'static str, most| -> Vec<&str> {
            pieces(text, most).into_iter().map(|piece| &text[piece]).collect()
        };
        assert_eq!(cut("One two.", 20), ["One two."]);
        assert_eq!(cut("One. Two three", 9), ["One.", " Two ", "three"]);
        assert_eq!(cut("äöüäöüäöü", 7), ["äöü", "äöü", "äöü"]);
        assert!(cut("", 9).is_empty());
        let text = "Ana\u{a0}Ruiz".repeat(400);
        let joined: String = pieces(&text, 480).into_iter().map(|piece| &text[piece]).collect();
        assert_eq!(joined, text);
    }
}
