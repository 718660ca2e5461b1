//! What people do on pages: the same acts as over the API, for the same roles.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use minijinja::context;

use super::deployments;
use super::routes::{framed, looking, parsed, to, told};
use crate::hq::acts::Actor;
use crate::hq::api::Service;
use crate::hq::deployments::{Asked, Reach};
use crate::hq::error::HqError;
use crate::hq::users::Role;
use crate::http::{BodyLimits, Kind, Problem, read_body};
use crate::protocol::Label;

/// A form of a page.
const FORM: BodyLimits = BodyLimits { bytes: 4096, timeout: std::time::Duration::from_secs(10) };

/// The fields of a form.
type Fields = BTreeMap<String, String>;

/// Asks for a deployment.
pub(super) async fn ask(
    State(service): State<Arc<Service>>,
    Path(tenant): Path<String>,
    request: Request,
) -> Response {
    acted(&service, &tenant, request, async |actor, tenant, fields| {
        require(actor, Role::Operator)?;
        let text = |name: &str| fields.get(name).map(|text| text.trim()).unwrap_or_default();
        let reach = match text("target") {
            "" => tenant.to_string(),
            below => format!("{tenant}/{below}"),
        };
        let reach: Reach = reach.parse().map_err(HqError::from)?;
        let bundle = text("bundle").to_owned();
        let asked = Asked { reach, bundle, within_s: None, max_bad: 0, over: None };
        service.hq.ask(actor, &asked).await?;
        Ok(())
    })
    .await
}

/// Approves, cancels or takes back.
pub(super) async fn decide(
    State(service): State<Arc<Service>>,
    Path((tenant, number, act)): Path<(String, String, String)>,
    request: Request,
) -> Response {
    acted(&service, &tenant, request, async |actor, tenant, fields| {
        let number = parsed::<u64>(&number)?;
        let over = fields.get("over").and_then(|text| text.parse().ok());
        match act.as_str() {
            "approve" => {
                require(actor, Role::Approver)?;
                service.hq.approve(actor, tenant, number, over).await?;
            }
            "cancel" => {
                require(actor, Role::Operator)?;
                service.hq.cancel(actor, tenant, number, None).await?;
            }
            "revert" => {
                require(actor, Role::Operator)?;
                service.hq.ask_back(actor, tenant, number).await?;
            }
            other => return Err(Problem::no_route("POST", other)),
        }
        Ok(())
    })
    .await
}

fn require(actor: &Actor, least: Role) -> Result<(), Problem> {
    if actor.role < least {
        return Err(refused(format!("this takes a user of role {least}; yours is {}", actor.role)));
    }
    Ok(())
}

fn refused(message: impl Into<String>) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, Kind::PermissionError, message)
}

/// Does what a form of this session asks, and shows the deployments with whatever stood in its way.
async fn acted(
    service: &Service,
    tenant: &str,
    request: Request,
    act: impl AsyncFnOnce(&Actor, &Label, &Fields) -> Result<(), Problem>,
) -> Response {
    let (head, body) = request.into_parts();
    let actor = match looking(service, &head.headers).await {
        Ok(actor) => actor,
        Err(response) => return response,
    };
    let doing = async {
        let tenant = parsed::<Label>(tenant)?;
        service.hq.registry().require(&tenant).await?;
        let body = read_body(&head.headers, body, FORM).await?;
        let fields: Fields = form_urlencoded::parse(&body).into_owned().collect();
        let own =
            fields.get("form").is_some_and(|shown| service.sessions.is_own(&head.headers, shown));
        if !own {
            return Err(refused("this form is not of your session; load the page again"));
        }
        let problem = act(&actor, &tenant, &fields).await.err();
        Ok((tenant, problem))
    };
    match doing.await {
        Ok((tenant, None)) => to(&format!("/fleet/{tenant}/deployments")),
        Ok((tenant, Some(problem))) => {
            hindered(service, &head.headers, &actor, &tenant, problem).await.unwrap_or_else(told)
        }
        Err(problem) => told(problem),
    }
}

async fn hindered(
    service: &Service,
    headers: &HeaderMap,
    actor: &Actor,
    tenant: &Label,
    problem: Problem,
) -> Result<Response, Problem> {
    let values = deployments::values(&service.hq, tenant).await?;
    let said = problem.body().message.clone();
    let values = context! { problem => said, ..values };
    let mut page = framed(service, headers, actor, "deployments.html", tenant, values).await?;
    *page.status_mut() = problem.status();
    Ok(page)
}
