//! How far a box is with a bundle, as a line of steps.

use serde::Serialize;

use crate::hq::deployments::{DeploymentNodeRow, NodeResult};

/// The steps that people see; a box has a few more.
const STEPS: [&str; 6] = ["told", "fetched", "loaded", "trial", "probation", "committed"];

/// One step of a box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Step {
    name: &'static str,
    /// `done`, `now`, `bad`, or nothing.
    state: &'static str,
}

/// A box with its steps.
#[derive(Debug, Serialize)]
pub(super) struct Box {
    #[serde(flatten)]
    row: DeploymentNodeRow,
    /// Below its tenant, as `store/node`.
    name: String,
    store: String,
    steps: Vec<Step>,
    /// What became of it or where it is, in a word.
    says: String,
    /// `good`, `bad`, `away` or `busy`.
    colour: &'static str,
    why: Option<String>,
}

impl Box {
    pub(super) fn of(row: DeploymentNodeRow) -> Self {
        let name = row.place.split_once('/').map_or("", |(_, name)| name).to_owned();
        let store = name.split('/').next().unwrap_or_default().to_owned();
        let says = match (row.result, &row.stage) {
            (Some(result), _) => result.as_str().to_owned(),
            (None, Some(stage)) => stage.clone(),
            (None, None) if row.presence == "online" => "told".to_owned(),
            (None, None) => "not heard of yet".to_owned(),
        };
        let colour = match row.result {
            Some(NodeResult::Ok) => "good",
            Some(NodeResult::Bad) => "bad",
            Some(NodeResult::Silent) => "away",
            None => "busy",
        };
        let why = row.reason.clone().or_else(|| row.note.clone());
        Self { steps: steps(&row), name, store, says, colour, why, row }
    }
}

/// The step at which a box with this stage is.
fn at(stage: &str) -> Option<usize> {
    Some(match stage {
        "offered" | "deferred" | "accepted" => 0,
        "fetching" => 1,
        "verified" | "staged" => 2,
        "shadow" | "trial" => 3,
        "probation" => 4,
        "committed" => 5,
        _ => return None,
    })
}

fn steps(row: &DeploymentNodeRow) -> Vec<Step> {
    // A box that failed says at which stage by the first word of its code.
    let failed = row.code.as_deref().and_then(|code| at(code.split('.').next()?));
    let reached = row.stage.as_deref().and_then(at);
    let (reached, here) = match row.result {
        Some(NodeResult::Ok) => (STEPS.len(), "done"),
        Some(NodeResult::Bad) => (failed.unwrap_or(0), "bad"),
        Some(NodeResult::Silent) => (reached.unwrap_or(0), ""),
        None => (reached.unwrap_or(0), "now"),
    };
    let state = |step: usize| match step {
        step if step < reached => "done",
        step if step == reached => here,
        _ => "",
    };
    STEPS.iter().enumerate().map(|(step, name)| Step { name, state: state(step) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(
        stage: Option<&str>,
        result: Option<NodeResult>,
        code: Option<&str>,
    ) -> DeploymentNodeRow {
        DeploymentNodeRow {
            place: "acme/store-1/box-a".into(),
            version: 1,
            digest: String::new(),
            before_digest: None,
            stage: stage.map(str::to_owned),
            note: None,
            presence: "online".into(),
            heard_ms: 0,
            result,
            code: code.map(str::to_owned),
            reason: None,
            attested: None,
            judged_ms: None,
        }
    }

    #[test]
    fn steps_show_what_is_done_where_it_is_and_where_it_failed() {
        use NodeResult::{Bad, Ok, Silent};
        for (row, expected) in [
            (row(None, None, None), "now,,,,,"),
            (row(Some("deferred"), None, None), "now,,,,,"),
            (row(Some("trial"), None, None), "done,done,done,now,,"),
            (row(Some("committed"), Some(Ok), None), "done,done,done,done,done,done"),
            (row(Some("reverted"), Some(Bad), Some("trial.errors")), "done,done,done,bad,,"),
            (row(Some("refused"), Some(Bad), Some("offered.version")), "bad,,,,,"),
            (row(Some("fetching"), Some(Silent), Some("expired")), "done,,,,,"),
        ] {
            let found: Vec<_> = steps(&row).iter().map(|step| step.state).collect();
            assert_eq!(found.join(","), expected, "{row:?}");
        }
    }
}
