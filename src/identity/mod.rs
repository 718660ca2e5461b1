//! Who a box is to HQ: what it asks for, what it gets, and the files in which it keeps that.
//!
//! A box makes its key ([`pending_request`]) and asks with a [`Request`]; HQ answers with an [`Identity`],
//! which [`write_identity`] keeps. [`Lifetime`] tells when the next certificate is due, for which
//! [`make_renewal`] asks.
//!
//! **Invariants**
//! - A private key never leaves the box. Files are their owner's only, written whole, and survive a power cut.
//! - The file that makes a box a node comes last; a box is a node or it is not.
//!
//! **Not here**: who lets a box in, and the connection on which it asks.

// A room's paths are the same wherever they are written.
extern crate self as identity;
use endcap_protocol as protocol;
use endcap_sync as sync;

mod error;
pub mod files;
mod kept;
mod lifetime;
mod request;

pub use error::IdentityError;
pub use kept::{pending_request, read_token, write_identity, write_renewal};
pub use lifetime::Lifetime;
pub use request::{Identity, Request, make_proof, make_renewal, make_request};
