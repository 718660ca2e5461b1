//! The route table as OpenAPI 3.1.

use schemars::SchemaGenerator;
use serde_json::{Value, json};

use super::routes::{Access, Content, ROUTES, Route};
use crate::hq::users::Role;
use crate::http::{ErrorEnvelope, openapi};

/// The whole description.
pub(super) fn describe() -> Value {
    openapi::document("Endcap HQ", |generator| {
        let described = |route: &'static Route| {
            (route.path, route.method.as_str().to_owned(), operation(route, generator))
        };
        ROUTES.iter().map(described).collect()
    })
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let content = match route.answer {
        Content::Json(schema) => json!({ "application/json": { "schema": schema(generator) } }),
        Content::Bytes => {
            let file = json!({ "type": "string", "format": "binary" });
            json!({ "application/octet-stream": { "schema": file } })
        }
        Content::Text(kind) => json!({ kind: { "schema": { "type": "string" } } }),
    };
    let error = json!({
        "description": "An error",
        "content": { "application/json": { "schema": generator.subschema_for::<ErrorEnvelope>() } },
    });
    let answer = json!({ "description": "The answer", "content": content });
    let query = route.query.iter().map(|field| (field.name, field.about));
    let mut operation = json!({
        "summary": route.summary,
        "operationId": openapi::operation_id(route.method.as_str(), route.path),
        "responses": { "200": answer, "default": error },
        "parameters": openapi::parameters(route.path, query),
        "security": security(route.access),
    });
    if let (Some(asked), Some(fields)) = (route.asked, operation.as_object_mut()) {
        let content = json!({ "application/json": { "schema": asked(generator) } });
        fields.insert("requestBody".into(), json!({ "required": true, "content": content }));
    }
    operation
}

fn security(access: Access) -> Value {
    match access {
        Access::Public => json!([]),
        Access::Nodes => json!([{ "token": ["node"] }]),
        Access::NodesAndUsers => json!([{ "token": ["node", "viewer"] }]),
        Access::Users(least) => {
            let may = Role::ALL.into_iter().filter(|role| *role >= least);
            json!([{ "token": may.map(Role::as_str).collect::<Vec<_>>() }])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described_and_every_reference_leads_somewhere() {
        let document = describe();
        for route in ROUTES {
            let method = route.method.as_str().to_ascii_lowercase();
            let operation = &document["paths"][route.path][&method];
            assert_eq!(operation["summary"], route.summary, "{}", route.path);
            let open = operation["security"].as_array().unwrap().is_empty();
            assert_eq!(open, route.access == Access::Public, "{}", route.path);
        }
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }
}
