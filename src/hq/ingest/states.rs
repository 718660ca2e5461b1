//! What a node says of documents and commands: the newest by hybrid time counts.

use super::Heard;
use super::batch::Batch;
use crate::hq::error::HqError;
use crate::hq::rows::{int, to_json, word};
use crate::protocol::{CommandState, Reported};

impl Batch<'_> {
    pub(super) async fn reported(
        &mut self,
        heard: &Heard,
        reported: &Reported,
    ) -> Result<(), HqError> {
        let insert = "INSERT INTO reported
             (place, document, time, desired, stage, applied, observed, at_ms, body)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (place, document) DO UPDATE SET time = excluded.time,
               desired = excluded.desired, stage = excluded.stage, applied = excluded.applied,
               observed = excluded.observed, at_ms = excluded.at_ms, body = excluded.body
             WHERE reported.time < excluded.time";
        sqlx::query(insert)
            .bind(heard.place.to_string())
            .bind(reported.document.as_str())
            .bind(int(heard.envelope.time.0))
            .bind(reported.desired.map(int))
            .bind(word(&reported.stage))
            .bind(reported.applied.map(|applied| int(applied.version)))
            .bind(reported.observed.map(|digest| digest.to_string()))
            .bind(int(reported.at.0))
            .bind(to_json("a reported document", reported)?)
            .execute(&mut *self.change)
            .await
            .map_err(HqError::database("writing a reported document"))?;
        if let Some(applied) = reported.applied {
            let (document, digest) = (reported.document, Some(applied.digest));
            self.learn(&heard.place, document, applied.version, digest).await?;
        }
        Ok(())
    }

    pub(super) async fn result(
        &mut self,
        heard: &Heard,
        state: &CommandState,
    ) -> Result<(), HqError> {
        let update = "UPDATE commands SET outcome = $3, time = $4, outcome_ms = $5, details = $6
             WHERE id = $1 AND place = $2 AND time < $4";
        sqlx::query(update)
            .bind(state.id.to_string())
            .bind(heard.place.to_string())
            .bind(word(&state.outcome))
            .bind(int(heard.envelope.time.0))
            .bind(int(state.at.0))
            .bind(to_json("a command's details", &state.details)?)
            .execute(&mut *self.change)
            .await
            .map_err(HqError::database("writing what became of a command"))?;
        Ok(())
    }
}
