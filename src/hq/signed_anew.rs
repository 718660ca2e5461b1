//! What was signed and is kept, signed anew while the director's key changes: what only the old key has
//! signed would be worth nothing when that one is forgotten.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::database::Transaction;
use super::director::{AuditHead, Director};
use super::error::HqError;
use super::rows::{from_json, int, to_json};
use super::service::Hq;
use crate::protocol::{Envelope, Message, Signable, Signed, UnixMillis};

impl Hq {
    /// Signs anew the heads of audit logs and the commands that wait. What no key of ours has signed stays
    /// as it is.
    pub(super) async fn sign_anew(
        &self,
        change: &mut Transaction,
        now: UnixMillis,
    ) -> Result<(), HqError> {
        let heads = "SELECT place, 0, signed FROM audit_heads";
        let update = "UPDATE audit_heads SET signed = $3 WHERE place = $1 AND $2 = 0";
        self.sign_heads_anew(change, heads, update).await?;
        let ended = "SELECT place, chain, signed FROM audit_chains WHERE signed IS NOT NULL";
        let update = "UPDATE audit_chains SET signed = $3 WHERE place = $1 AND chain = $2";
        self.sign_heads_anew(change, ended, update).await?;
        self.sign_commands_anew(change, now).await
    }

    async fn sign_heads_anew(
        &self,
        change: &mut Transaction,
        select: &str,
        update: &str,
    ) -> Result<(), HqError> {
        let signing = || HqError::database("signing the heads of audit logs anew");
        let rows: Vec<(String, i64, String)> =
            sqlx::query_as(select).fetch_all(&mut **change).await.map_err(signing())?;
        for (place, chain, signed) in rows {
            let Ok(signed) = from_json::<Signed<AuditHead>>("a signed head", &signed) else {
                continue;
            };
            let Some(signed) = again(&self.director, &signed)? else { continue };
            sqlx::query(update)
                .bind(place)
                .bind(chain)
                .bind(to_json("a signed head", &signed)?)
                .execute(&mut **change)
                .await
                .map_err(signing())?;
        }
        Ok(())
    }

    async fn sign_commands_anew(
        &self,
        change: &mut Transaction,
        now: UnixMillis,
    ) -> Result<(), HqError> {
        let signing = || HqError::database("signing commands anew");
        let select = "SELECT id, signed FROM commands WHERE outcome IS NULL AND expires_ms > $1";
        let rows: Vec<(String, Vec<u8>)> = sqlx::query_as(select)
            .bind(int(now.0))
            .fetch_all(&mut **change)
            .await
            .map_err(signing())?;
        for (id, payload) in rows {
            let envelope = Envelope::parse(&payload)?;
            let Ok(Message::Command(signed)) = Message::parse(envelope.schema, &envelope.body)
            else {
                continue;
            };
            let Some(signed) = again(&self.director, &signed)? else { continue };
            let said = self.clock.envelope(&Message::Command(signed), now)?;
            let said = Envelope { counted: envelope.counted, ..said };
            sqlx::query("UPDATE commands SET signed = $2 WHERE id = $1")
                .bind(id)
                .bind(said.to_bytes()?)
                .execute(&mut **change)
                .await
                .map_err(signing())?;
        }
        Ok(())
    }
}

/// The same with the keys of now, if it is ours.
fn again<T: Signable + Serialize + DeserializeOwned>(
    director: &Director,
    signed: &Signed<T>,
) -> Result<Option<Signed<T>>, HqError> {
    match director.keys().verify(signed, UnixMillis(0)) {
        Ok(document) => Ok(Some(director.sign(&document)?)),
        Err(_) => Ok(None),
    }
}
