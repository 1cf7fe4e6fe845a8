//! `/openapi.json`, from the route table and the types of the answers.

use super::problem::Problem;
use super::routes::{ROUTES, Route};
use super::stream::Lagged;
use super::{CascadeStreamed, ScoreStreamed};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

/// The OpenAPI 3.1 document.
pub(super) fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut schemas = settings.into_generator();
    let problem = schemas.subschema_for::<Problem>();
    // What the stream's events carry: no route answers with them whole, so no route would list them.
    schemas.subschema_for::<ScoreStreamed>();
    schemas.subschema_for::<CascadeStreamed>();
    schemas.subschema_for::<Lagged>();
    let paths: serde_json::Map<String, Value> =
        ROUTES.iter().map(|route| (route.path.to_owned(), json!({"get": operation(route, &mut schemas)}))).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Bellwether",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What readers may see of the customers whom others follow into buying. Every JSON answer carries `as_of`.",
        },
        "security": [{"token": []}, {}],
        "paths": paths,
        "components": {
            "schemas": schemas.take_definitions(true),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "responses": {
                "Problem": {
                    "description": "What went wrong (RFC 9457)",
                    "content": {"application/problem+json": {"schema": problem}},
                },
            },
        },
    })
}

fn operation(route: &Route, schemas: &mut SchemaGenerator) -> Value {
    let parameters: Vec<Value> = route
        .parameters
        .iter()
        .map(|(name, schema, meaning)| {
            let in_path = route.path.contains(&format!("{{{name}}}"));
            let schema: Value = serde_json::from_str(schema).expect("the table's schemas are JSON");
            json!({
                "name": name,
                "in": if in_path { "path" } else { "query" },
                "required": in_path,
                "description": meaning,
                "schema": schema,
            })
        })
        .collect();
    let (media, schema) = route.answer;
    let content = match schema {
        Some(schema) => json!({"schema": schema(schemas)}),
        None => json!({}),
    };
    json!({
        "summary": route.summary,
        "parameters": parameters,
        "responses": {
            "200": {"description": "The answer", "content": {media: content}},
            "default": {"$ref": "#/components/responses/Problem"},
        },
    })
}
