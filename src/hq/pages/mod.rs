//! HQ's pages for people: made here, with nothing from elsewhere, and kept fresh while they are open.
//!
//! **Invariants**
//! - A page shows nothing to whoever has not shown a user's token; what is kept of a session is in
//!   memory, ends with the user, and its cookie is no token.
//! - What a page changes, it changes by a form that shows its session's own word, and as the API would
//!   for the same user. Nothing is changed by looking.
//! - Whatever comes from stores is escaped; no script and no style is inline.

mod deployments;
mod fleet;
mod forms;
mod live;
mod plot;
mod recalls;
mod render;
mod routes;
mod series;
mod session;
mod steps;
mod store;

pub(super) use routes::{router, told};
pub(super) use session::Sessions;
