//! What a shop asks of a model: each skill turns a question into what a model takes, and what it
//! computes into an answer.
//!
//! [`chat`] is the pass-through skill: the messages of a conversation, written down as the model
//! was trained to read them. [`heads`] are what is done around graphs of other kinds; [`embedding`]
//! makes one vector of what an encoder says of a text; [`pictures`] are the pixels that some heads
//! take.
//!
//! **Invariants**
//! - A skill is a pure function of its input, and of the clock where a template asks for it.
//! - What people type passes a guard before a template sees it.
//! - A template has a limit on its steps and on the bytes it writes.
//!
//! **Not here**: HTTP, tokens, which model answers.

pub mod chat;
pub mod embedding;
pub mod heads;
pub mod pictures;
