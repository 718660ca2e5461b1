//! The one table from HQ's errors to what its callers read.

use axum::http::StatusCode;

use crate::hq::error::HqError;
use crate::http::{Kind, Problem};
use crate::telemetry::with_causes;

impl From<HqError> for Problem {
    fn from(error: HqError) -> Self {
        let said = error.to_string();
        let caller =
            |status, code| Self::new(status, Kind::InvalidRequestError, said.clone()).code(code);
        match &error {
            HqError::Unknown { .. } => caller(StatusCode::NOT_FOUND, "not_found"),
            HqError::NoCatalogue { .. } => {
                caller(StatusCode::NOT_FOUND, "not_found").param("catalogue")
            }
            HqError::LastAdmin(_) => caller(StatusCode::CONFLICT, "last_admin").param("id"),
            HqError::Taken { .. } => caller(StatusCode::CONFLICT, "taken"),
            HqError::NoBroker => caller(StatusCode::CONFLICT, "no_broker"),
            HqError::Revoked(_) | HqError::Gone(_) => caller(StatusCode::CONFLICT, "revoked"),
            HqError::Moved { .. } => caller(StatusCode::CONFLICT, "overtaken").param("over"),
            HqError::Stage { .. } => caller(StatusCode::CONFLICT, "wrong_state").param("number"),
            HqError::Overtaken { .. } => caller(StatusCode::CONFLICT, "overtaken").param("over"),
            HqError::TooMuch { .. } => caller(StatusCode::BAD_REQUEST, "too_much"),
            HqError::Value { field, .. } => {
                caller(StatusCode::BAD_REQUEST, "invalid_value").param(*field)
            }
            HqError::Protocol(_) => caller(StatusCode::BAD_REQUEST, "invalid_value"),
            HqError::Line { .. } => caller(StatusCode::BAD_REQUEST, "invalid_line"),
            HqError::Untrusted(why) => Self::unauthenticated(*why),
            HqError::Database { .. }
            | HqError::Artefacts { .. }
            | HqError::Form { .. }
            | HqError::NotThere(_)
            | HqError::Pack(_)
            | HqError::Damaged { .. }
            | HqError::File { .. }
            | HqError::Key { .. }
            | HqError::Certificate { .. }
            | HqError::Random(_) => Self::internal(with_causes(&error)),
        }
    }
}
