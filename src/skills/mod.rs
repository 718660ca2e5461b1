//! What a shop asks of a model: each skill turns a question into what a model takes, and what it
//! computes into an answer.
//!
//! [`ask`] answers questions from the shop's facts, [`copy`] writes about its products: a
//! [`clerk::Clerk`] does both. Facts come through a reader that writes down what was read, texts
//! are checked against them ([`checks`], [`guard`]) and keep slots for money and dates, which are filled
//! whenever a text is said. What a model says goes through the cache.
//!
//! [`chat`] is the pass-through skill: the messages of a conversation, written down as the model
//! was trained to read them. [`heads`] are what is done around graphs of other kinds; [`embedding`]
//! makes one vector of what an encoder says of a text; [`pictures`] are the pixels that some heads
//! take.
//!
//! **Invariants**
//! - A prompt has only facts that a reader has seen, and questions without patterned personal data.
//! - Nothing that a shopper said is kept but what passed a [`screen`].
//! - No generated text is said that a check refused. It is made anew once, then replaced.
//! - An amount of money in an answer is a fact of the moment at which the answer is given.
//! - What people type passes a guard before a template sees it.
//! - A template has a limit on its steps and on the bytes it writes.
//!
//! **Not here**: HTTP, tokens, where models come from ([`voice`] says what is wanted of them).

// A room's paths are the same wherever they are written.
extern crate self as skills;
use endcap_cache as cache;
use endcap_engine as engine;
use endcap_facts as facts;
use endcap_privacy as privacy;
use endcap_shoppers as shoppers;
use endcap_telemetry as telemetry;

mod allergens;
pub mod answer;
pub mod ask;
mod bind;
pub mod chat;
pub mod checks;
pub mod clerk;
pub mod concierge;
pub mod copy;
mod corrected;
#[cfg(test)]
mod double;
pub mod embedding;
mod figures;
mod fitness;
pub mod guard;
pub mod heads;
pub mod language;
pub mod live;
mod making;
pub mod mood;
mod night;
mod pattern;
pub mod pictures;
pub mod screen;
mod slots;
mod view;
pub mod voice;
mod wanted;
pub mod witness;
mod wording;
mod words;

#[cfg(test)]
mod sample;

pub use making::Progress;
