//! Groups of boxes.

use schemars::JsonSchema;
use serde::Serialize;

use super::{MAX_PAGE, Registry, checked_title, require_node, require_tenant};
use crate::hq::acts::{self, Actor};
use crate::hq::database::Transaction;
use crate::hq::error::HqError;
use crate::hq::rows::{parsed, uint};
use crate::protocol::{Label, Place, Target};

/// Groups that one box can be in; a snapshot names all of them.
const MAX_GROUPS_PER_NODE: i64 = 32;

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GroupRow {
    /// Whose.
    pub tenant: String,
    /// Its name in topics.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Its boxes, as `tenant/store/node`.
    pub members: Vec<String>,
}

impl Registry<'_> {
    /// Makes a group, or gives it another title.
    pub async fn set_group(
        self,
        actor: &Actor,
        tenant: &Label,
        group: &Label,
        title: &str,
    ) -> Result<(), HqError> {
        let title = checked_title(title, group.as_str())?;
        let mut change = self.0.database.begin().await?;
        require_tenant(&mut change, tenant).await?;
        let insert = "INSERT INTO groups (tenant, name, title) VALUES ($1, $2, $3)
             ON CONFLICT (tenant, name) DO UPDATE SET title = excluded.title";
        sqlx::query(insert)
            .bind(tenant.as_str())
            .bind(group.as_str())
            .bind(&title)
            .execute(&mut *change)
            .await
            .map_err(HqError::database("adding a group"))?;
        let target = format!("{tenant}/grp/{group}");
        acts::record(&mut change, actor, "group.set", &target, &title).await?;
        self.end(change).await
    }

    /// Puts a box into a group. What its group wants counts for it from its next question on.
    pub async fn join(self, actor: &Actor, place: &Place, group: &Label) -> Result<(), HqError> {
        let tenant = &place.tenant;
        let mut change = self.0.database.begin().await?;
        require_group(&mut change, tenant, group).await?;
        require_node(&mut change, place).await?;
        let joining = || HqError::database("joining a group");
        let (groups,): (i64,) = sqlx::query_as("SELECT count(*) FROM members WHERE place = $1")
            .bind(place.to_string())
            .fetch_one(&mut *change)
            .await
            .map_err(joining())?;
        if groups >= MAX_GROUPS_PER_NODE {
            let most = uint(MAX_GROUPS_PER_NODE);
            return Err(HqError::TooMuch { what: "groups of one box", found: most + 1, most });
        }
        let insert =
            "INSERT INTO members (tenant, grp, place) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        sqlx::query(insert)
            .bind(tenant.as_str())
            .bind(group.as_str())
            .bind(place.to_string())
            .execute(&mut *change)
            .await
            .map_err(joining())?;
        let target = format!("{tenant}/grp/{group}");
        acts::record(&mut change, actor, "group.join", &target, &place.to_string()).await?;
        self.end(change).await
    }

    /// Takes a box out of a group.
    pub async fn leave(self, actor: &Actor, place: &Place, group: &Label) -> Result<(), HqError> {
        let tenant = &place.tenant;
        let mut change = self.0.database.begin().await?;
        let delete = "DELETE FROM members WHERE tenant = $1 AND grp = $2 AND place = $3";
        let gone = sqlx::query(delete)
            .bind(tenant.as_str())
            .bind(group.as_str())
            .bind(place.to_string())
            .execute(&mut *change)
            .await
            .map_err(HqError::database("leaving a group"))?;
        if gone.rows_affected() == 0 {
            return Err(HqError::unknown("member of that group", place));
        }
        let target = format!("{tenant}/grp/{group}");
        acts::record(&mut change, actor, "group.leave", &target, &place.to_string()).await?;
        self.end(change).await
    }

    /// All groups of a tenant with their boxes.
    pub async fn groups(self, tenant: &Label) -> Result<Vec<GroupRow>, HqError> {
        let reading = || HqError::database("reading groups");
        let select = "SELECT name, title FROM groups WHERE tenant = $1 ORDER BY name LIMIT $2";
        let groups: Vec<(String, String)> = sqlx::query_as(select)
            .bind(tenant.as_str())
            .bind(i64::from(MAX_PAGE))
            .fetch_all(self.0.database.reader())
            .await
            .map_err(reading())?;
        let select = "SELECT grp, place FROM members WHERE tenant = $1 ORDER BY grp, place";
        let members: Vec<(String, String)> = sqlx::query_as(select)
            .bind(tenant.as_str())
            .fetch_all(self.0.database.reader())
            .await
            .map_err(reading())?;
        let mut members = members.into_iter().peekable();
        let mut rows = Vec::with_capacity(groups.len());
        for (name, title) in groups {
            let mut own = Vec::new();
            while let Some((group, _)) = members.peek() {
                if *group > name {
                    break;
                }
                own.extend(members.next().filter(|(group, _)| *group == name).map(|(_, p)| p));
            }
            rows.push(GroupRow { tenant: tenant.to_string(), name, title, members: own });
        }
        Ok(rows)
    }

    /// The groups of a box.
    pub async fn groups_of(self, place: &Place) -> Result<Vec<Label>, HqError> {
        let select = "SELECT grp FROM members WHERE place = $1 ORDER BY grp";
        let rows: Vec<(String,)> = sqlx::query_as(select)
            .bind(place.to_string())
            .fetch_all(self.0.database.reader())
            .await
            .map_err(HqError::database("reading groups"))?;
        rows.iter().map(|(name,)| parsed("a group", name)).collect()
    }
}

/// The boxes that a target means; those that were revoked hear nothing more, and one that is named is refused.
pub(in crate::hq) async fn members(
    change: &mut Transaction,
    target: &Target,
) -> Result<Vec<Place>, HqError> {
    match target {
        Target::Node(place) => {
            require_node(change, place).await?;
            refuse_revoked(change, place).await?;
            Ok(vec![place.clone()])
        }
        Target::Group { tenant, group } => {
            require_group(change, tenant, group).await?;
            let select = "SELECT m.place FROM members m JOIN nodes n ON n.place = m.place
                 WHERE m.tenant = $1 AND m.grp = $2 AND n.revoked_ms IS NULL ORDER BY m.place";
            let rows: Vec<(String,)> = sqlx::query_as(select)
                .bind(tenant.as_str())
                .bind(group.as_str())
                .fetch_all(&mut **change)
                .await
                .map_err(HqError::database("reading a group"))?;
            rows.iter().map(|(place,)| parsed("a place", place)).collect()
        }
    }
}

async fn refuse_revoked(change: &mut Transaction, place: &Place) -> Result<(), HqError> {
    let select = "SELECT place FROM nodes WHERE place = $1 AND revoked_ms IS NOT NULL";
    let revoked: Option<(String,)> = sqlx::query_as(select)
        .bind(place.to_string())
        .fetch_optional(&mut **change)
        .await
        .map_err(HqError::database("looking for a revoked node"))?;
    revoked.map_or(Ok(()), |_| Err(HqError::Gone(place.clone())))
}

async fn require_group(
    change: &mut Transaction,
    tenant: &Label,
    group: &Label,
) -> Result<(), HqError> {
    let select = "SELECT name FROM groups WHERE tenant = $1 AND name = $2";
    let found: Option<(String,)> = sqlx::query_as(select)
        .bind(tenant.as_str())
        .bind(group.as_str())
        .fetch_optional(&mut **change)
        .await
        .map_err(HqError::database("looking for a group"))?;
    found.map(|_| ()).ok_or_else(|| HqError::unknown("group", format!("{tenant}/{group}")))
}
