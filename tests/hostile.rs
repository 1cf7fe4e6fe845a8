//! Input comes from anybody: every record is either an event or is refused with its own reason, and harms no other.

#[path = "common/mutation.rs"]
mod mutation;

use bellwether::event::{Body, Chunk, Position, Time, Topic};
use bellwether::wire::{DecodeOptions, Decoder, FieldMapping, RawRecord, Reason, Reject};
use mutation::{mutate, with};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use std::collections::BTreeMap;

const FOLLOW: &str = r#"{"event_id":"f1","occurred_at":"2026-03-01T12:00:00Z","follower_id":"ann","followee_id":"bob","action":"follow","platform":"x"}"#;
const MENTION: &str = r#"{"event_id":"m1","occurred_at":1772366400000,"author_id":"ann","platform":"instagram","product_id":"p1","category":"beauty","text":"so good \u2764","sentiment":0.8,"author_followers":120000,"impressions":5000,"likes":10,"comments":2,"shares":1,"referral_code":"ANN10","sponsored":false}"#;
const REVIEW: &str = r#"{"event_id":"r1","occurred_at":"2026-03-01T12:00:00Z","customer_id":"ann","product_id":"p1","category":"beauty","rating":5,"text":"Ünique","verified":true,"helpful_votes":3,"incentivised":false}"#;
const PURCHASE: &str = r#"{"event_id":"b1","occurred_at":"2026-03-01T12:00:00.250Z","customer_id":"ann","order_id":"o1","product_id":"p1","category":"beauty","amount":"12.50","currency":"EUR","quantity":1,"kind":"purchase"}"#;

/// The log's own time of all records here: five minutes after the events.
const LOG_TIME: i64 = 1_772_366_700_000;

fn decoder() -> Decoder {
    let rates = vec![("USD".to_owned(), "0.92".to_owned()), ("JPY".to_owned(), "0.0062".to_owned())];
    Decoder::new(&DecodeOptions { rates, ..DecodeOptions::default() }).expect("the options make sense")
}

fn sample(topic: Topic) -> &'static str {
    match topic {
        Topic::Follows => FOLLOW,
        Topic::Mentions => MENTION,
        Topic::Reviews => REVIEW,
        Topic::Purchases => PURCHASE,
    }
}

fn decode_into(chunk: &mut Chunk, topic: Topic, value: Option<&[u8]>) -> Result<(), Reject> {
    let position = Position { topic, partition: 0, offset: 0 };
    let raw = RawRecord { position, key: None, value, headers: Vec::new(), timestamp_ms: Some(LOG_TIME) };
    decoder().decode(&raw, chunk)
}

/// Everything that a record says, spans resolved, so that records of different chunks can be compared.
fn told(chunk: &Chunk, index: usize) -> String {
    let record = &chunk.records[index];
    let text = |span| chunk.text(span);
    let optional = |span: Option<_>| span.map(text);
    let body = match &record.body {
        Body::Follow { follower, followee, follows } => format!("{} {} {follows}", text(*follower), text(*followee)),
        Body::Mention(m) => format!(
            "{} {} {:?} {:?} {:?} {:?} {:?} {} {} {} {:?} {}",
            text(m.author),
            text(m.platform),
            optional(m.product),
            optional(m.category),
            m.sentiment,
            m.author_followers,
            m.impressions,
            m.likes,
            m.comments,
            m.shares,
            optional(m.referral_code),
            m.sponsored
        ),
        Body::Review(r) => format!(
            "{} {} {} {} {} {} {}",
            text(r.customer),
            text(r.product),
            text(r.category),
            r.rating,
            r.verified,
            r.helpful_votes,
            r.incentivised
        ),
        Body::Purchase(p) => format!(
            "{} {} {} {} {} {:?}",
            text(p.customer),
            text(p.order),
            text(p.product),
            text(p.category),
            p.amount,
            optional(p.referral_code)
        ),
        Body::Refund(r) => format!("-{} {} {} {}", text(r.customer), text(r.order), text(r.product), r.amount),
    };
    format!("{:?} {} {body} {}", record.at, text(record.event_id), text(record.value))
}

#[track_caller]
fn check_whole(topic: Topic, value: Option<&[u8]>, reason: &str) {
    let mut chunk = Chunk::default();
    let reject = decode_into(&mut chunk, topic, value).expect_err(reason);
    assert_eq!((reject.reason, reject.field), (reason, None), "{}", reject.detail);
    assert!(chunk.text.is_empty() && chunk.records.is_empty(), "a refused record must leave nothing behind");
}

