//! What is the same in the OpenAPI 3.1 description of every door.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// A whole description, of operations by path and method.
pub fn document<'a>(
    title: &str,
    describe: impl FnOnce(&mut SchemaGenerator) -> Vec<(&'a str, String, Value)>,
) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    for (path, method, operation) in describe(&mut generator) {
        let path = paths.entry(path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(method.to_ascii_lowercase(), operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": title,
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

/// Parameters in a path, and those of its query by name and meaning.
pub fn parameters<'a>(path: &str, query: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Value> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = names.map(|name| {
        json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
    });
    let in_query = query.map(|(name, about)| {
        let schema = json!({ "type": "string" });
        json!({ "name": name, "in": "query", "description": about, "schema": schema })
    });
    in_path.chain(in_query).collect()
}

/// By which programs call an operation.
pub fn operation_id(method: &str, path: &str) -> String {
    let words = path.replace(['{', '}'], "").replace(['/', '.', '-'], "_");
    format!("{}{words}", method.to_ascii_lowercase())
}
