//! The one table from the rooms' errors to what a client is told.

use std::time::Duration;

use axum::http::StatusCode;

use super::shelf::ShelfError;
use crate::audit::AuditError;
use crate::cache::Failure;
use crate::engine::{ConstraintError, EngineError, InferError};
use crate::http::{Kind, Problem};
use crate::shoppers::ShoppersError;
use crate::skills::chat::TemplateError;
use crate::skills::concierge::ConciergeError;
use crate::skills::pictures::PictureError;

/// The field that says what an answer must be.
const RESPONSE_FORMAT: &str = "response_format";
/// When to come back to a server that is stopping: it may be a restart.
const RESTART_WAIT: Duration = Duration::from_secs(10);
/// When to come back where other requests have the memory that one needs.
const MEMORY_WAIT: Duration = Duration::from_secs(1);
/// When to come back where a model is in between.
const LOAD_WAIT: Duration = Duration::from_secs(1);
/// When to come back to a conversation in which another message is being answered.
const BUSY_WAIT: Duration = Duration::from_secs(1);
/// When to come back where as many conversations as there may be are there.
const FULL_WAIT: Duration = Duration::from_secs(30);
/// When to come back where what was asked about has just changed.
const FACTS_WAIT: Duration = Duration::from_secs(1);

/// What an engine's refusal means for the caller; `prompt` is the field the prompt came from.
pub(super) fn of_engine(error: EngineError, prompt: &str) -> Problem {
    let message = error.to_string();
    match error {
        EngineError::QueueFull { retry_after, .. } => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, Kind::OverloadedError, message)
                .code("queue_full")
                .retry_after(retry_after)
        }
        EngineError::PromptTooLong { .. } => {
            Problem::invalid(message).param(prompt).code("context_length_exceeded")
        }
        EngineError::UnknownToken { .. } => {
            Problem::invalid(message).param(prompt).code("unknown_token")
        }
        EngineError::Constraint(_) => {
            Problem::invalid(message).param(RESPONSE_FORMAT).code("unsupported_schema")
        }
        EngineError::EmptyPrompt => Problem::invalid(message).param(prompt).code("empty_prompt"),
        EngineError::Deadline => {
            Problem::new(StatusCode::GATEWAY_TIMEOUT, Kind::TimeoutError, message).code("timeout")
        }
        EngineError::ShuttingDown => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, Kind::OverloadedError, message)
                .code("shutting_down")
                .retry_after(RESTART_WAIT)
        }
        EngineError::Internal(cause) => Problem::internal(cause),
    }
}

/// What it means for the caller that an answer was not given to its end.
pub(super) fn of_failure(failure: Failure, prompt: &str) -> Problem {
    let message = failure.to_string();
    match failure {
        Failure::Engine(error) => of_engine(error, prompt),
        Failure::Recalled { .. } | Failure::Overtaken { .. } => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, Kind::OverloadedError, message)
                .code("facts_changed")
                .retry_after(FACTS_WAIT)
        }
        Failure::TooLarge { .. } => Problem::internal(message),
    }
}

/// What it means for the caller that a conversation does not go on.
pub(super) fn of_concierge(error: ConciergeError) -> Problem {
    let message = error.to_string();
    match error {
        ConciergeError::Busy => Problem::new(StatusCode::CONFLICT, Kind::OverloadedError, message)
            .code("busy")
            .retry_after(BUSY_WAIT),
        ConciergeError::Closed => {
            Problem::new(StatusCode::CONFLICT, Kind::InvalidRequestError, message).code("closed")
        }
        ConciergeError::Failed(failure) => of_failure(failure, "text"),
        ConciergeError::Shoppers(error) => of_shoppers(error, message),
    }
}

/// A record of an answer that cannot be had.
pub(super) fn of_audit(error: AuditError) -> Problem {
    match error {
        AuditError::NotFound { .. } | AuditError::BadId => {
            Problem::new(StatusCode::NOT_FOUND, Kind::InvalidRequestError, error.to_string())
                .code("not_found")
        }
        error => Problem::internal(error),
    }
}

fn of_shoppers(error: ShoppersError, message: String) -> Problem {
    let not_found =
        || Problem::new(StatusCode::NOT_FOUND, Kind::InvalidRequestError, message.clone());
    match error {
        ShoppersError::NotFound { .. } | ShoppersError::BadId { .. } | ShoppersError::Erased => {
            not_found().code("not_found")
        }
        ShoppersError::Expired { .. } => not_found().code("expired"),
        ShoppersError::CardNumber => Problem::invalid(message).param("text").code("card_number"),
        ShoppersError::TooLarge { field, .. } => {
            Problem::invalid(message).param(field).code("invalid_value")
        }
        ShoppersError::Full { .. } => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, Kind::OverloadedError, message)
                .code("full")
                .retry_after(FULL_WAIT)
        }
        error => Problem::internal(error),
    }
}

