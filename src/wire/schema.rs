//! JSON Schemas of every topic, made from the types, and the command that prints them.

use super::asyncapi::asyncapi;
use super::inputs::{FollowInput, MentionInput, PurchaseInput, ReviewInput};
use super::journal::JournalValue;
use super::outbox::OutTopic;
use super::outputs::{CascadeValue, ScoreChangeValue, ScoreValue};
use crate::event::Topic;
use crate::failure::Failure;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, json_schema};
use serde_json::Value;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// JSON Schema (2020-12) of the values of each topic, by the topic's default name. Unknown fields are allowed everywhere, so
/// that producers may add. `influence.alerts` is not published yet.
#[must_use]
pub fn json_schemas() -> Vec<(String, Value)> {
    vec![
        (Topic::Follows.name().to_owned(), schema_of::<FollowInput>()),
        (Topic::Mentions.name().to_owned(), schema_of::<MentionInput>()),
        (Topic::Reviews.name().to_owned(), schema_of::<ReviewInput>()),
        (Topic::Purchases.name().to_owned(), schema_of::<PurchaseInput>()),
        (OutTopic::ScoreChanges.name().to_owned(), schema_of::<ScoreChangeValue>()),
        (OutTopic::Scores.name().to_owned(), schema_of::<ScoreValue>()),
        (OutTopic::Cascades.name().to_owned(), schema_of::<CascadeValue>()),
        (OutTopic::Rejects.name().to_owned(), rejects_schema()),
        (OutTopic::Journal.name().to_owned(), schema_of::<JournalValue>()),
    ]
}

/// Self-contained, so that a schema can be copied anywhere.
fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

fn rejects_schema() -> Value {
    json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": OutTopic::Rejects.name(),
        "description": "The bytes of a record that could not be used, as they came: often not JSON at all. The headers say why.",
    })
    .to_value()
}

/// Arguments of `bellwether schema`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct SchemaArgs {
    /// Only the schema of this topic (its default name, such as commerce.purchases)
    pub topic: Option<String>,
    /// The AsyncAPI 3 document of all topics instead
    #[arg(long, conflicts_with = "topic")]
    pub asyncapi: bool,
    /// Write <topic>.schema.json files and asyncapi.json to this directory
    #[arg(long, value_name = "DIR", conflicts_with_all = ["topic", "asyncapi"])]
    pub out: Option<PathBuf>,
}

/// Prints schemas or writes them to files.
///
/// # Errors
/// [`Failure::Usage`] for an unknown topic, [`Failure::Other`] if the output cannot be written.
pub fn schema_command(args: &SchemaArgs) -> Result<(), Failure> {
    if let Some(directory) = &args.out {
        return write_all(directory);
    }
    print(&chosen(args)?)
}

fn chosen(args: &SchemaArgs) -> Result<Value, Failure> {
    if args.asyncapi {
        return Ok(asyncapi());
    }
    let schemas = json_schemas();
    let Some(topic) = &args.topic else { return Ok(Value::Object(schemas.into_iter().collect())) };
    let names: Vec<String> = schemas.iter().map(|(name, _)| name.clone()).collect();
    let found = schemas.into_iter().find(|(name, _)| name == topic);
    found.map(|(_, schema)| schema).ok_or_else(|| Failure::Usage(format!("{topic} is not one of {}", names.join(", "))))
}

fn print(value: &Value) -> Result<(), Failure> {
    match writeln!(std::io::stdout(), "{value:#}") {
        // Whoever reads the pipe, such as `head`, has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| Failure::Other(format!("standard output: {error}"))),
    }
}

fn write_all(directory: &Path) -> Result<(), Failure> {
    let failed = |path: &Path, error: std::io::Error| Failure::Other(format!("{}: {error}", path.display()));
    std::fs::create_dir_all(directory).map_err(|error| failed(directory, error))?;
    let schemas = json_schemas().into_iter().map(|(topic, schema)| (format!("{topic}.schema.json"), schema));
    for (name, document) in schemas.chain([("asyncapi.json".to_owned(), asyncapi())]) {
        let path = directory.join(name);
        std::fs::write(&path, format!("{document:#}\n")).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}
