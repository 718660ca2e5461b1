//! Who a shopper is to the box for a while: conversations, profiles with consent, and a key for each
//! subject.
//!
//! [`Shoppers::begin`], [`Shoppers::append`] and [`Shoppers::update`] keep a conversation,
//! [`Shoppers::events`] tells its listeners, [`Shoppers::sweep`] ends what is idle.
//! [`Shoppers::keep_profile`] keeps what a shopper agreed to have kept. Other rooms seal what they
//! keep of a subject by [`Shoppers::seal`], and are told of an erasure by [`Shoppers::reach`].
//! [`Shoppers::end`] and [`Shoppers::erase_profile`] erase, with a [`Receipt`].
//!
//! **Invariants**
//! - At rest everything is sealed by a key of its subject alone, and that key by the box's. Erasing
//!   overwrites the subject's key where it lies; what was sealed by it cannot be opened again, whatever
//!   old pages of a file still hold it.
//! - An erasure that a power cut interrupts is completed after it.
//! - Ids of conversations and profiles are their holders' secrets: files have digests of them.
//! - What a shopper typed is kept redacted; a text with the number of a payment card is refused.
//! - Turns, conversations, profiles and keys have limits, in number and in bytes.
//!
//! **Not here**: HTTP, models, what is said, who may see it.

// A room's paths are the same wherever they are written.
extern crate self as shoppers;
use endcap_privacy as privacy;

mod config;
mod conversation;
mod endings;
mod error;
mod events;
mod id;
mod keys;
mod people;
mod profile;
mod receipt;
mod rows;
mod seal;
mod store;
mod talk;
#[cfg(test)]
mod tests;

pub use config::ShoppersConfig;
pub use conversation::{Conversation, NewTurn, Owner, Speaker, Stage, Turn};
pub use error::ShoppersError;
pub use events::{Event, Events};
pub use id::{ConversationId, ProfileId, SubjectId};
pub use profile::{Consent, Profile, ProfileFields};
pub use receipt::{Erased, Reach, Receipt};
pub use store::{Figures, Shoppers};
