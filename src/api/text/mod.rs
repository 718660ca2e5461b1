//! Texts in, answers of classifiers out: `POST /store/v1/text/classify`.
//!
//! What is done with a text stands in the card of the package that is asked (`skills::heads`).

pub(super) mod classify;
