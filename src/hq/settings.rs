//! The settings that are wanted at a target, to look at and to change.

use schemars::JsonSchema;
use serde::Serialize;

use super::error::HqError;
use super::rows::uint;
use super::service::Hq;
use crate::protocol::documents::{ConfigDoc, digest_of_path};
use crate::protocol::{Document, Target};

/// The newest settings at a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WantedConfig {
    /// Their version, to be named as `over` by whoever changes them; 0 where there are none.
    pub version: u64,
    /// What is set.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub settings: ConfigDoc,
    /// Who wanted it.
    pub author: Option<String>,
    /// When, in milliseconds since 1970.
    pub issued_ms: Option<u64>,
}

impl Hq {
    /// The newest settings that are wanted at exactly this target; those of its groups are theirs.
    pub async fn config_at(&self, target: &Target) -> Result<WantedConfig, HqError> {
        let select = "SELECT version, author, issued_ms, path, inline FROM desired
             WHERE target = $1 AND document = $2 ORDER BY version DESC LIMIT 1";
        type Columns = (i64, String, i64, Option<String>, Option<Vec<u8>>);
        let row: Option<Columns> = sqlx::query_as(select)
            .bind(target.to_string())
            .bind(Document::Config.as_str())
            .fetch_optional(self.database.reader())
            .await
            .map_err(HqError::database("reading the settings of a target"))?;
        let none = WantedConfig {
            version: 0,
            settings: ConfigDoc::default(),
            author: None,
            issued_ms: None,
        };
        let Some((version, author, issued_ms, path, inline)) = row else { return Ok(none) };
        let bytes = match (path, inline) {
            (Some(path), _) => self.config_bytes(&path).await?,
            (None, bytes) => bytes.unwrap_or_default(),
        };
        Ok(WantedConfig {
            version: uint(version),
            settings: ConfigDoc::parse(&bytes)?,
            author: Some(author),
            issued_ms: Some(uint(issued_ms)),
        })
    }

    async fn config_bytes(&self, path: &str) -> Result<Vec<u8>, HqError> {
        let digest = digest_of_path(path)?;
        let size = self.artefacts().size(digest).await?;
        let size = size.ok_or_else(|| HqError::unknown("artefact", digest))?;
        self.small_artefact(digest, size).await
    }
}
