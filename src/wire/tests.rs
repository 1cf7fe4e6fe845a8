//! The room as a whole: what is written against what is documented.
#![allow(clippy::unwrap_used, reason = "a test may panic, also in the functions that it shares")]

use super::fields::Field;
use super::*;
use crate::event::{
    CascadeChange, CascadeStatus, CategoryId, CategoryScore, Cause, CauseKind, Chunk, Credit, CreditHeld, CustomerId,
    EngineReason, FactorPoints, Layer, Money, Origin, Output, Points, Position, ProductId, Rejected, ScoreChange, Time,
    Topic, TotalValue, Traits,
};
use serde_json::Value;
use std::collections::BTreeSet;

/// Customers, products and categories with names that need care.
struct Named;

impl Names for Named {
    fn customer(&self, customer: CustomerId) -> &str {
        ["ann", "böb \"the\" \\ builder"][customer.0 as usize]
    }

    fn product(&self, _: ProductId) -> &str {
        "p1"
    }

    fn category(&self, category: CategoryId) -> &str {
        ["beauty", "toys & \"games\""][category.0 as usize]
    }
}

const POSITION: Position = Position { topic: Topic::Purchases, partition: 3, offset: 42 };

fn cause() -> Cause {
    Cause::Event { kind: CauseKind::Credited, event_id: "e\"1".into(), position: POSITION }
}

fn score_change(customer: u32, cause: Cause) -> Output {
    let mut factors = [FactorPoints::default(); 7];
    factors[0] = FactorPoints { points: Points(1250), previous: Points(1000) };
    Output::Score(Box::new(ScoreChange {
        customer: CustomerId(customer),
        sequence: 2,
        score: Points(1250),
        previous_score: Points(1305),
        layer: Layer::MicroInfluencer,
        previous_layer: Layer::Member,
        traits: Traits { super_connector: true, critic: true, experts: vec![CategoryId(0), CategoryId(1)] },
        polarity: -5,
        percentile: 999,
        factors,
        categories: vec![CategoryScore { category: CategoryId(1), score: Points(5001), credit: 0.1 + 0.2 }],
        value: TotalValue { own: Money(125_000), influenced_direct: Money(1), influenced_indirect: Money(-100) },
        credit: CreditHeld { direct: Credit(1_500_000_000), indirect: Credit(1) },
        followers: 7,
        audience: 120_000,
        cause,
        at: Time(1_772_366_400_250),
    }))
}

fn cascade_change() -> Output {
    Output::Cascade(Box::new(CascadeChange {
        cascade: 0xabc,
        product: ProductId(0),
        category: CategoryId(0),
        status: CascadeStatus::Grew,
        root: CustomerId(0),
        size: 6,
        depth: 2,
        breadth: 4,
        virality: 2.0 / 3.0,
        revenue: Money(995_000),
        withdrawn: 1,
        started_at: Time(1_772_366_400_000),
        last_adoption_at: Time(1_772_366_400_250),
        cause: cause(),
        at: Time(1_772_366_400_250),
    }))
}

fn encoder() -> Encoder {
    Encoder::new(EncodeOptions {
        model: "rules-0123456789abcdef".to_owned(),
        source: "bellwether/test".to_owned(),
        currency: "EUR".to_owned(),
        input_topics: ["follows", "mentions", "reviews", "shop.orders"].map(str::to_owned),
    })
}

fn encoded(outputs: &[Output]) -> Outbox {
    let mut outbox = Outbox::default();
    encoder().outputs(outputs, &Named, &mut outbox);
    outbox
}

fn text(bytes: Option<&[u8]>) -> &str {
    std::str::from_utf8(bytes.unwrap()).unwrap()
}

fn header<'a>(record: &OutRecord<'a>, name: &str) -> Option<&'a str> {
    record.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| text(*value))
}

fn schema(topic: &str) -> Value {
    json_schemas().into_iter().find(|(name, _)| name == topic).unwrap().1
}

