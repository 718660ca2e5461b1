//! Names that are safe to be a folder or a file.

use std::fmt;

use super::error::ManifestError;

/// Characters of a package name at most.
const MAX_NAME_CHARACTERS: usize = 64;
/// Characters of a file name in a package at most.
const MAX_FILE_NAME_CHARACTERS: usize = 128;

/// Name of a package: `[a-z0-9._-]`, 1 to 64 characters, not led by a dot or a dash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageName(String);

impl PackageName {
    /// Takes a text that is a name already; refuses everything else.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        let sound = (1..=MAX_NAME_CHARACTERS).contains(&text.len())
            && !text.starts_with(['.', '-'])
            && text.chars().all(allowed);
        if sound { Ok(Self(text.to_owned())) } else { Err(ManifestError::Name(shorten(text))) }
    }

    /// The nearest name to a free text, such as a folder's name or a model's title.
    pub fn from_title(title: &str) -> Result<Self, ManifestError> {
        let mut name = String::new();
        for c in title.chars().flat_map(char::to_lowercase) {
            match c {
                'a'..='z' | '0'..='9' | '.' | '_' => name.push(c),
                _ if name.is_empty() || name.ends_with('-') => {}
                _ => name.push('-'),
            }
        }
        let name: String =
            name.trim_matches(['.', '-', '_']).chars().take(MAX_NAME_CHARACTERS).collect();
        Self::parse(&name).map_err(|_| ManifestError::Name(shorten(title)))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a text is a plain file name: no separator, no leading dot, nothing a shell minds.
pub(super) fn is_plain_file_name(text: &str) -> bool {
    (1..=MAX_FILE_NAME_CHARACTERS).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// Foreign text, cut so that an error message stays readable.
pub(super) fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(80).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_folder() {
        for bad in
            ["", ".", "..", "../x", "a/b", "/etc", "A", "a b", ".a", "-a", "a\0", "ä", "a\\b"]
        {
            assert!(PackageName::parse(bad).is_err(), "{bad:?}");
            assert!(bad == "A" || bad == "-a" || !is_plain_file_name(bad) || bad == "a", "{bad:?}");
        }
        assert!(PackageName::parse(&"a".repeat(65)).is_err());
        for good in ["smollm2-135m-instruct", "a", "0", "a.b_c-d"] {
            assert_eq!(PackageName::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn a_title_becomes_a_name() {
        for (title, name) in [
            ("SmolLM2-135M-Instruct.Q4_1", "smollm2-135m-instruct.q4_1"),
            ("Smollm2 135M  8k", "smollm2-135m-8k"),
            ("../Évil/x", "vil-x"),
        ] {
            assert_eq!(PackageName::from_title(title).unwrap().as_str(), name);
        }
        assert!(PackageName::from_title("---").is_err());
    }
}