#[test]
fn whole_records_are_refused() {
    let deep = |open: &str, close: &str| format!(r#"{{"x":{}{}}}"#, open.repeat(10_000), close.repeat(10_000));
    let huge = format!(r#"{{"text":"{}"}}"#, "x".repeat(5_000_000));
    let cases: &[(&str, Option<Vec<u8>>)] = &[
        ("tombstone", None),
        ("empty_value", Some(vec![])),
        ("empty_value", Some(b" \n\t".to_vec())),
        ("too_large", Some(huge.into_bytes())),
        ("not_utf8", Some(b"{\"event_id\":\"\xff\"}".to_vec())),
        ("not_utf8", Some(b"\xc0\x80".to_vec())),
        ("too_deep", Some(deep("[", "]").into_bytes())),
        ("too_deep", Some(deep("{\"a\":", "}").into_bytes())),
        ("too_deep", Some("[".repeat(10_000).into_bytes())),
        ("not_json", Some(b"{".to_vec())),
        ("not_json", Some(b"event".to_vec())),
        ("not_json", Some(b"NaN".to_vec())),
        ("not_json", Some(b"1e400x".to_vec())),
        ("not_json", Some(b"{'event_id':'x'}".to_vec())),
        ("not_json", Some(format!("{FOLLOW}{FOLLOW}").into_bytes())),
        ("not_json", Some(format!("{FOLLOW},").into_bytes())),
        ("not_json", Some(format!("\u{feff}{FOLLOW}").into_bytes())),
        ("not_json", Some(with(REVIEW, "rating", "NaN").into_bytes())),
        ("not_json", Some(with(REVIEW, "rating", "05").into_bytes())),
        ("not_json", Some(with(FOLLOW, "event_id", "\"a\u{1}b\"").into_bytes())),
        ("not_json", Some(with(FOLLOW, "event_id", "\"a\\qb\"").into_bytes())),
        ("not_an_object", Some(b"[]".to_vec())),
        ("not_an_object", Some(format!("[{FOLLOW}]").into_bytes())),
        ("not_an_object", Some(b"\"text\"".to_vec())),
        ("not_an_object", Some(b"42".to_vec())),
        ("not_an_object", Some(b" null ".to_vec())),
    ];
    for (reason, value) in cases {
        for topic in Topic::ALL {
            check_whole(topic, value.as_deref(), reason);
        }
    }
}

#[test]
fn fields_are_refused() {
    let long = format!("\"{}\"", "x".repeat(257));
    let wide = format!("\"{}\"", "é".repeat(129));
    // Topic, field, its JSON (none: the field is absent), reason.
    let cases: &[(Topic, &str, &str, &str)] = &[
        (Topic::Follows, "event_id", "", "missing_field"),
        (Topic::Follows, "event_id", "null", "missing_field"),
        (Topic::Follows, "follower_id", "", "missing_field"),
        (Topic::Follows, "followee_id", "", "missing_field"),
        (Topic::Follows, "action", "", "missing_field"),
        (Topic::Follows, "occurred_at", "", "missing_field"),
        (Topic::Mentions, "author_id", "", "missing_field"),
        (Topic::Mentions, "platform", "", "missing_field"),
        (Topic::Reviews, "customer_id", "", "missing_field"),
        (Topic::Reviews, "product_id", "", "missing_field"),
        (Topic::Reviews, "category", "null", "missing_field"),
        (Topic::Reviews, "rating", "", "missing_field"),
        (Topic::Purchases, "customer_id", "", "missing_field"),
        (Topic::Purchases, "order_id", "", "missing_field"),
        (Topic::Purchases, "product_id", "", "missing_field"),
        (Topic::Purchases, "category", "", "missing_field"),
        (Topic::Purchases, "amount", "", "missing_field"),
        (Topic::Purchases, "currency", "", "missing_field"),
        (Topic::Follows, "event_id", "7", "wrong_type"),
        (Topic::Follows, "follower_id", "[\"ann\"]", "wrong_type"),
        (Topic::Follows, "followee_id", "{\"id\":1}", "wrong_type"),
        (Topic::Follows, "action", "true", "wrong_type"),
        (Topic::Mentions, "likes", "-1", "wrong_type"),
        (Topic::Mentions, "likes", "1.5", "wrong_type"),
        (Topic::Mentions, "comments", "\"3\"", "wrong_type"),
        (Topic::Mentions, "shares", "[]", "wrong_type"),
        (Topic::Mentions, "sentiment", "\"good\"", "wrong_type"),
        (Topic::Mentions, "sponsored", "1", "wrong_type"),
        (Topic::Mentions, "sponsored", "\"true\"", "wrong_type"),
        (Topic::Mentions, "product_id", "5", "wrong_type"),
        (Topic::Reviews, "rating", "\"5\"", "wrong_type"),
        (Topic::Reviews, "rating", "\"NaN\"", "wrong_type"),
        (Topic::Reviews, "verified", "\"yes\"", "wrong_type"),
        (Topic::Reviews, "helpful_votes", "-3", "wrong_type"),
        (Topic::Purchases, "amount", "{}", "wrong_type"),
        (Topic::Purchases, "amount", "true", "wrong_type"),
        (Topic::Purchases, "currency", "978", "wrong_type"),
        (Topic::Purchases, "kind", "1", "wrong_type"),
        (Topic::Follows, "event_id", "\"\"", "empty_id"),
        (Topic::Follows, "follower_id", "\"\"", "empty_id"),
        (Topic::Mentions, "referral_code", "\"\"", "empty_id"),
        (Topic::Reviews, "category", "\"\"", "empty_id"),
        (Topic::Purchases, "order_id", "\"\"", "empty_id"),
        (Topic::Follows, "event_id", &long, "id_too_long"),
        (Topic::Follows, "followee_id", &wide, "id_too_long"),
        (Topic::Purchases, "product_id", &long, "id_too_long"),
        (Topic::Follows, "follower_id", r#""a\u0000b""#, "control_character"),
        (Topic::Follows, "event_id", r#""a\nb""#, "control_character"),
        (Topic::Reviews, "customer_id", "\"a\u{7f}b\"", "control_character"),
        (Topic::Purchases, "customer_id", "\"a\u{85}b\"", "control_character"),
        (Topic::Follows, "event_id", r#""\ud800""#, "not_json"),
        (Topic::Follows, "followee_id", "\"ann\"", "self_follow"),
        (Topic::Follows, "followee_id", r#""\u0061nn""#, "self_follow"),
        (Topic::Follows, "action", "\"block\"", "unknown_action"),
        (Topic::Follows, "action", "\"Follow\"", "unknown_action"),
        (Topic::Follows, "action", "\"\"", "unknown_action"),
        (Topic::Purchases, "kind", "\"return\"", "unknown_kind"),
        (Topic::Reviews, "rating", "0", "rating_out_of_range"),
        (Topic::Reviews, "rating", "6", "rating_out_of_range"),
        (Topic::Reviews, "rating", "-1", "rating_out_of_range"),
        (Topic::Reviews, "rating", "4.5", "rating_out_of_range"),
        (Topic::Reviews, "rating", "1e400", "rating_out_of_range"),
        (Topic::Mentions, "sentiment", "2", "sentiment_out_of_range"),
        (Topic::Mentions, "sentiment", "-1.0001", "sentiment_out_of_range"),
        (Topic::Mentions, "sentiment", "1e400", "sentiment_out_of_range"),
        (Topic::Mentions, "impressions", "18446744073709551616", "count_out_of_range"),
        (Topic::Mentions, "author_followers", "1e13", "count_out_of_range"),
        (Topic::Purchases, "amount", "-1", "negative_amount"),
        (Topic::Purchases, "amount", "\"-0.01\"", "negative_amount"),
        (Topic::Purchases, "amount", "1e400", "amount_out_of_range"),
        (Topic::Purchases, "amount", "\"1e400\"", "amount_out_of_range"),
        (Topic::Purchases, "amount", "10000000001", "amount_out_of_range"),
        (Topic::Purchases, "amount", "\"9223372036854775808\"", "amount_out_of_range"),
        (Topic::Purchases, "amount", "\"12,50\"", "bad_amount"),
        (Topic::Purchases, "amount", "\"\"", "bad_amount"),
        (Topic::Purchases, "amount", "\" 12\"", "bad_amount"),
        (Topic::Purchases, "amount", "\"NaN\"", "bad_amount"),
        (Topic::Purchases, "amount", "\"twelve\"", "bad_amount"),
        (Topic::Purchases, "amount", "\"1.23456\"", "too_many_decimals"),
        (Topic::Purchases, "amount", "1.23456", "too_many_decimals"),
        (Topic::Purchases, "amount", "1e-400", "too_many_decimals"),
        (Topic::Purchases, "currency", "\"XXX\"", "unknown_currency"),
        (Topic::Purchases, "currency", "\"eur\"", "unknown_currency"),
        (Topic::Purchases, "currency", "\"\"", "unknown_currency"),
        (Topic::Follows, "occurred_at", "\"yesterday\"", "bad_time"),
        (Topic::Follows, "occurred_at", "\"2026-03-01\"", "bad_time"),
        (Topic::Follows, "occurred_at", "\"2026-03-01T12:00:00\"", "bad_time"),
        (Topic::Follows, "occurred_at", "\"1772366400000\"", "bad_time"),
        (Topic::Follows, "occurred_at", "\"2026-02-30T12:00:00Z\"", "bad_time"),
        (Topic::Follows, "occurred_at", "1772366400000.5", "bad_time"),
        (Topic::Follows, "occurred_at", "true", "bad_time"),
        (Topic::Follows, "occurred_at", "{}", "bad_time"),
        (Topic::Follows, "occurred_at", "-1", "time_out_of_range"),
        (Topic::Follows, "occurred_at", "-1e400", "time_out_of_range"),
        (Topic::Follows, "occurred_at", "1772366400", "time_out_of_range"),
        (Topic::Follows, "occurred_at", "\"0001-01-01T00:00:00Z\"", "time_out_of_range"),
        (Topic::Follows, "occurred_at", "\"1989-12-31T23:59:59Z\"", "time_out_of_range"),
        (Topic::Follows, "occurred_at", "\"9999-12-31T23:59:59Z\"", "in_the_future"),
        (Topic::Follows, "occurred_at", "\"2026-03-01T12:10:00.001Z\"", "in_the_future"),
        (Topic::Follows, "occurred_at", "1772366400000000", "in_the_future"),
        (Topic::Follows, "occurred_at", "1e400", "in_the_future"),
    ];
    for &(topic, field, json, reason) in cases {
        let value = with(sample(topic), field, json);
        let mut chunk = Chunk::default();
        let reject = decode_into(&mut chunk, topic, Some(value.as_bytes())).expect_err(&value);
        assert_eq!((reject.reason, reject.field.as_deref()), (reason, Some(field)), "{value}: {}", reject.detail);
        assert!(chunk.text.is_empty() && chunk.records.is_empty(), "{value}: left something behind");
        assert!(reject.detail.chars().count() < 250, "{value}: a detail is a header, not a copy of the record");
    }
}

#[test]
fn duplicate_keys_are_refused() {
    let doubled = |sample: &str, more: &str| sample.replacen('{', &format!("{{{more},"), 1);
    let cases = [
        (doubled(FOLLOW, r#""follower_id":"eve""#), "follower_id"),
        (doubled(FOLLOW, r#""follower\u005fid":"eve""#), "follower_id"),
        (doubled(FOLLOW, r#""event_id":null"#), "event_id"),
        (doubled(FOLLOW, r#""note":1,"note":2"#), "note"),
    ];
    for (value, field) in cases {
        let reject = decode_into(&mut Chunk::default(), Topic::Follows, Some(value.as_bytes())).expect_err(&value);
        assert_eq!((reject.reason, reject.field.as_deref()), ("duplicate_key", Some(field)), "{value}");
    }
}

#[test]
fn without_a_log_timestamp_time_ends_in_2100() {
    let position = Position { topic: Topic::Follows, partition: 0, offset: 0 };
    for (timestamp_ms, at, fate) in [
        (None, "\"2099-12-31T00:00:00Z\"", Ok(())),
        (None, "\"2100-01-01T00:00:01Z\"", Err("in_the_future")),
        (Some(-1), "\"2099-12-31T00:00:00Z\"", Ok(())),
        (Some(i64::MAX), "\"2100-01-01T00:00:01Z\"", Err("in_the_future")),
        (Some(LOG_TIME), "\"2026-03-01T12:10:00.000Z\"", Ok(())),
    ] {
        let value = with(FOLLOW, "occurred_at", at);
        let raw = RawRecord { position, key: None, value: Some(value.as_bytes()), headers: vec![], timestamp_ms };
        let decoded = decoder().decode(&raw, &mut Chunk::default());
        assert_eq!(decoded.map_err(|reject| reject.reason), fate, "{at} at {timestamp_ms:?}");
    }
}

#[test]
fn what_is_unusual_but_right_is_accepted() {
    let cases: &[(Topic, &str, &str, &str)] = &[
        (Topic::Follows, "event_id", r#"" Spaces stay ""#, " Spaces stay "),
        (Topic::Follows, "follower_id", r#""ANN""#, "ANN bob"),
        (Topic::Follows, "follower_id", r#""a\"\\\u00e9\ud83d\ude00""#, "a\"\\é😀 bob"),
        (Topic::Follows, "occurred_at", "\"2026-03-01T13:00:00.000999+01:00\"", "Time(1772366400000)"),
        (Topic::Follows, "occurred_at", "1.7723664e12", "Time(1772366400000)"),
        (Topic::Follows, "unheard_of", "{\"a\":[1,{\"a\":2}]}", "ann bob"),
        (Topic::Mentions, "sentiment", "null", "None Some(120000)"),
        (Topic::Mentions, "sentiment", "-0.0", "Some(0.0)"),
        (Topic::Mentions, "likes", "null", "Some(5000) 0 2 1"),
        (Topic::Mentions, "sponsored", "null", "false"),
        (Topic::Mentions, "text", "\"\"", "ann instagram"),
        (Topic::Reviews, "rating", "5.0", "beauty 5 true"),
        (Topic::Purchases, "amount", "12.5", "beauty 12.50 "),
        (Topic::Purchases, "amount", "\"0.0001\"", "beauty 0.0001 "),
        (Topic::Purchases, "amount", "0", "beauty 0.00 "),
        (Topic::Purchases, "currency", "\"USD\"", "beauty 11.50 "),
        (Topic::Purchases, "currency", "\"JPY\"", "beauty 0.0775 "),
        (Topic::Purchases, "kind", "\"refund\"", "-ann o1 p1 12.50"),
        (Topic::Purchases, "kind", "null", "ann o1 p1"),
    ];
    for &(topic, field, json, expected) in cases {
        let value = with(sample(topic), field, json);
        let mut chunk = Chunk::default();
        decode_into(&mut chunk, topic, Some(value.as_bytes())).unwrap();
        let told = told(&chunk, 0);
        assert!(told.contains(expected), "{value}: {told} lacks {expected}");
        assert!(told.ends_with(&value), "the original value must be kept, byte for byte");
    }
    assert!(decode_into(&mut Chunk::default(), Topic::Follows, Some(format!(" {FOLLOW}\r\n").as_bytes())).is_ok());
}

#[test]
fn keys_and_headers_are_kept_when_there_are_any() {
    let position = Position { topic: Topic::Follows, partition: 3, offset: 9 };
    let headers = vec![("trace", Some(&b"\xff"[..])), ("empty", None)];
    let raw = RawRecord { position, key: Some(b"k"), value: Some(FOLLOW.as_bytes()), headers, timestamp_ms: None };
    let mut chunk = Chunk::default();
    decode_into(&mut chunk, Topic::Follows, Some(FOLLOW.as_bytes())).unwrap();
    decoder().decode(&raw, &mut chunk).unwrap();
    assert_eq!((chunk.records[0].origin, chunk.records[1].origin), (None, Some(0)));
    assert_eq!(chunk.origins[0].key.as_deref(), Some(&b"k"[..]));
    let expected = [("trace".to_owned(), Some(b"\xff".to_vec())), ("empty".to_owned(), None)];
    assert_eq!(chunk.origins[0].headers, expected);
}

#[test]
fn mutated_records_are_accepted_or_refused_and_harm_no_other() {
    let decoder = decoder();
    let mut rng = SmallRng::seed_from_u64(20_260_301);
    let mut alone = Vec::new();
    for topic in Topic::ALL {
        let mut chunk = Chunk::default();
        decode_into(&mut chunk, topic, Some(sample(topic).as_bytes())).unwrap();
        alone.push(told(&chunk, 0));
    }
    let (mut chunk, mut accepted, mut refused) = (Chunk::default(), 0_u32, BTreeMap::<&str, u32>::new());
    for offset in 0..20_000 {
        let topic = Topic::ALL[offset % 4];
        let value = mutate(&mut rng, sample(topic));
        let position = Position { topic, partition: 0, offset: offset as i64 };
        let raw = |value| RawRecord { position, key: None, value, headers: vec![], timestamp_ms: Some(LOG_TIME) };
        let before = (chunk.text.len(), chunk.records.len());
        match decoder.decode(&raw(Some(&value)), &mut chunk) {
            Ok(()) => {
                accepted += 1;
                assert_eq!(chunk.text(chunk.records[before.1].value).as_bytes(), value);
            }
            Err(reject) => {
                assert!(Reason::ALL.iter().any(|reason| reason.name() == reject.reason));
                assert_eq!((chunk.text.len(), chunk.records.len()), before);
                *refused.entry(reject.reason).or_default() += 1;
            }
        }
        decoder.decode(&raw(Some(sample(topic).as_bytes())), &mut chunk).unwrap();
        assert_eq!(
            told(&chunk, chunk.records.len() - 1),
            alone[topic as usize],
            "after {:?}",
            String::from_utf8_lossy(&value)
        );
    }
    assert_eq!(accepted + refused.values().sum::<u32>(), 20_000);
    assert!(accepted > 1000 && refused.len() >= 12, "the mutations are too tame: {accepted} accepted, {refused:?}");
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512), topic in 0_usize..4) {
        let mut chunk = Chunk::default();
        if let Err(reject) = decode_into(&mut chunk, Topic::ALL[topic], Some(&bytes)) {
            prop_assert!(!reject.detail.is_empty());
        }
    }

    #[test]
    fn arbitrary_fields_never_panic(field in "[a-z_]{1,16}", json in "[\\[\\]{}\",:.0-9eE+\\-a-z\\\\ ]{0,40}", topic in 0_usize..4) {
        let value = with(sample(Topic::ALL[topic]), &field, &json);
        let mut chunk = Chunk::default();
        let decoded = decode_into(&mut chunk, Topic::ALL[topic], Some(value.as_bytes()));
        prop_assert_eq!(decoded.is_ok(), chunk.records.len() == 1);
    }

    #[test]
    fn money_survives_text(ten_thousandths in 0_i64..=100_000_000_000_000) {
        let text = bellwether::event::Money(ten_thousandths).to_string();
        let mut chunk = Chunk::default();
        for json in [format!("\"{text}\""), text] {
            decode_into(&mut chunk, Topic::Purchases, Some(with(PURCHASE, "amount", &json).as_bytes())).unwrap();
            let Body::Purchase(purchase) = &chunk.records.last().unwrap().body else { panic!("a purchase") };
            prop_assert_eq!(purchase.amount.0, ten_thousandths);
        }
    }

    #[test]
    fn any_id_survives(id in "[^\\pC]{1,64}") {
        let value = with(FOLLOW, "follower_id", &serde_json::to_string(&id).unwrap());
        let mut chunk = Chunk::default();
        decode_into(&mut chunk, Topic::Follows, Some(value.as_bytes())).unwrap();
        let Body::Follow { follower, .. } = chunk.records[0].body else { panic!("a follow") };
        prop_assert_eq!(chunk.text(follower), id);
        prop_assert_eq!(chunk.records[0].at, Time(1_772_366_400_000));
    }
}

#[test]
fn the_foreign_example_decodes() {
    let text = std::fs::read_to_string("config/examples/foreign.toml").unwrap();
    type Table<T> = BTreeMap<String, T>;
    let example: Table<Table<Table<Table<String>>>> = toml::from_str(&text).unwrap();
    let mappings = Topic::ALL.map(|topic| {
        let paths = example["input"]["mapping"].get(topic.name())?;
        Some(FieldMapping { paths: paths.clone().into_iter().collect() })
    });
    let decoder = Decoder::new(&DecodeOptions { mappings, ..DecodeOptions::default() }).unwrap();
    let mut chunk = Chunk::default();
    for line in std::fs::read_to_string("config/examples/foreign.ndjson").unwrap().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let topic = Topic::ALL.into_iter().find(|topic| topic.name() == line["topic"]).unwrap();
        let value = line["value"].to_string();
        let position = Position { topic, partition: 0, offset: 0 };
        let raw = RawRecord { position, key: None, value: Some(value.as_bytes()), headers: vec![], timestamp_ms: None };
        decoder.decode(&raw, &mut chunk).unwrap();
    }
    let expected = [
        "Time(1772366400000) F-1 17 4 true",
        "Time(1772366700000) 0b9c 4 90071 lamp-3 home 39.90 None",
        "Time(1772388300000) 0b9d 17 90072 lamp-3 home 39.90 None",
    ];
    for (index, expected) in expected.iter().enumerate() {
        let told = told(&chunk, index);
        assert!(told.starts_with(expected), "{told}");
    }
}
