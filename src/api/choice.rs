//! Which package answers.

use std::sync::Arc;

use axum::http::StatusCode;

use crate::api::service::{ServedNetwork, Service};
use crate::api::shelf::Lent;
use crate::http::{Kind, Problem};
use crate::skills::heads::Head;

/// A package and what its card says.
pub(super) type Chosen<H> = (Lent<ServedNetwork>, Arc<H>);

/// The package of this name, or the only one that has such a head; `pick` takes it out of a head of
/// this task.
pub(super) async fn choose<H>(
    service: &Service,
    name: Option<&str>,
    task: &str,
    pick: fn(&Head) -> Option<Arc<H>>,
) -> Result<Chosen<H>, Problem> {
    let able = able(service, task);
    let name = match (name, able.as_slice()) {
        (Some(name), _) => name,
        (None, [only]) => only,
        (None, []) => return Err(nobody(task)),
        (None, _) => return Err(ambiguous(task, &able)),
    };
    let served = service.network(name).await?;
    match served.head.as_ref().and_then(pick) {
        Some(head) => Ok((served, head)),
        None => Err(unable(name, task, &able)),
    }
}

/// Names of the packages whose heads are for this task.
fn able(service: &Service, task: &str) -> Vec<String> {
    let shelved = service.shelf.list().into_iter();
    let able = shelved.filter(|shelved| shelved.about.task.as_deref() == Some(task));
    able.map(|shelved| shelved.name).collect()
}

fn nobody(task: &str) -> Problem {
    let message = format!("no package here has the task {task}");
    Problem::new(StatusCode::NOT_FOUND, Kind::InvalidRequestError, message)
        .param("model")
        .code("model_not_found")
}

fn ambiguous(task: &str, able: &[String]) -> Problem {
    let names = able.join(", ");
    let message = format!("several packages have the task {task}: {names}; name one as `model`");
    Problem::invalid(message).param("model").code("model_required")
}

fn unable(name: &str, task: &str, able: &[String]) -> Problem {
    let others = match able {
        [] => "no package here has".to_owned(),
        names => format!("{} has", names.join(", ")),
    };
    Problem::invalid(format!("the model `{name}` does not have the task {task}; {others}"))
        .param("model")
        .code("wrong_task")
}
