//! Why something of a shopper's cannot be kept or found.

use std::path::PathBuf;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum ShoppersError {
    /// There is none, there never was, or it was erased: nobody can tell which.
    #[error("there is no such {what}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
    },
    /// A conversation in which nothing happened for too long.
    #[error("the conversation is over: nothing was said for {idle_s} s")]
    Expired {
        /// How long one may be idle.
        idle_s: u64,
    },
    /// A text that is no id.
    #[error("the id of a {what} is 32 digits of 0-9 and a-f")]
    BadId {
        /// Of what.
        what: &'static str,
    },
    /// The number of a payment card was typed. It is kept nowhere.
    #[error("the text has the number of a payment card, which is not taken")]
    CardNumber,
    /// More than a field may hold.
    #[error("{field} is over its limit of {most} {unit}")]
    TooLarge {
        /// Which field.
        field: &'static str,
        /// How much it may hold.
        most: usize,
        /// Of what.
        unit: &'static str,
    },
    /// As many as are kept are there.
    #[error("no more than {most} {what} are kept")]
    Full {
        /// Of what.
        what: &'static str,
        /// The limit.
        most: u64,
    },
    /// The subject's key is gone: erased, or its time was over.
    #[error("the key of the subject is gone")]
    Erased,
    /// What is sealed was not sealed by this key for this purpose, or was changed.
    #[error("what is sealed of {what} cannot be opened")]
    Damaged {
        /// Of what.
        what: &'static str,
    },
    /// The database.
    #[error("{act} failed")]
    Storage {
        /// What was being done.
        act: &'static str,
        /// Why not.
        source: Box<redb::Error>,
    },
    /// A file of keys.
    #[error("{act} {} failed", path.display())]
    File {
        /// What was being done.
        act: &'static str,
        /// To which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Others can read the box's key.
    #[error("{} may be read by others (mode {mode:o}); it must be its owner's alone (0600)", path.display())]
    Readable {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A file of another version of this program.
    #[error("the conversations are of version {found}; this program reads version {known}")]
    Version {
        /// As found.
        found: u64,
        /// As written by this program.
        known: u64,
    },
    /// No randomness for a key.
    #[error("the system has no randomness")]
    Random(#[source] getrandom::Error),
    /// Another room could not erase what it keeps; it is tried again.
    #[error("{room} could not erase what it keeps: {why}")]
    Reach {
        /// Which room.
        room: &'static str,
        /// Why not.
        why: String,
    },
}

/// Names what was being done when the storage failed.
pub(super) trait During<T> {
    fn during(self, act: &'static str) -> Result<T, ShoppersError>;
}

impl<T, E: Into<redb::Error>> During<T> for Result<T, E> {
    fn during(self, act: &'static str) -> Result<T, ShoppersError> {
        self.map_err(|error| ShoppersError::Storage { act, source: Box::new(error.into()) })
    }
}
