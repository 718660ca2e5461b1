//! The route table as OpenAPI 3.1.

use schemars::SchemaGenerator;
use serde_json::{Value, json};

use super::catalogues;
use super::routes::{Access, Asked, Content, ROUTES, Route};
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
    if let (Some(content), Some(fields)) = (carried(route, generator), operation.as_object_mut()) {
        fields.insert("requestBody".into(), json!({ "required": true, "content": content }));
    }
    operation
}

fn carried(route: &Route, generator: &mut SchemaGenerator) -> Option<Value> {
    match route.asked {
        Asked::Nothing => None,
        Asked::Json(schema) => Some(json!({ "application/json": { "schema": schema(generator) } })),
        Asked::Lines(schema) => {
            Some(json!({ catalogues::MEDIA_TYPE: { "schema": schema(generator) } }))
        }
        Asked::Bytes => {
            let file = json!({ "type": "string", "format": "binary" });
            Some(json!({ "application/octet-stream": { "schema": file } }))
        }
    }
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
    fn bodies_are_described_with_the_type_that_the_door_takes() {
        let document = describe();
        for (path, method, kind) in [
            (
                "/hq/v1/tenants/{tenant}/catalogues/{catalogue}/facts",
                "post",
                "application/x-ndjson",
            ),
            ("/artefacts/{digest}", "put", "application/octet-stream"),
            ("/hq/v1/users", "post", "application/json"),
        ] {
            let content = &document["paths"][path][method]["requestBody"]["content"];
            let kinds: Vec<_> = content.as_object().unwrap().keys().collect();
            assert_eq!(kinds, [kind], "{path}");
        }
    }

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
