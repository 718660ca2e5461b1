//! The shelf without models: plans by themselves, and the loop in a world of numbers.
#![allow(clippy::print_stderr, reason = "a seed is printed for whoever looks at a failure")]

mod keeping;
mod planning;

use std::time::SystemTime;

use super::title::Size;
use crate::api::shelf::{About, Manner};

fn about() -> About {
    let (version, owned_by) = ("1".to_owned(), "test".to_owned());
    About {
        manner: Manner::Tensors,
        task: None,
        version,
        created: SystemTime::UNIX_EPOCH,
        owned_by,
        bundled: false,
    }
}

fn size(weight_bytes: u64) -> Size {
    Size { weight_bytes, page_bytes: 0 }
}
