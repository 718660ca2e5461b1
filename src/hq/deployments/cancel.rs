//! Ending a deployment by hand.

use super::record::{self, load};
use super::rows::DeploymentRow;
use super::set_back::set_back;
use super::state::State;
use crate::hq::acts::{self, Actor};
use crate::hq::clock::now;
use crate::hq::database::commit;
use crate::hq::error::HqError;
use crate::hq::service::Hq;
use crate::protocol::Label;

impl Hq {
    /// Ends a deployment and sets back the boxes that were not judged. One that is over stays as it is,
    /// which is no fault. `over` is the revision that its author saw.
    pub async fn cancel(
        &self,
        actor: &Actor,
        tenant: &Label,
        number: u64,
        over: Option<u64>,
    ) -> Result<DeploymentRow, HqError> {
        let now = now();
        let mut change = self.database.begin().await?;
        let found = load(&mut change, tenant, number).await?;
        if found.state.is_over() {
            drop(change);
            return self.deployment(tenant, number).await;
        }
        found.require_revision(over)?;
        let mut said = Vec::new();
        // What boxes have attested by now counts, and may have ended it.
        if found.state == State::Running {
            said = self.advance_one(&mut change, &found, now).await?;
        }
        if !load(&mut change, tenant, number).await?.state.is_over() {
            let why = format!("{} cancelled it", actor.name);
            said.extend(set_back(self, &mut change, &found, "cancelled", &why, now).await?);
            let by = Some(actor.name.as_str());
            record::end(&mut change, number, State::Cancelled, &why, by, now).await?;
            let target = format!("{tenant}/deployments/{number}");
            acts::record(&mut change, actor, "deployment.cancel", &target, &found.target).await?;
        }
        commit(change).await?;
        self.say(said);
        self.changed();
        self.deployment(tenant, number).await
    }
}
