//! Who may do what at HQ. A user is a token; only its digest is kept.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::acts::{self, Actor};
use super::clock::now;
use super::database::{Transaction, commit};
use super::error::HqError;
use super::key_file::random;
use super::rows::{int, parsed, uint};
use super::service::Hq;
use crate::protocol::Digest;

/// Characters of a user's name.
const MAX_NAME_CHARS: usize = 64;
/// A token that is longer is none of ours.
const MAX_TOKEN_BYTES: usize = 512;

/// What a user may; each may what those before it may.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May look at everything.
    Viewer,
    /// May register stores, publish facts and settings, and give commands.
    Operator,
    /// May let bundles go out to stores.
    Approver,
    /// May do everything, users and enrolment included.
    Admin,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Operator, Self::Approver, Self::Admin];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Approver => "approver",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| {
            format!("`{text}` is no role; there are viewer, operator, approver and admin")
        })
    }
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UserRow {
    /// By which to revoke the user.
    pub id: String,
    /// For people; stands beside every act.
    pub name: String,
    /// What the user may.
    pub role: Role,
    /// Since when, in milliseconds since 1970.
    pub created_ms: u64,
}

/// A user that was just made; the token is shown this once.
#[derive(Clone, Serialize, JsonSchema)]
pub struct Created {
    /// By which to revoke the user.
    pub id: String,
    /// The token; not kept anywhere.
    pub token: String,
}

impl fmt::Debug for Created {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Created").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A token of chance with a beginning that tells what it is for.
pub(super) fn token(kind: &str) -> Result<String, HqError> {
    Ok(format!("{kind}_{}", URL_SAFE_NO_PAD.encode(random::<32>()?)))
}

/// What is kept of a token. It is long enough that no key has to be mixed in.
pub(super) fn digest(token: &str) -> String {
    Digest::of(token.as_bytes()).to_string()
}

impl Hq {
    /// Makes a user.
    pub async fn add_user(
        &self,
        actor: &Actor,
        name: &str,
        role: Role,
    ) -> Result<Created, HqError> {
        let token = token("ehq")?;
        let id = self.add_user_with(actor, name, role, &token).await?;
        Ok(Created { id, token })
    }

    /// Makes a user with a token that somebody chose; replaces nobody.
    pub async fn add_user_with(
        &self,
        actor: &Actor,
        name: &str,
        role: Role,
        token: &str,
    ) -> Result<String, HqError> {
        let good = (1..=MAX_NAME_CHARS).contains(&name.chars().count())
            && !name.chars().any(char::is_control);
        if !good {
            let why = format!("a name has 1 to {MAX_NAME_CHARS} characters that can be seen");
            return Err(HqError::Value { field: "name", why });
        }
        let id = format!("usr_{}", URL_SAFE_NO_PAD.encode(random::<6>()?));
        let mut change = self.database.begin().await?;
        let insert =
            "INSERT INTO users (id, name, role, token, created_ms) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING";
        let made = sqlx::query(insert)
            .bind(&id)
            .bind(name)
            .bind(role.as_str())
            .bind(digest(token))
            .bind(int(now().0))
            .execute(&mut *change)
            .await
            .map_err(HqError::database("adding a user"))?;
        if made.rows_affected() == 0 {
            return Err(HqError::Taken { what: "user with that token", name: name.to_owned() });
        }
        acts::record(&mut change, actor, "user.add", &id, &format!("{name}, {role}")).await?;
        commit(change).await?;
        Ok(id)
    }

    /// Forgets a user's token; the last admin's is kept, as nobody could make users any more.
    pub async fn revoke_user(&self, actor: &Actor, id: &str) -> Result<(), HqError> {
        let mut change = self.database.begin().await?;
        let update = "UPDATE users SET revoked_ms = $2 WHERE id = $1 AND revoked_ms IS NULL";
        let done = sqlx::query(update)
            .bind(id)
            .bind(int(now().0))
            .execute(&mut *change)
            .await
            .map_err(HqError::database("revoking a user"))?;
        if done.rows_affected() == 0 {
            return Err(HqError::unknown("user", id));
        }
        let select = "SELECT count(*) FROM users WHERE role = $1 AND revoked_ms IS NULL";
        let (admins,): (i64,) = sqlx::query_as(select)
            .bind(Role::Admin.as_str())
            .fetch_one(&mut *change)
            .await
            .map_err(HqError::database("counting admins"))?;
        if admins == 0 && was_admin(&mut change, id).await? {
            return Err(HqError::LastAdmin(id.to_owned()));
        }
        acts::record(&mut change, actor, "user.revoke", id, "").await?;
        commit(change).await
    }

    /// Users that were not revoked, by name.
    pub async fn users(&self) -> Result<Vec<UserRow>, HqError> {
        let select = "SELECT id, name, role, created_ms FROM users WHERE revoked_ms IS NULL
             ORDER BY name, id";
        let rows: Vec<(String, String, String, i64)> = sqlx::query_as(select)
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading users"))?;
        let user = |(id, name, role, created): (String, String, String, i64)| {
            let role = parsed("a role", &role)?;
            Ok(UserRow { id, name, role, created_ms: uint(created) })
        };
        rows.into_iter().map(user).collect()
    }

    /// Whose token this is. Found by its digest, so that nothing about it shows in the time it takes.
    pub async fn actor(&self, token: &str) -> Result<Option<Actor>, HqError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Ok(None);
        }
        self.actor_of_digest(&digest(token)).await
    }

    /// The user whose token has this digest.
    pub(super) async fn actor_of_digest(&self, digest: &str) -> Result<Option<Actor>, HqError> {
        let select = "SELECT name, role FROM users WHERE token = $1 AND revoked_ms IS NULL";
        let row: Option<(String, String)> = sqlx::query_as(select)
            .bind(digest)
            .fetch_optional(self.database.reader())
            .await
            .map_err(HqError::database("looking for a user"))?;
        let Some((name, role)) = row else { return Ok(None) };
        Ok(Some(Actor { name, role: parsed("a role", &role)? }))
    }
}

async fn was_admin(change: &mut Transaction, id: &str) -> Result<bool, HqError> {
    let select = "SELECT role FROM users WHERE id = $1";
    let row: Option<(String,)> = sqlx::query_as(select)
        .bind(id)
        .fetch_optional(&mut **change)
        .await
        .map_err(HqError::database("looking for a user"))?;
    Ok(row.is_some_and(|(role,)| role == Role::Admin.as_str()))
}
