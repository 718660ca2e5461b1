mod intent;
mod pattern;
mod phrases;
pub use intent::{Aspect, Intent};
