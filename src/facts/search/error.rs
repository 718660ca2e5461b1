//! Why there is no answer.

use std::path::PathBuf;

/// Why a search has no answer, or a vector is not kept.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The query asks for more than it may, or for nothing.
    #[error("{field}: {why}")]
    Query {
        /// Which of its fields.
        field: &'static str,
        /// What is wrong, with the limit.
        why: String,
    },
    /// A vector is not as long as the others, or has no direction.
    #[error("the vector of {sku}: {why}")]
    Vector {
        /// Of which product.
        sku: String,
        /// What is wrong.
        why: String,
    },
    /// The index failed.
    #[error("the index of products")]
    Index(#[from] tantivy::TantivyError),
    /// The disk failed.
    #[error("{act} {path}")]
    Disk {
        /// What was being done.
        act: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<redb::Error>,
    },
}