#[test]
fn values_are_exactly_so() {
    let outbox = encoded(&[score_change(1, cause()), cascade_change()]);
    let records: Vec<_> = outbox.iter().collect();
    let shared = r#""traits":["super_connector","critic","expert:beauty","expert:toys & \"games\""],"polarity":-0.05,"percentile":99.9,"categories":[{"category":"toys & \"games\"","score":50.01,"credit":0.3}],"total_value":{"own":"12.50","influenced_direct":"0.0001","influenced_indirect":"-0.01","currency":"EUR"},"credit":{"direct":1.5,"indirect":0.000000001},"followers":7,"audience":120000,"cause":{"topic":"commerce.purchases","event_id":"e\"1","type":"credited"},"occurred_at":"2026-03-01T12:00:00.250Z","model":"rules-0123456789abcdef"}"#;
    let zeros = |zero: &str| {
        ["advocacy", "content", "engagement", "credibility", "affinity", "reach"]
            .map(|f| format!(r#","{f}":{zero}"#))
            .concat()
    };
    let head = r#"{"customer_id":"böb \"the\" \\ builder","sequence":2,"score":12.5,"#;
    assert_eq!(
        text(records[0].value),
        format!(
            r#"{head}"previous_score":13.05,"delta":-0.55,"layer":"micro_influencer","previous_layer":"member","factors":{{"persuasion":{{"points":12.5,"previous_points":10}}{}}},{shared}"#,
            zeros(r#"{"points":0,"previous_points":0}"#)
        )
    );
    assert_eq!(
        text(records[1].value),
        format!(
            r#"{head}"layer":"micro_influencer","factors":{{"persuasion":{{"points":12.5}}{}}},{shared}"#,
            zeros(r#"{"points":0}"#)
        )
    );
    assert_eq!(
        text(records[2].value),
        r#"{"cascade_id":"0000000000000abc","product_id":"p1","category":"beauty","status":"grew","root":"ann","size":6,"depth":2,"breadth":4,"virality":0.666667,"revenue":"99.50","currency":"EUR","withdrawn":1,"started_at":"2026-03-01T12:00:00.000Z","last_adoption_at":"2026-03-01T12:00:00.250Z","cause":{"topic":"commerce.purchases","event_id":"e\"1","type":"credited"},"occurred_at":"2026-03-01T12:00:00.250Z","model":"rules-0123456789abcdef"}"#
    );
    let topics: Vec<_> = records.iter().map(|record| (record.topic, text(record.key))).collect();
    let bob = "böb \"the\" \\ builder";
    assert_eq!(topics, [(OutTopic::ScoreChanges, bob), (OutTopic::Scores, bob), (OutTopic::Cascades, "p1")]);
}

#[test]
fn what_is_written_is_what_is_documented() {
    let mut outbox = encoded(&[score_change(0, cause()), score_change(1, Cause::Decay), cascade_change()]);
    let entry = JournalEntry {
        epoch: 1,
        ends: vec![(Topic::Follows, 0, 5)],
        watermark: Time(0),
        digest: Digest::default(),
        outputs: 3,
        model: String::new(),
    };
    encoder().journal(&entry, &mut outbox);
    let later: BTreeSet<&str> = ["evidence", "observed", "expected", "log10_e"].into();
    for record in outbox.iter() {
        let schema = schema(record.topic.name());
        let value: Value = serde_json::from_slice(record.value.unwrap()).unwrap();
        assert_eq!(violation(&schema, &value), None, "{:?}", record.topic);
        let keys = |value: &Value| -> BTreeSet<String> { value.as_object().unwrap().keys().cloned().collect() };
        let mut documented = keys(&schema["properties"]);
        documented.retain(|key| !later.contains(&key.as_str()));
        assert_eq!(keys(&value), documented, "{:?}", record.topic);
        assert!(!text(record.value).contains("offset"), "{:?}: positions do not belong in values", record.topic);
    }
}

#[test]
fn inputs_have_the_fields_that_decoding_reads() {
    let mut documented = BTreeSet::new();
    for topic in Topic::ALL {
        for field in schema(topic.name())["properties"].as_object().unwrap().keys() {
            assert!(Field::named(field).is_some(), "{}: decoding does not know {field}", topic.name());
            documented.insert(field.clone());
        }
    }
    let read: BTreeSet<String> = Field::ALL.iter().map(|field| field.name().to_owned()).collect();
    assert_eq!(documented, read);
}

/// The schema and the decoder must judge alike; what only the decoder can see (currency, clock, bytes) is in `tests/hostile.rs`.
#[test]
fn schema_and_decoder_judge_alike() {
    let follow = r#"{"event_id":"f","occurred_at":"2026-03-01T12:00:00Z","follower_id":"a","followee_id":"b","action":"follow"}"#;
    let mention =
        r#"{"event_id":"m","occurred_at":1772366400000,"author_id":"a","platform":"x","sentiment":-0.5,"likes":null}"#;
    let review =
        r#"{"event_id":"r","occurred_at":1772366400000,"customer_id":"a","product_id":"p","category":"c","rating":5}"#;
    let purchase = r#"{"event_id":"b","occurred_at":1772366400000,"customer_id":"a","order_id":"o","product_id":"p","category":"c","amount":"1.50","currency":"EUR"}"#;
    let cases = [
        (Topic::Follows, follow.to_owned(), true),
        (Topic::Follows, follow.replace("\"follow\"", "\"block\""), false),
        (Topic::Follows, follow.replace("\"a\"", "\"\""), false),
        (Topic::Follows, follow.replace("\"a\"", "7"), false),
        (Topic::Follows, follow.replace("follower_id", "follower"), false),
        (Topic::Follows, follow.replace("\"2026-03-01T12:00:00Z\"", "-1"), false),
        (Topic::Follows, follow.replace("\"2026-03-01T12:00:00Z\"", "true"), false),
        (Topic::Mentions, mention.to_owned(), true),
        (Topic::Mentions, mention.replace("-0.5", "2"), false),
        (Topic::Mentions, mention.replace("null", "-1"), false),
        (Topic::Mentions, mention.replace("null", "1.5"), false),
        (Topic::Reviews, review.to_owned(), true),
        (Topic::Reviews, review.replace('5', "0"), false),
        (Topic::Reviews, review.replace("\"rating\":5", "\"rating\":6"), false),
        (Topic::Reviews, review.replace("\"rating\":5", "\"rating\":\"5\""), false),
        (Topic::Purchases, purchase.to_owned(), true),
        (Topic::Purchases, purchase.replace("\"1.50\"", "1.5"), true),
        (Topic::Purchases, purchase.replace("\"1.50\"", "-1"), false),
        (Topic::Purchases, purchase.replace("\"1.50\"", "1e13"), false),
        (Topic::Purchases, purchase.replace('{', "{\"kind\":\"gift\","), false),
        (Topic::Purchases, purchase.replace('{', "{\"new_field\":[],\"kind\":\"refund\","), true),
    ];
    let decoder = Decoder::new(&DecodeOptions::default()).unwrap();
    for (topic, value, good) in cases {
        let json: Value = serde_json::from_str(&value).unwrap();
        assert_eq!(violation(&schema(topic.name()), &json).is_none(), good, "schema: {value}");
        let position = Position { topic, partition: 0, offset: 0 };
        let raw = RawRecord { position, key: None, value: Some(value.as_bytes()), headers: vec![], timestamp_ms: None };
        assert_eq!(decoder.decode(&raw, &mut Chunk::default()).is_ok(), good, "decoder: {value}");
    }
}

#[test]
fn headers_are_cloud_events() {
    let outbox = encoded(&[score_change(0, cause()), score_change(0, Cause::Decay), cascade_change()]);
    let records: Vec<_> = outbox.iter().collect();
    let expected = [
        ("ce_specversion", "1.0"),
        ("ce_type", "bellwether.score.changed.v1"),
        ("ce_source", "bellwether/test"),
        ("ce_subject", "ann"),
        ("ce_time", "2026-03-01T12:00:00.250Z"),
        ("ce_position", "shop.orders/3/42"),
        ("content-type", "application/json"),
    ];
    for (name, value) in expected {
        assert_eq!(header(&records[0], name), Some(value), "{name}");
    }
    assert_eq!(header(&records[2], "ce_position"), None, "a decay has no cause in the log");
    assert_eq!(header(&records[4], "ce_type"), Some("bellwether.cascade.grew.v1"));
    assert_eq!(header(&records[0], "ce_id").unwrap().len(), 32);
    assert_eq!(header(&records[0], "ce_id"), header(&records[2], "ce_id"), "same customer, sequence and model");
    assert_ne!(header(&records[0], "ce_id"), header(&records[4], "ce_id"));
}

#[test]
fn rejects_are_the_original_with_a_reason() {
    let (mut encoder, mut outbox) = (encoder(), Outbox::default());
    let headers = vec![("trace", Some(&b"\xff"[..])), ("empty", None)];
    let raw = RawRecord { position: POSITION, key: Some(b"\xfe"), value: Some(b"\xff{"), headers, timestamp_ms: None };
    let reject = Decoder::new(&DecodeOptions::default()).unwrap().decode(&raw, &mut Chunk::default()).unwrap_err();
    encoder.reject(&raw, &reject, &mut outbox);
    encoder.reject(&RawRecord { key: None, value: None, headers: vec![], ..raw }, &reject, &mut outbox);
    let origin = Origin { key: Some(b"k".to_vec()), headers: vec![("h".to_owned(), None)] };
    let reason = EngineReason::UnknownOrder;
    let rejected = Rejected { position: POSITION, reason, value: "{}".into(), origin: Some(Box::new(origin)) };
    encoder.engine_reject(&rejected, &mut outbox);

    let records: Vec<_> = outbox.iter().collect();
    assert_eq!((records[0].key, records[0].value), (Some(&b"\xfe"[..]), Some(&b"\xff{"[..])));
    assert_eq!(records[0].headers[..2], [("trace", Some(&b"\xff"[..])), ("empty", None)]);
    for prefix in ["bellwether.reject", "__connect.errors"] {
        for (name, value) in [("topic", "shop.orders"), ("partition", "3"), ("offset", "42")] {
            assert_eq!(header(&records[0], &format!("{prefix}.{name}")), Some(value));
        }
    }
    assert_eq!(header(&records[0], "bellwether.reject.reason"), Some("not_utf8"));
    assert_eq!(header(&records[0], "bellwether.reject.field"), None);
    assert_eq!(header(&records[0], "__connect.errors.stage"), Some("VALUE_CONVERTER"));
    assert_eq!((records[1].key, records[1].value), (None, None));
    assert_eq!((records[2].key, records[2].value), (Some(&b"k"[..]), Some(&b"{}"[..])));
    assert_eq!(records[2].headers[0], ("h", None));
    assert_eq!(header(&records[2], "bellwether.reject.reason"), Some("unknown_order"));
    assert_eq!(header(&records[2], "bellwether.reject.field"), Some("order_id"));
    assert!(records.iter().all(|record| record.topic == OutTopic::Rejects));
}

#[test]
fn the_digest_does_not_see_epochs_but_sees_everything_else() {
    let outputs = [score_change(0, cause()), score_change(1, Cause::Decay), cascade_change()];
    let digest_of = |epochs: &[&[Output]]| {
        let (mut encoder, mut outbox) = (encoder(), Outbox::default());
        for epoch in epochs {
            encoder.outputs(epoch, &Named, &mut outbox);
            outbox.clear();
        }
        encoder.digest()
    };
    let whole = digest_of(&[&outputs]);
    assert_eq!(digest_of(&[&outputs[..1], &[], &outputs[1..]]), whole);
    assert_ne!(digest_of(&[&outputs[1..], &outputs[..1]]), whole, "order counts");
    assert_ne!(digest_of(&[&outputs[..2]]), whole);
    let mut resumed = encoder();
    resumed.resume(digest_of(&[&outputs[..1]]));
    resumed.outputs(&outputs[1..], &Named, &mut Outbox::default());
    assert_eq!(resumed.digest(), whole);

    let rejects_of = |values: &[&[u8]]| {
        let (mut encoder, mut outbox) = (encoder(), Outbox::default());
        for value in values {
            let raw =
                RawRecord { position: POSITION, key: None, value: Some(value), headers: vec![], timestamp_ms: None };
            let reject = Reject { reason: "not_json", field: None, detail: String::new() };
            encoder.reject(&raw, &reject, &mut outbox);
        }
        encoder.digest()
    };
    assert_eq!(rejects_of(&[b"a", b"b"]), rejects_of(&[b"b", b"a"]));
    assert_ne!(rejects_of(&[b"a", b"a"]), rejects_of(&[b"a"]));
    assert_eq!(rejects_of(&[b"a"]).chain, Digest::default().chain, "rejects do not disturb the chain");
}

#[test]
fn asyncapi_refers_to_what_is_there() {
    let document = asyncapi();
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    assert!(references.len() >= 3 * json_schemas().len());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let listed = &document["components"]["messages"]["influence.rejects"]["headers"]["properties"];
    let reasons = listed["bellwether.reject.reason"]["oneOf"].as_array().unwrap();
    assert!(reasons.iter().any(|reason| reason["const"] == "self_follow"));
}

fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
            object.values().for_each(|value| collect_references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| collect_references(value, found)),
        _ => {}
    }
}

#[test]
fn the_schema_command_writes_files_and_names_unknown_topics() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("schemas");
    schema_command(&SchemaArgs { out: Some(out.clone()), ..SchemaArgs::default() }).unwrap();
    let written = std::fs::read_to_string(out.join("commerce.purchases.schema.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), schema("commerce.purchases"));
    let unknown = SchemaArgs { topic: Some("commerce.returns".to_owned()), ..SchemaArgs::default() };
    let failure = schema_command(&unknown).unwrap_err();
    assert_eq!(failure.exit_code(), 2);
    assert!(failure.to_string().contains("commerce.purchases"));
}

/// The first keyword of a schema that a value violates. Knows the keywords that our schemas use, `pattern` excepted.
fn violation(schema: &Value, value: &Value) -> Option<String> {
    let schema = schema.as_object()?;
    let broken = schema.iter().find(|(keyword, rule)| !holds(keyword, rule, schema, value));
    broken.map(|(keyword, rule)| format!("{keyword} {rule} does not hold for {value}"))
}

fn holds(keyword: &str, rule: &Value, schema: &serde_json::Map<String, Value>, value: &Value) -> bool {
    let valid = |schema: &Value, value: &Value| violation(schema, value).is_none();
    let is = |name: &Value| match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        other => panic!("{other} is not a type"),
    };
    match keyword {
        "type" => rule.as_array().map_or_else(|| is(rule), |names| names.iter().any(is)),
        "enum" => rule.as_array().unwrap().contains(value),
        "const" => rule == value,
        "anyOf" => rule.as_array().unwrap().iter().any(|schema| valid(schema, value)),
        "oneOf" => rule.as_array().unwrap().iter().filter(|schema| valid(schema, value)).count() == 1,
        "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
        "minLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 >= rule.as_u64().unwrap()),
        "maxLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 <= rule.as_u64().unwrap()),
        "required" => rule.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| valid(rule, item))),
        "properties" => {
            rule.as_object().unwrap().iter().all(|(name, rule)| value.get(name).is_none_or(|v| valid(rule, v)))
        }
        "additionalProperties" => value.as_object().is_none_or(|object| {
            let known = |name: &String| schema.get("properties").is_some_and(|known| known.get(name).is_some());
            object.iter().all(|(name, value)| known(name) || valid(rule, value))
        }),
        "$schema" | "title" | "description" | "format" | "pattern" | "patternProperties" => true,
        other => panic!("a schema uses {other}, which this test does not know"),
    }
}
