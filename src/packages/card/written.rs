//! The card as a person writes it: TOML beside the model.

use std::path::Path;

use super::super::disk::read_bounded;
use super::super::error::PackageError;
use super::{Card, MAX_CARD_BYTES};

/// File name of a card beside a model that is handed in.
pub const WRITTEN_CARD_FILE: &str = "card.toml";

impl Card {
    /// Reads the TOML of a card and checks that it states what every card must.
    pub fn read_written(path: &Path) -> Result<Self, PackageError> {
        let refuse = |why: String| PackageError::Card { path: path.to_owned(), why };
        let bytes = read_bounded(path, MAX_CARD_BYTES)?;
        let text = String::from_utf8(bytes).map_err(|_| refuse("it is not UTF-8".into()))?;
        let card = Self::parse_written(&text).map_err(refuse)?;
        let missing = card.missing();
        if missing.is_empty() {
            return Ok(card);
        }
        Err(PackageError::CardIncomplete { path: path.to_owned(), missing: missing.join(", ") })
    }

    /// The card in a TOML text, complete or not. The error is one that a person can act on.
    pub fn parse_written(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = "description = \"d\"\nlicence = \"MIT\"\nowner = \"o\"\n\
        intended_use = [\"u\"]\nlimits = [\"l\"]\n";

    fn read(text: &str) -> Result<Card, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Card::read_written(file.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_card_with_what_every_card_states_is_taken() {
        let text = FULL.to_owned()
            + "[head]\ntask = \"classify\"\nlabels = { file = \"a.txt\" }\n\
                                     [[head.more]]\nfile = \"b.txt\"\n";
        let card = read(&text).unwrap();
        assert_eq!(card.licence, "MIT");
        assert_eq!(card.named_files().into_iter().collect::<Vec<_>>(), ["a.txt", "b.txt"]);
        assert_eq!(card.of_tensors(vec![], vec![]).task, "classify");
    }

    #[test]
    fn a_card_that_leaves_something_out_is_refused_with_all_of_it() {
        for (text, told) in [
            (String::new(), "description, licence, owner, intended_use, limits"),
            (FULL.replace("\"o\"", "\"  \""), "does not state owner"),
            (FULL.replace("[\"l\"]", "[\"\"]"), "does not state limits"),
            (FULL.replace("licence", "license"), "license"),
            (FULL.to_owned() + "task = \"x\"\n", "task"),
            (FULL.to_owned() + "digests = []\n", "digests"),
            ("description = ".to_owned(), "description"),
        ] {
            let error = read(&text).expect_err(told);
            assert!(error.contains(told), "{told}: {error}");
        }
    }
}
