//! How a box becomes a node: a claim, a key that never leaves the box, a certificate.
//!
//! A claim is a token that somebody at HQ makes for one box of one store; it works for one key and
//! expires.
//! The box makes its key, asks for a certificate with the claim, and gets what it needs to be on the
//! line. Before a certificate ends, the box asks for the next one with its old key. Where
//! HQ speaks TLS, a node's token counts only on a connection that shows the node's certificate.

mod authority;
mod claims;
mod renewal;
mod revoking;
mod shown;

pub use authority::Authority;
pub use claims::{Claim, ClaimRow};
pub use shown::Shown;
