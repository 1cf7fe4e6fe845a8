//! The AsyncAPI 3 document: which topics there are, who sends, with which keys, headers and values.

use super::outbox::OutTopic;
use super::reason::Reason;
use super::schema::json_schemas;
use crate::event::Topic;
use serde_json::{Map, Value, json};

/// AsyncAPI 3.0.0, tying channels, operations, messages, headers and keys together.
#[must_use]
pub fn asyncapi() -> Value {
    let (mut channels, mut operations, mut messages) = (Map::new(), Map::new(), Map::new());
    for (topic, schema) in json_schemas() {
        let output = OutTopic::ALL.into_iter().find(|output| output.name() == topic);
        let (action, cleanup) = match output {
            None => ("receive", None),
            Some(OutTopic::Scores) => ("send", Some("compact")),
            Some(_) => ("send", Some("delete")),
        };
        channels.insert(topic.clone(), channel(&topic, cleanup));
        operations.insert(
            format!("{action}.{topic}"),
            json!({
                "action": action,
                "channel": {"$ref": format!("#/channels/{topic}")},
                "messages": [{"$ref": format!("#/channels/{topic}/messages/value")}],
            }),
        );
        messages.insert(topic.clone(), message(&topic, output, schema));
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Bellwether",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Finds the customers whom other customers follow into buying, while it happens. Topic names and the \
                shape of inputs can be mapped in the configuration; these are the defaults.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    })
}

fn channel(topic: &str, cleanup: Option<&str>) -> Value {
    let mut channel = json!({
        "address": topic,
        "messages": {"value": {"$ref": format!("#/components/messages/{topic}")}},
    });
    if let Some(cleanup) = cleanup {
        let configuration = json!({"cleanup.policy": [cleanup]});
        channel["bindings"] = json!({"kafka": {"topicConfiguration": configuration, "bindingVersion": "0.5.0"}});
    }
    channel
}

fn message(topic: &str, output: Option<OutTopic>, mut schema: Value) -> Value {
    // AsyncAPI's own dialect; the keywords in use mean the same there.
    let description = schema.as_object_mut().and_then(|schema| {
        schema.remove("$schema");
        schema.get("description").cloned()
    });
    let mut message = json!({"name": topic, "title": topic, "payload": schema});
    if let Some(description) = description {
        message["summary"] = description;
    }
    if let Some(headers) = output.and_then(headers) {
        message["headers"] = headers;
    }
    if let Some(key) = key(topic, output) {
        message["bindings"] =
            json!({"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": "0.5.0"}});
    }
    message
}

/// What the key is; nothing is said of it where any key or none will do.
fn key(topic: &str, output: Option<OutTopic>) -> Option<&'static str> {
    match output {
        None if Topic::ALL.iter().any(|input| input.name() == topic) => {
            Some("Any key: inputs are merged by event time.")
        }
        None | Some(OutTopic::Journal) => None,
        Some(OutTopic::ScoreChanges | OutTopic::Scores) => Some("The customer's id, UTF-8."),
        Some(OutTopic::Cascades) => Some("The product's id, UTF-8."),
        Some(OutTopic::Alerts) => Some("The customer's or product's id, UTF-8."),
        Some(OutTopic::Rejects) => Some("The key of the rejected record, as it came."),
    }
}

fn headers(output: OutTopic) -> Option<Value> {
    match output {
        OutTopic::ScoreChanges | OutTopic::Scores | OutTopic::Cascades | OutTopic::Alerts => Some(cloud_event()),
        OutTopic::Rejects => Some(reject()),
        OutTopic::Journal => None,
    }
}

fn cloud_event() -> Value {
    json!({
        "type": "object",
        "description": "CloudEvents 1.0, Kafka protocol binding, binary content mode.",
        "required": ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "content-type"],
        "properties": {
            "ce_specversion": {"const": "1.0"},
            "ce_id": {"type": "string", "pattern": "^[0-9a-f]{32}$", "description": "The same for the same change in every run."},
            "ce_type": {"type": "string", "description": "Such as bellwether.score.changed.v1."},
            "ce_source": {"type": "string"},
            "ce_subject": {"type": "string", "description": "The key."},
            "ce_time": {"type": "string", "format": "date-time"},
            "ce_position": {"type": "string", "description": "topic/partition/offset of the cause; absent for decay."},
            "content-type": {"const": "application/json"},
        },
    })
}

fn reject() -> Value {
    let reasons: Vec<Value> =
        Reason::ALL.iter().map(|reason| json!({"const": reason.name(), "description": reason.meaning()})).collect();
    json!({
        "type": "object",
        "description": "The headers of the rejected record as they came, then these.",
        "required": [
            "bellwether.reject.topic", "bellwether.reject.partition", "bellwether.reject.offset",
            "bellwether.reject.reason", "bellwether.reject.detail",
        ],
        "properties": {
            "bellwether.reject.topic": {"type": "string"},
            "bellwether.reject.partition": {"type": "string", "pattern": "^[0-9]+$"},
            "bellwether.reject.offset": {"type": "string", "pattern": "^[0-9]+$"},
            "bellwether.reject.reason": {"oneOf": reasons},
            "bellwether.reject.field": {"type": "string", "description": "The field to blame, if it is one."},
            "bellwether.reject.detail": {"type": "string", "description": "What was found and what is expected."},
            "__connect.errors.topic": {"type": "string"},
            "__connect.errors.partition": {"type": "string"},
            "__connect.errors.offset": {"type": "string"},
            "__connect.errors.stage": {"enum": ["VALUE_CONVERTER", "TASK_PUT"]},
            "__connect.errors.class.name": {"type": "string"},
            "__connect.errors.exception.class.name": {"type": "string"},
            "__connect.errors.exception.message": {"type": "string"},
        },
    })
}