/// What a network's refusal means for the caller.
pub(super) fn of_inference(error: InferError) -> Problem {
    let message = error.to_string();
    match error {
        InferError::QueueFull { retry_after, .. } => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, Kind::OverloadedError, message)
                .code("queue_full")
                .retry_after(retry_after)
        }
        InferError::Deadline => {
            Problem::new(StatusCode::GATEWAY_TIMEOUT, Kind::TimeoutError, message).code("timeout")
        }
        InferError::ShuttingDown => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, Kind::OverloadedError, message)
                .code("shutting_down")
                .retry_after(RESTART_WAIT)
        }
        InferError::Memory { .. } => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, Kind::OverloadedError, message)
                .code("memory_full")
                .retry_after(MEMORY_WAIT)
        }
        InferError::Internal(cause) => Problem::internal(cause),
        InferError::UnknownInput { .. }
        | InferError::UnknownOutput { .. }
        | InferError::MissingInput { .. }
        | InferError::Twice { .. }
        | InferError::Element { .. }
        | InferError::Shape { .. }
        | InferError::TooLarge { .. }
        | InferError::Refused { .. } => Problem::invalid(message).code("invalid_tensor"),
    }
}

/// A form that an answer cannot be kept to.
pub(super) fn of_constraint(error: ConstraintError) -> Problem {
    let message = format!("{RESPONSE_FORMAT}: {error}");
    match error {
        ConstraintError::Form(_) | ConstraintError::NoEnd => {
            Problem::invalid(message).param(RESPONSE_FORMAT).code("unsupported_schema")
        }
    }
}

/// What a template's refusal means for the caller.
pub(super) fn of_template(error: TemplateError) -> Problem {
    match error {
        TemplateError::Refused(_) => {
            Problem::invalid(error.to_string()).param("messages").code("refused_by_template")
        }
        TemplateError::TooLong { .. } => {
            Problem::invalid(error.to_string()).param("messages").code("context_length_exceeded")
        }
        TemplateError::Compile(_) | TemplateError::Render(_) => Problem::internal(error),
    }
}

/// What the shelf's refusal means for a client: what it may do, and nothing of the inside.
pub(super) fn of_shelf(error: ShelfError) -> Problem {
    let message = match &error {
        ShelfError::Failing { name, .. } => {
            format!("the model `{name}` cannot be loaded just now")
        }
        error => error.to_string(),
    };
    refused_by_shelf(error, message)
}

/// [`of_shelf`] for an administrator, who is told why.
pub(super) fn of_shelf_in_full(error: ShelfError) -> Problem {
    let message = error.to_string();
    refused_by_shelf(error, message)
}

fn refused_by_shelf(error: ShelfError, message: String) -> Problem {
    let overloaded =
        || Problem::new(StatusCode::SERVICE_UNAVAILABLE, Kind::OverloadedError, message.as_str());
    let conflict =
        || Problem::new(StatusCode::CONFLICT, Kind::InvalidRequestError, message.as_str());
    match error {
        ShelfError::Unknown { name, known } => unknown_model(&name, known.iter()),
        ShelfError::TooLarge { .. } => overloaded().code("model_too_large"),
        ShelfError::Failing { retry_after, .. } => {
            overloaded().code("model_not_loaded").retry_after(retry_after)
        }
        ShelfError::Pinned { .. } => conflict().code("model_pinned"),
        ShelfError::Loading { .. } => conflict().code("model_loading").retry_after(LOAD_WAIT),
        ShelfError::Alias { .. } => Problem::invalid(message).code("invalid_alias"),
        ShelfError::ShuttingDown => overloaded().code("shutting_down").retry_after(RESTART_WAIT),
        ShelfError::Internal(cause) => Problem::internal(cause),
    }
}

/// What a network's refusal means for the caller, where we made its inputs.
pub(super) fn of_own_inference(error: InferError, name: &str) -> Problem {
    match error {
        InferError::QueueFull { .. }
        | InferError::Memory { .. }
        | InferError::Deadline
        | InferError::ShuttingDown => of_inference(error),
        InferError::TooLarge { .. } => {
            let message = format!("the model `{name}`: {error}");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, Kind::OverloadedError, message)
                .code("model_too_large")
        }
        error => Problem::internal(format!("{name}: {error}")),
    }
}

/// What a picture's refusal means for the caller.
pub(super) fn of_picture(error: PictureError) -> Problem {
    let (status, code) = match &error {
        PictureError::NotOfFormat(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_media_type"),
        PictureError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "picture_too_large"),
        PictureError::Animated => (StatusCode::BAD_REQUEST, "picture_animated"),
        PictureError::Truncated => (StatusCode::BAD_REQUEST, "picture_truncated"),
        PictureError::Head(_) | PictureError::Pixels(_) => {
            (StatusCode::BAD_REQUEST, "invalid_picture")
        }
    };
    let message = match &error {
        PictureError::TooLarge { .. } => format!("{error} (max_picture_pixels)"),
        error => error.to_string(),
    };
    Problem::new(status, Kind::InvalidRequestError, message).code(code)
}

