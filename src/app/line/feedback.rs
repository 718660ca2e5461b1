//! HQ is told that an answer was put right, and on which products it stood; no word of it goes over the line.

use super::notes::Notes;
use crate::desk::{Desk, Kept};

/// Examples that are looked at together.
const AT_ONCE: usize = 64;

/// Tells until it is dropped.
pub(super) async fn tell(desk: Desk, notes: Notes) {
    let mut last = desk.corrected();
    let mut told = *last.borrow_and_update();
    while last.changed().await.is_ok() {
        last.mark_unchanged();
        loop {
            let (desk, after) = (desk.clone(), told);
            let read = tokio::task::spawn_blocking(move || desk.examples(after, AT_ONCE)).await;
            match read {
                Ok(Ok(kept)) if kept.is_empty() => break,
                Ok(Ok(kept)) => {
                    told = kept.last().map_or(told, |kept| kept.number);
                    kept.iter().for_each(|kept| one(kept, &notes));
                }
                Ok(Err(error)) => {
                    tracing::error!(%error, "HQ is not told of a correction");
                    break;
                }
                Err(_) => break,
            }
        }
    }
}

fn one(kept: &Kept, notes: &Notes) {
    let number = i64::try_from(kept.number).unwrap_or(i64::MAX);
    let cited = kept.example.cited.join(" ");
    notes.event(
        "feedback.correction",
        [
            ("number", number.into()),
            ("language", kept.example.language.as_str().into()),
            ("cited", cited.as_str().into()),
            ("by", kept.example.by.as_str().into()),
        ],
    );
}
