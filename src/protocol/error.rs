//! Why bytes, texts and values of the line were refused.

/// What is wrong with something that came over the line or was about to go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// More than the line carries.
    #[error("{what} has {size}, at most {most} are allowed")]
    TooLarge {
        /// What is too large, with its unit.
        what: &'static str,
        /// As found.
        size: usize,
        /// The limit.
        most: usize,
    },
    /// A name with other characters than names have.
    #[error("`{text}` is no {what}: {rule}")]
    Name {
        /// What it should have been.
        what: &'static str,
        /// As found, shortened.
        text: String,
        /// What is allowed.
        rule: &'static str,
    },
    /// A name that topics need for themselves.
    #[error("`{0}` is reserved and cannot name a store")]
    Reserved(String),
    /// A topic of another form.
    #[error("`{0}` is not a topic of this protocol")]
    Topic(String),
    /// Bytes that are no CBOR, or could have been written in another way.
    #[error("not deterministic CBOR at byte {at}: {why}")]
    Form {
        /// Where.
        at: usize,
        /// What was found there.
        why: &'static str,
    },
    /// CBOR of another shape.
    #[error("the {what} cannot be read: {why}")]
    Shape {
        /// What was being read.
        what: &'static str,
        /// What the reader says.
        why: String,
    },
    /// An envelope of a version that this program does not speak.
    #[error("version {found} is not spoken here, only {min} to {current}", min = super::MIN, current = super::CURRENT)]
    Version {
        /// As found.
        found: u8,
    },
    /// A body whose meaning is not known here.
    #[error("messages of schema {0} are not known here")]
    Schema(u16),
    /// Values that contradict each other.
    #[error("{0}")]
    Contradiction(&'static str),
}

/// A text of others, short enough for an error.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 80;
    let mut short: String = text.chars().take(MOST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
