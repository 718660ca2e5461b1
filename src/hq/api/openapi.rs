//! The route table as OpenAPI 3.1.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::routes::{Access, Content, ROUTES, Route};
use crate::hq::users::Role;
use crate::http::ErrorEnvelope;

/// The whole description.
pub(super) fn describe() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    for route in ROUTES {
        let operation = operation(route, &mut generator);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.method.as_str().to_ascii_lowercase(), operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Endcap HQ",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
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
    let mut operation = json!({
        "summary": route.summary,
        "operationId": operation_id(route),
        "responses": { "200": answer, "default": error },
        "parameters": parameters(route),
        "security": security(route.access),
    });
    if let (Some(asked), Some(fields)) = (route.asked, operation.as_object_mut()) {
        let content = json!({ "application/json": { "schema": asked(generator) } });
        fields.insert("requestBody".into(), json!({ "required": true, "content": content }));
    }
    operation
}

fn parameters(route: &Route) -> Vec<Value> {
    let names = route.path.split('/').filter_map(|p| p.strip_prefix('{')?.strip_suffix('}'));
    let in_path = names.map(|name| {
        json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
    });
    let in_query = route.query.iter().map(|field| {
        let schema = json!({ "type": "string" });
        json!({ "name": field.name, "in": "query", "description": field.about, "schema": schema })
    });
    in_path.chain(in_query).collect()
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

fn operation_id(route: &Route) -> String {
    let words = route.path.replace(['{', '}'], "").replace(['/', '.', '-'], "_");
    format!("{}{words}", route.method.as_str().to_ascii_lowercase())
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
