//! The form of every error: the one that the clients of its path read.

use std::time::Duration;

use axum::Json;
use axum::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::request_id::RequestId;

/// Milliseconds form of `Retry-After`, which OpenAI's clients prefer.
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// An error on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ErrorEnvelope {
    /// What went wrong.
    pub error: ErrorBody,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ErrorBody {
    /// For a person: the act, the thing and the limit.
    pub message: String,
    /// Class of the error.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Path of the request's field at fault, as `messages[0].content`.
    pub param: Option<String>,
    /// For a program.
    pub code: Option<String>,
}

/// An error on the wire of the Open Inference Protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PlainError {
    /// For a person: the act, the thing and the limit.
    pub error: String,
}

/// How an error is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorForm {
    /// As OpenAI does: [`ErrorEnvelope`].
    OpenAi,
    /// As the Open Inference Protocol does: [`PlainError`].
    OpenInference,
}

impl ErrorForm {
    /// The form that the clients of a path read.
    pub fn of(path: &str) -> Self {
        match path.strip_prefix("/v2") {
            Some("") => Self::OpenInference,
            Some(rest) if rest.starts_with('/') => Self::OpenInference,
            _ => Self::OpenAi,
        }
    }
}

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The request cannot be served as it is.
    InvalidRequestError,
    /// Nobody we know asks.
    AuthenticationError,
    /// Who asks may not do this.
    PermissionError,
    /// Too much is asked at once; later it may go.
    OverloadedError,
    /// The time allowed is over.
    TimeoutError,
    /// The fault is ours.
    ServerError,
}

/// An error on its way out. The cause is for our log, never for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(Box<Parts>);

/// Boxed, because every parser's result has room for one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    status: StatusCode,
    body: ErrorBody,
    retry_after: Option<Duration>,
    allow: Option<String>,
    cause: Option<String>,
}

impl Problem {
    /// A problem of this status and class.
    pub fn new(status: StatusCode, kind: Kind, message: impl Into<String>) -> Self {
        let body = ErrorBody { message: message.into(), kind, param: None, code: None };
        Self(Box::new(Parts { status, body, retry_after: None, allow: None, cause: None }))
    }

    /// 400: the request is at fault.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Kind::InvalidRequestError, message)
    }

    /// 401: no token, or none that we know.
    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, Kind::AuthenticationError, message)
            .code("invalid_api_key")
    }

    /// 404: no such route.
    pub fn no_route(method: &str, path: &str) -> Self {
        let message = format!("there is no {method} {path} here; see /openapi.json");
        Self::new(StatusCode::NOT_FOUND, Kind::InvalidRequestError, message).code("unknown_url")
    }

    /// 405: the route exists, for these methods.
    pub fn wrong_method(method: &str, path: &str, allow: String) -> Self {
        let message = format!("{path} takes {allow}, not {method}");
        let mut problem =
            Self::new(StatusCode::METHOD_NOT_ALLOWED, Kind::InvalidRequestError, message);
        problem.0.allow = Some(allow);
        problem.code("method_not_allowed")
    }

    /// 500: the cause goes to the log, the request's id to the client.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        let message = "the server failed on this request";
        let mut problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, Kind::ServerError, message);
        problem.0.cause = Some(cause.to_string());
        problem.code("internal_error")
    }

    /// Names the field at fault.
    pub fn param(mut self, path: impl Into<String>) -> Self {
        self.0.body.param = Some(path.into());
        self
    }

    /// Names the error for programs.
    pub fn code(mut self, code: &str) -> Self {
        self.0.body.code = Some(code.to_owned());
        self
    }

    /// Says when to come back.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// The status it is sent with.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// What the client reads.
    pub fn body(&self) -> &ErrorBody {
        &self.0.body
    }

    /// What our log reads, where there is more to say.
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// The body as sent, with the request's id where the fault is ours.
    pub fn envelope(&self, id: Option<&RequestId>) -> ErrorEnvelope {
        let mut error = self.0.body.clone();
        if let (true, Some(id)) = (self.0.status == StatusCode::INTERNAL_SERVER_ERROR, id) {
            error.message = format!("{}; its id is {}", error.message, id.as_str());
        }
        ErrorEnvelope { error }
    }

    /// The response in this form, with the request's id where the fault is ours.
    pub(super) fn respond(self, form: ErrorForm, id: Option<&RequestId>) -> Response {
        let envelope = self.envelope(id);
        let mut response = match form {
            ErrorForm::OpenAi => (self.0.status, Json(envelope)).into_response(),
            ErrorForm::OpenInference => {
                let plain = PlainError { error: envelope.error.message };
                (self.0.status, Json(plain)).into_response()
            }
        };
        self.write_headers(response.headers_mut());
        response.extensions_mut().insert(self);
        response
    }

    pub(super) fn write_headers(&self, headers: &mut HeaderMap) {
        if self.0.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"endcap\"");
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(wait) = self.0.retry_after {
            let wait_s = wait.as_secs_f64().ceil().max(1.0) as u64;
            headers.insert(RETRY_AFTER, HeaderValue::from(wait_s));
            headers.insert(RETRY_AFTER_MS, HeaderValue::from(wait.as_millis().max(1) as u64));
        }
        if let Some(value) = self.0.allow.as_deref().and_then(|a| HeaderValue::from_str(a).ok()) {
            headers.insert(ALLOW, value);
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.respond(ErrorForm::OpenAi, None)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::StatusCode;
    use axum::response::IntoResponse;

    use super::{ErrorForm, Kind, Problem};

    #[test]
    fn a_path_says_in_which_form_its_errors_are() {
        for (path, form) in [
            ("/v2", ErrorForm::OpenInference),
            ("/v2/", ErrorForm::OpenInference),
            ("/v2/models/x/infer", ErrorForm::OpenInference),
            ("/v1/models", ErrorForm::OpenAi),
            ("/v20", ErrorForm::OpenAi),
            ("/", ErrorForm::OpenAi),
        ] {
            assert_eq!(ErrorForm::of(path), form, "{path}");
        }
    }

    #[test]
    fn an_error_has_openais_form() {
        let problem = Problem::invalid("n is 99; the limit is 8").param("n").code("limit");
        assert_eq!(
            serde_json::to_string(&problem.envelope(None)).unwrap(),
            r#"{"error":{"message":"n is 99; the limit is 8","type":"invalid_request_error","param":"n","code":"limit"}}"#
        );
    }

    #[test]
    fn headers_say_what_to_do_next() {
        let header = |problem: Problem, name: &str| {
            let response = problem.into_response();
            response.headers().get(name).map(|v| v.to_str().unwrap().to_owned())
        };
        let busy = Problem::new(StatusCode::SERVICE_UNAVAILABLE, Kind::OverloadedError, "busy")
            .retry_after(Duration::from_millis(2300));
        for (problem, name, value) in [
            (busy.clone(), "retry-after", "3"),
            (busy, "retry-after-ms", "2300"),
            (Problem::unauthenticated("who"), "www-authenticate", "Bearer realm=\"endcap\""),
            (Problem::wrong_method("PUT", "/v1/models", "GET".into()), "allow", "GET"),
        ] {
            assert_eq!(header(problem, name).as_deref(), Some(value), "{name}");
        }
    }
}
