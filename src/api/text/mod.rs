//! Texts in, what they say out: `POST /store/v1/text/classify` and `POST /store/v1/text/tag`.
//!
//! What is done with a text stands in the card of the package that is asked (`skills::heads`).

pub(super) mod classify;
mod input;
pub(super) mod tag;
