mod compose;
mod intent;
mod pattern;
mod phrases;
mod resolve;
pub use intent::{Aspect, Intent};
