//! What refused facts are told as.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::StatusCode;

use crate::api::service::Service;
use crate::facts::{FactId, FactsError, Fault, Table};
use crate::http::{Kind, Problem};

/// A table's and a fact's name as they stand in a path.
pub(in crate::api) type Named = Result<Path<(String, String)>, PathRejection>;

/// The fact that a path names.
pub(super) fn named(named: Named) -> Result<FactId, Problem> {
    let Path((table, id)) = named.map_err(|error| Problem::invalid(error.body_text()))?;
    let table = table_of(&table)?;
    let refuse = |error: &dyn std::fmt::Display| {
        Problem::invalid(format!("{table}: {error}")).param("id").code("invalid_value")
    };
    FactId::new(table, &id).map_err(|error| refuse(&error))
}

/// The table that a path names.
pub(super) fn table_of(name: &str) -> Result<Table, Problem> {
    name.parse().map_err(|error: crate::facts::ParseTableError| {
        Problem::new(StatusCode::NOT_FOUND, Kind::InvalidRequestError, error.to_string())
            .param("table")
            .code("unknown_table")
    })
}

/// A fact that is not there.
pub(super) fn not_found(id: &FactId) -> Problem {
    let message = format!("{id} is not there");
    Problem::new(StatusCode::NOT_FOUND, Kind::InvalidRequestError, message)
        .param("id")
        .code("fact_not_found")
}

/// What a refused write means for the caller, counted by its table and limit.
pub(super) fn of_facts(service: &Service, error: FactsError) -> Problem {
    let message = error.to_string();
    let invalid = |fault: &Fault| {
        let unknown = fault.why.starts_with("unknown field");
        let code = if unknown { "unknown_parameter" } else { "invalid_value" };
        let problem = Problem::invalid(message.as_str()).code(code);
        if fault.field.is_empty() { problem } else { problem.param(fault.field.as_str()) }
    };
    let (reason, problem) = match &error {
        FactsError::Invalid { fault, .. } | FactsError::Line { fault } => {
            ("invalid", invalid(fault))
        }
        FactsError::Absent { id } => {
            let problem = not_found(id);
            let problem = Problem::new(problem.status(), Kind::InvalidRequestError, message);
            ("absent", problem.param("id").code("fact_not_found"))
        }
        FactsError::Limit { setting, .. } => {
            let status = match *setting {
                "max_fact_bytes" => StatusCode::PAYLOAD_TOO_LARGE,
                _ => StatusCode::INSUFFICIENT_STORAGE,
            };
            let problem = Problem::new(status, Kind::InvalidRequestError, message);
            (*setting, problem.code("limit_exceeded"))
        }
        FactsError::Batch { .. } => {
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            let problem = Problem::new(status, Kind::InvalidRequestError, message);
            ("max_batch", problem.code("limit_exceeded"))
        }
        FactsError::KeyReused => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let problem = Problem::new(status, Kind::InvalidRequestError, message);
            ("key_reused", problem.param("Idempotency-Key").code("idempotency_key_reused"))
        }
        FactsError::Forgotten { .. }
        | FactsError::InUse { .. }
        | FactsError::Version { .. }
        | FactsError::Broken { .. }
        | FactsError::Disk { .. } => {
            let cause = std::error::Error::source(&error).map(|cause| format!("{error}: {cause}"));
            ("failed", Problem::internal(cause.unwrap_or(message)))
        }
    };
    service.metrics.facts().refused(reason);
    problem
}