/// A model that is not served here.
pub(super) fn unknown_model<'a>(name: &str, served: impl Iterator<Item = &'a String>) -> Problem {
    let served: Vec<&str> = served.map(String::as_str).collect();
    let shown: String = name.chars().take(100).collect();
    let message = match served.as_slice() {
        [] => format!("the model `{shown}` is not served here; no model is"),
        names => format!("the model `{shown}` is not served here; {} is", names.join(", ")),
    };
    Problem::new(StatusCode::NOT_FOUND, Kind::InvalidRequestError, message)
        .param("model")
        .code("model_not_found")
}

/// A graph that was asked to speak.
pub(super) fn not_a_language_model(name: &str) -> Problem {
    Problem::invalid(format!("the model `{name}` computes arrays and does not speak"))
        .param("model")
        .code("not_a_language_model")
}

/// A language model that was asked with arrays.
pub(super) fn not_a_network(name: &str) -> Problem {
    Problem::invalid(format!("the model `{name}` speaks; it is not asked with arrays"))
        .param("model")
        .code("not_a_network")
}

/// A model that was asked for vectors of texts and has no such head.
pub(super) fn not_an_encoder(name: &str) -> Problem {
    let why = "its card has no head with task `embed`, or its package no tokenizer";
    Problem::invalid(format!("the model `{name}` makes no vectors of texts: {why}"))
        .param("model")
        .code("not_an_encoder")
}

/// A model that has no way to write messages down.
pub(super) fn no_template(name: &str) -> Problem {
    Problem::invalid(format!("the model `{name}` has no chat template; ask it by /v1/completions"))
        .param("model")
        .code("no_chat_template")
}

/// A field that this server does not honour.
pub(super) fn unsupported(param: &str, why: &str) -> Problem {
    Problem::invalid(format!("{param}: {why}")).param(param).code("unsupported_parameter")
}

/// A value outside what is allowed.
pub(super) fn out_of_range(param: &str, given: impl std::fmt::Display, allowed: &str) -> Problem {
    Problem::invalid(format!("{param} is {given}; it must be {allowed}"))
        .param(param)
        .code("invalid_value")
}

/// More than a limit of this server; its name is that of the setting.
pub(super) fn over_limit(
    param: &str,
    given: usize,
    unit: &str,
    limit: usize,
    name: &str,
) -> Problem {
    Problem::invalid(format!("{param} has {given} {unit}; the limit is {limit} ({name})"))
        .param(param)
        .code("limit_exceeded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_is_right_is_told_to_come_back_and_one_that_can_never_run_is_not() {
        let full = InferError::Memory { bytes: 9, free_bytes: 8 };
        let large = InferError::TooLarge { bytes: 9, most_bytes: 8 };
        let told = of_inference(full.clone());
        assert_eq!(
            (told.status().as_u16(), told.body().code.as_deref()),
            (503, Some("memory_full"))
        );
        assert_eq!(of_own_inference(full, "u2netp").body().code.as_deref(), Some("memory_full"));
        assert_eq!(of_inference(large.clone()).status(), 400);
        let told = of_own_inference(large, "u2netp");
        assert_eq!(
            (told.status().as_u16(), told.body().code.as_deref()),
            (503, Some("model_too_large"))
        );
        assert!(told.body().message.contains("`u2netp`"));
    }

    #[test]
    fn each_error_of_the_engine_has_its_status_and_code() {
        let wait = Duration::from_millis(1500);
        for (error, status, code) in [
            (EngineError::QueueFull { queued: 9, retry_after: wait }, 503, "queue_full"),
            (
                EngineError::PromptTooLong { prompt_tokens: 9, limit_tokens: 8 },
                400,
                "context_length_exceeded",
            ),
            (EngineError::UnknownToken { token: 9, vocabulary: 8 }, 400, "unknown_token"),
            (EngineError::EmptyPrompt, 400, "empty_prompt"),
            (EngineError::Deadline, 504, "timeout"),
            (EngineError::ShuttingDown, 503, "shutting_down"),
            (EngineError::Internal("NaN in layer 3".into()), 500, "internal_error"),
        ] {
            let problem = of_engine(error, "messages");
            assert_eq!(problem.status().as_u16(), status, "{code}");
            assert_eq!(problem.body().code.as_deref(), Some(code));
            assert!(!problem.body().message.contains("NaN"));
        }
        let template = TemplateError::Refused("roles must alternate".into());
        assert_eq!(of_template(template).status(), 400);
        assert_eq!(of_template(TemplateError::Render("x".into())).status(), 500);
    }
}
