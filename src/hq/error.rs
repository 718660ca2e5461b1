//! What can go wrong at HQ.

use std::path::PathBuf;

use super::database::failed_by_itself;
use crate::protocol::ProtocolError;

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum HqError {
    /// The database did not do it.
    #[error("{act} in HQ's database")]
    Database {
        /// What was to be done.
        act: &'static str,
        /// Why not.
        #[source]
        source: sqlx::Error,
    },
    /// The artefacts' folder did not do it.
    #[error("{act} of HQ's artefacts")]
    Artefacts {
        /// What was to be done.
        act: &'static str,
        /// Why not.
        #[source]
        source: object_store::Error,
    },
    /// The database has another form and could not be brought to this one.
    #[error("bringing HQ's database at {path} to this version's form")]
    Form {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// Something in the database is not what was written.
    #[error("{what} in HQ's database cannot be read: {why}")]
    Damaged {
        /// What.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A file could not be read or written.
    #[error("{act} {path}")]
    File {
        /// `reading` or `writing`.
        act: &'static str,
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A folder in which HQ was never made.
    #[error("there is no HQ in {0}; `endcap hq init` makes one")]
    NotThere(PathBuf),
    /// A key's file is no key.
    #[error("the key in {path} cannot be used: {why}")]
    Key {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A key or certificate could not be made.
    #[error("making {what}: {why}")]
    Certificate {
        /// What.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// A claim or a token that is none, is used, or is over.
    #[error("{0}")]
    Untrusted(&'static str),
    /// A box could not be told where its broker is.
    #[error(
        "HQ was not told where nodes find the broker, so no box can enrol; start it with --node-broker"
    )]
    NoBroker,
    /// A claim for a name that was revoked.
    #[error(
        "`{0}` was revoked, and the broker may still know its certificate: a replacement takes another name"
    )]
    Revoked(crate::protocol::Place),
    /// Something is to be said to a box that was revoked.
    #[error("`{0}` was revoked: it hears nothing from HQ any more")]
    Gone(crate::protocol::Place),
    /// A line of facts that cannot be taken.
    #[error("line {line}: {why}")]
    Line {
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// Facts could not be packed for stores.
    #[error("packing facts: {0}")]
    Pack(String),
    /// The system gives no random numbers.
    #[error("no random numbers: {0}")]
    Random(String),
    /// It does not fit what goes over the line.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// A catalogue that nobody asked to be made.
    #[error("there is no catalogue `{name}`; there are: {known}. `create` makes one")]
    NoCatalogue {
        /// As asked for.
        name: String,
        /// Those that are there.
        known: String,
    },
    /// Nobody could make users any more.
    #[error("{0} is the last admin; make another one first")]
    LastAdmin(String),
    /// There is none of that name.
    #[error("there is no {what} `{name}`")]
    Unknown {
        /// `store`, `node` or the like.
        what: &'static str,
        /// As asked for.
        name: String,
    },
    /// There is one of that name already.
    #[error("there is a {what} `{name}` already")]
    Taken {
        /// `store`, `node` or the like.
        what: &'static str,
        /// As asked for.
        name: String,
    },
    /// Somebody was faster.
    #[error(
        "the {document} document of {target} is at version {found}, not at {expected}; look at it and set it again"
    )]
    Overtaken {
        /// Which document.
        document: String,
        /// Whose.
        target: String,
        /// As it is.
        found: u64,
        /// As its author saw it.
        expected: u64,
    },
    /// Somebody was faster with a deployment.
    #[error("deployment {number} is at revision {found}, not at {expected}; look at it again")]
    Moved {
        /// Which.
        number: u64,
        /// As it is.
        found: u64,
        /// As its author saw it.
        expected: u64,
    },
    /// A deployment is at a point where this makes no sense.
    #[error("deployment {number} is {state} and cannot be {act}")]
    Stage {
        /// `approved` or the like.
        act: &'static str,
        /// Which.
        number: u64,
        /// How far it is.
        state: &'static str,
    },
    /// It is more than is kept or carried.
    #[error("{what}: {found}, at most {most} are possible")]
    TooMuch {
        /// What, with its unit.
        what: &'static str,
        /// As asked for.
        found: u64,
        /// The limit.
        most: u64,
    },
    /// A value that makes no sense.
    #[error("{field}: {why}")]
    Value {
        /// Where it stands.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl HqError {
    /// For `map_err` behind a query.
    pub(super) fn database(act: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { act, source }
    }

    /// Whether the database failed by itself, whatever was asked of it.
    pub(super) fn is_the_databases(&self) -> bool {
        matches!(self, Self::Database { source, .. } if failed_by_itself(source))
    }

    /// For `map_err` behind work on a file.
    pub fn file(act: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { act, path: path.to_owned(), source }
    }

    pub(super) fn unknown(what: &'static str, name: impl ToString) -> Self {
        Self::Unknown { what, name: name.to_string() }
    }
}
