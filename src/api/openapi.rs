//! The route table as OpenAPI 3.1.

use schemars::SchemaGenerator;
use serde_json::{Value, json};

use super::routes::{self, Asked, Content, Route};
use crate::http::{ErrorEnvelope, ErrorForm, PlainError, openapi};
use crate::skills::pictures::Format;

/// The whole description.
pub(super) fn describe() -> Value {
    openapi::document("Endcap", |generator| {
        let described =
            |route: &'static Route| (route.path, method(route), operation(route, generator));
        routes::all().map(described).collect()
    })
}

fn method(route: &Route) -> String {
    route.method.method().to_string()
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let error = match ErrorForm::of(route.path) {
        ErrorForm::OpenAi => generator.subschema_for::<ErrorEnvelope>(),
        ErrorForm::OpenInference => generator.subschema_for::<PlainError>(),
    };
    let error = json!({
        "description": "An error",
        "content": { "application/json": { "schema": error } },
    });
    let mut operation = json!({
        "summary": route.summary,
        "operationId": openapi::operation_id(&method(route), route.path),
        "responses": { "200": success(&route.response, generator), "default": error },
    });
    let Some(fields) = operation.as_object_mut() else { return operation };
    if let Some(asked) = &route.request {
        let content = content_of(asked, generator);
        fields.insert("requestBody".into(), json!({ "required": true, "content": content }));
    }
    let query = route.query.iter().map(|field| (field.name, field.about));
    let mut parameters = openapi::parameters(route.path, query);
    parameters.extend(headers(route));
    if !parameters.is_empty() {
        fields.insert("parameters".into(), Value::from(parameters));
    }
    let security = match route.access.roles() {
        None => json!([]),
        Some(roles) => json!([{ "token": roles }]),
    };
    fields.insert("security".into(), security);
    operation
}

fn content_of(asked: &Asked, generator: &mut SchemaGenerator) -> Value {
    match asked {
        Asked::Json(schema) => json!({ "application/json": { "schema": schema(generator) } }),
        Asked::JsonOrBinary(schema) => json!({
            "application/json": { "schema": schema(generator) },
            "application/octet-stream": bytes(),
        }),
        Asked::MergePatch => {
            let object = json!({ "schema": { "type": "object" } });
            json!({ "application/merge-patch+json": object, "application/json": object })
        }
        Asked::Lines(schema) => {
            // A whole body is text; what stands in each of its lines is said beside it.
            let line = schema(generator);
            let [media_type, ..] = super::store::facts::batch::MEDIA_TYPES;
            json!({ media_type: { "schema": { "type": "string" }, "x-line-schema": line } })
        }
        Asked::Bytes => json!({ "application/octet-stream": bytes() }),
        Asked::Picture => {
            let file = json!({ "schema": { "type": "string", "format": "binary" } });
            let types = Format::ALL.map(|format| (format.media_type().to_owned(), file.clone()));
            Value::Object(types.into_iter().collect())
        }
    }
}

fn success(response: &Content, generator: &mut SchemaGenerator) -> Value {
    let content = match response {
        Content::Json(schema) => json!({ "application/json": { "schema": schema(generator) } }),
        Content::JsonOrEvents(whole, event) => json!({
            "application/json": { "schema": whole(generator) },
            "text/event-stream": { "schema": event(generator) },
        }),
        Content::JsonOrBinary(schema) => json!({
            "application/json": { "schema": schema(generator) },
            "application/octet-stream": bytes(),
        }),
        Content::PngOrJson(schema) => json!({
            "image/png": { "schema": { "type": "string", "format": "binary" } },
            "application/json": { "schema": schema(generator) },
        }),
        Content::Events(event) => json!({ "text/event-stream": { "schema": event(generator) } }),
        Content::File => {
            json!({ "*/*": { "schema": { "type": "string", "format": "binary" } } })
        }
        Content::Text(media_type) => json!({ *media_type: { "schema": { "type": "string" } } }),
    };
    json!({ "description": "The answer", "content": content })
}

/// Bytes, or JSON with bytes behind it.
fn bytes() -> Value {
    json!({ "schema": { "type": "string", "format": "binary" } })
}

/// Headers that mean something to a route.
fn headers(route: &Route) -> Vec<Value> {
    let header = |name: &str, description: &str, schema: Value| {
        json!({
            "name": name,
            "in": "header",
            "required": false,
            "description": description,
            "schema": schema,
        })
    };
    let mut headers = Vec::new();
    if let Content::JsonOrBinary(_) = route.response {
        let number = json!({ "type": "integer", "minimum": 0 });
        let about = "Bytes of the JSON, where bytes stand behind it";
        headers.push(header("Inference-Header-Content-Length", about, number));
    }
    if route.takes_key() {
        let key = json!({ "type": "string", "pattern": "^[!#-~]{1,255}$" });
        let about = "Names the request; where it comes again, it has no second effect";
        headers.push(header("Idempotency-Key", about, key));
    }
    if let Content::Events(_) = route.response {
        let id = json!({ "type": "string" });
        headers.push(header("Last-Event-ID", "The id of the last event that was seen", id));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Access;

    /// Every `$ref` in a value.
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(path)) = fields.get("$ref") {
                    found.push(path.clone());
                }
                fields.values().for_each(|v| references(v, found));
            }
            Value::Array(items) => items.iter().for_each(|v| references(v, found)),
            _ => {}
        }
    }

    #[test]
    fn every_route_is_described_and_every_reference_leads_somewhere() {
        let document = describe();
        for route in routes::all() {
            let method = route.method.method().as_str().to_ascii_lowercase();
            let operation = &document["paths"][route.path][&method];
            assert_eq!(operation["summary"], route.summary);
            let open = operation["security"].as_array().unwrap().is_empty();
            assert_eq!(open, route.access == Access::Public, "{}", route.path);
        }
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        for path in found {
            let pointer = path.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{path}");
        }
        let chat = document.pointer("/components/schemas/ChatRequest/properties").unwrap();
        assert!(chat.get("messages").is_some() && chat.get("audio").is_none(), "{chat}");
    }
}
