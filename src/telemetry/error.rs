//! Errors as log lines and messages have them.

use std::error::Error;

/// An error and all its causes on one line, the deepest last.
pub fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("reading {0}")]
    struct Reading(&'static str, #[source] Option<Box<Reading>>);

    #[test]
    fn causes_follow_in_their_order() {
        let file = Reading("a file", Some(Box::new(Reading("a page", None))));
        let shop = Reading("the shop", Some(Box::new(file)));
        assert_eq!(with_causes(&shop), "reading the shop: reading a file: reading a page");
        assert_eq!(with_causes(&Reading("nothing", None)), "reading nothing");
    }
}
