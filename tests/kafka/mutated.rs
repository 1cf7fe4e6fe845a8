//! Thousands of damaged records among good ones: each is applied or comes back as it was, and whatever comes back leaves no trace
//! in the outputs. What is still an event after the damage counts like any other.

use crate::broker::Broker;
use crate::client::{self, Producing, Record};
use crate::mutation::mutate;
use crate::pipeline::{Deployment, INPUTS, check_committed, compare, outputs, read};
use crate::stream::{self, Event};
use bellwether::config::Config;
use bellwether::event::{Chunk, Position, Topic};
use bellwether::wire::{Decoder, RawRecord};
use libtest_mimic::Failed;
use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

/// Good records.
const GOOD: usize = 5_000;

/// Damaged records before each good one.
const PER_GOOD: usize = 3;

/// What the decoder tolerates. Logged so long before the next good record, a damaged one cannot claim to be later than that,
/// so that event time goes no faster than without it.
const TOLERANCE_MS: i64 = 300_000;

/// A damaged record.
#[derive(Clone)]
struct Damaged {
    topic: &'static str,
    key: Vec<u8>,
    value: Option<Vec<u8>>,
    created_ms: i64,
}

/// `PER_GOOD` damaged records for each of `good`. Their ids begin with `HOSTILE`.
fn damaged(good: &[Event]) -> Vec<Damaged> {
    let mut rng = SmallRng::seed_from_u64(20_260_301);
    let decoder = Decoder::new(&Config::default().decode).unwrap();
    let mut all = Vec::new();
    for (number, event) in good.iter().enumerate() {
        for one in 0..PER_GOOD {
            let topic = INPUTS[rng.random_range(0..INPUTS.len())];
            // Some ids come twice within the horizon of the dedupe.
            let head = format!("\"event_id\":\"HOSTILE-{}-{one}\",\"occurred_at\":{}", number & !3, event.at);
            let customer = format!("HOSTILE-{}", rng.random_range(0..50));
            let thing = "\"product_id\":\"HOSTILE-P\",\"category\":\"HOSTILE-K\"";
            let sample = match topic {
                "social.follows" => format!(
                    "{{{head},\"follower_id\":\"{customer}\",\"followee_id\":\"HOSTILE\",\"action\":\"follow\"}}"
                ),
                "social.mentions" => format!(
                    "{{{head},\"author_id\":\"{customer}\",\"platform\":\"instagram\",{thing},\"text\":\"so good \\u2764\",\
                     \"sentiment\":0.8,\"author_followers\":120000,\"likes\":10,\"referral_code\":\"HOSTILE-R\"}}"
                ),
                "commerce.reviews" => {
                    format!(
                        "{{{head},\"customer_id\":\"{customer}\",{thing},\"rating\":5,\"text\":\"Ünique\",\"verified\":true}}"
                    )
                }
                _ => format!(
                    "{{{head},\"customer_id\":\"{customer}\",\"order_id\":\"HOSTILE-{number}\",{thing},\"amount\":\"12.50\",\
                     \"currency\":\"EUR\",\"kind\":\"{}\"}}",
                    if rng.random_range(0..10) == 0 { "refund" } else { "purchase" }
                ),
            };
            let value = (rng.random_range(0..50) > 0).then(|| {
                // How late is too late depends on what was read before, so that a damaged time should not be one.
                let mutated = std::iter::repeat_with(|| mutate(&mut rng, &sample));
                let judged = |value: &Vec<u8>| at(&decoder, topic, value, event.at).is_none_or(|at| at == event.at);
                mutated.into_iter().find(judged).unwrap()
            });
            let mut key = vec![0; rng.random_range(0..8)];
            rng.fill_bytes(&mut key);
            all.push(Damaged { topic, key, value, created_ms: event.at - TOLERANCE_MS });
        }
    }
    all
}

fn decoded(decoder: &Decoder, topic: &str, value: Option<&[u8]>, created_ms: i64) -> Result<i64, &'static str> {
    let topic = Topic::ALL.into_iter().find(|known| known.name() == topic).unwrap();
    let position = Position { topic, partition: 0, offset: 0 };
    let raw = RawRecord { position, key: None, value, headers: Vec::new(), timestamp_ms: Some(created_ms) };
    let mut chunk = Chunk::default();
    decoder.decode(&raw, &mut chunk).map(|()| chunk.records[0].at.0).map_err(|reject| reject.reason)
}

/// When it happened, if it is an event.
fn at(decoder: &Decoder, topic: &str, value: &[u8], latest: i64) -> Option<i64> {
    decoded(decoder, topic, Some(value), latest - TOLERANCE_MS).ok()
}

/// The decoder's reason to refuse each, if it does.
fn refusals(damaged: &[Damaged]) -> Vec<Option<&'static str>> {
    let options = Config::default().decode;
    assert_eq!(options.future_tolerance_ms, TOLERANCE_MS);
    let decoder = Decoder::new(&options).unwrap();
    damaged.iter().map(|one| decoded(&decoder, one.topic, one.value.as_deref(), one.created_ms).err()).collect()
}

/// Reasons of the engine, for records that decode.
const OF_THE_ENGINE: [&str; 2] = ["unknown_order", "refund_exceeds_order"];

pub fn harm_no_other(broker: &Broker) -> Result<(), Failed> {
    let deployment = Deployment::new(broker);
    let good = stream::events(19, GOOD);
    let damaged = damaged(&good);
    let refusals = refusals(&damaged);
    let refused = refusals.iter().flatten().count();
    let kinds: std::collections::BTreeSet<_> = refusals.iter().flatten().collect();
    assert!(
        damaged.len() >= 10_000 && damaged.len() - refused > 1_000 && kinds.len() >= 12,
        "too tame: {refused} of {} refused, {kinds:?}",
        damaged.len()
    );
    let came_back = in_a_file(&deployment, &good, &damaged, &refusals)?;
    let spared: Vec<Damaged> =
        damaged.iter().zip(&came_back).filter(|(_, back)| !**back).map(|(one, _)| one.clone()).collect();
    let (without, summary) = replay(&deployment, "without", &good, &spared)?;
    assert_eq!(
        sum(&summary, "read"),
        sum(&summary, "applied") + sum(&summary, "duplicate"),
        "nothing is left to reject"
    );
    let mut expected = outputs(&deployment, &without);
    assert!(expected["influence.score-changes"].len() > 50, "the stream should move scores");
    let mixed = outputs(&deployment, &deployment.directory.path().join("mixed"));
    for (role, expected) in &expected {
        assert!(*role == "influence.rejects" || mixed[role] == *expected, "{role}: rejects left a trace");
    }
    on_kafka(&deployment, &good, &damaged, &refusals, &came_back)?;
    // Here they were sent, there they were not.
    expected.remove("influence.rejects");
    compare(&deployment, &expected)
}

fn on_kafka(
    deployment: &Deployment,
    good: &[Event],
    damaged: &[Damaged],
    refusals: &[Option<&str>],
    expected: &[bool],
) -> Result<(), Failed> {
    for role in INPUTS {
        // Kafka would delete records that claim to be so old.
        client::create_topic(&deployment.address, &deployment.topic(role), 3, &[("retention.ms", "-1")]);
    }
    deployment.create_topics(3);
    let producing = Producing::new(&deployment.address);
    let mut before = damaged.iter().enumerate();
    for event in good {
        for (number, one) in before.by_ref().take(PER_GOOD) {
            let number = number.to_string();
            let headers = [("number", Some(number.as_bytes())), ("Ödd ", None), ("number", Some(&b"\xff"[..]))];
            let topic = deployment.topic(one.topic);
            producing.send_at(&topic, Some(one.created_ms), Some(&one.key), one.value.as_deref(), &headers);
        }
        let (key, value) = (event.key.as_bytes(), event.value.as_bytes());
        producing.send_at(&deployment.topic(event.topic), Some(event.at), Some(key), Some(value), &[]);
    }
    producing.finish();
    let (all, newest) = (good.len() + damaged.len(), good[good.len() - 1].at);
    let mut running = deployment.start();
    deployment
        .wait(&mut running, |entry| read(entry) == all as i64 && entry["watermark"].as_i64().unwrap() > newest)?;
    let metrics = running.metrics();
    assert_eq!(running.end("TERM"), Some(0), "{}", running.log());
    check_committed(deployment);

    let rejects = deployment.read("influence.rejects");
    let mut came_back = vec![false; damaged.len()];
    for record in &rejects {
        let number = check_reject(record, deployment, damaged, refusals)?;
        assert!(!std::mem::replace(&mut came_back[number], true), "{number} came back twice");
    }
    assert_eq!(came_back, expected, "Kafka and the file reject the same");
    // Whatever did not come back decodes: it was applied, but for those whose id was known.
    let (consumed, rejected) = (total(&metrics, "events_consumed_total"), total(&metrics, "events_rejected_total"));
    let duplicates = total(&metrics, "events_duplicate_total");
    assert_eq!((consumed, rejected), (all as u64, rejects.len() as u64));
    assert!(duplicates > 0, "some ids should be known");
    let applied = consumed - rejected - duplicates;
    eprintln!("Kafka: {consumed} read = {applied} applied + {duplicates} duplicates + {rejected} rejects");
    Ok(())
}

/// It is one of `damaged`, byte for byte, with the reason that is due; returns which.
fn check_reject(
    record: &Record,
    deployment: &Deployment,
    damaged: &[Damaged],
    refusals: &[Option<&str>],
) -> Result<usize, Failed> {
    let header = |name: &str| {
        let value = record.headers.iter().find(|(of, _)| of == name).and_then(|(_, value)| value.clone());
        String::from_utf8(value.unwrap_or_default()).unwrap()
    };
    let number: usize = header("number").parse().map_err(|_| format!("a good record was rejected: {record:?}"))?;
    let (one, reason) = (&damaged[number], header("bellwether.reject.reason"));
    assert_eq!((record.key.as_ref(), &record.value), (Some(&one.key), &one.value), "{number}");
    let text = number.to_string().into_bytes();
    let sent = [("number", Some(text)), ("Ödd ", None), ("number", Some(b"\xff".to_vec()))];
    assert_eq!(record.headers[..3], sent.map(|(name, value)| (name.to_owned(), value)), "{number}");
    assert_eq!(header("bellwether.reject.topic"), deployment.topic(one.topic));
    match refusals[number] {
        Some(refusal) => assert_eq!(reason, refusal, "{number}"),
        None => assert!(OF_THE_ENGINE.contains(&&*reason), "{number}: {reason}"),
    }
    Ok(number)
}

/// Sum of a counter over its labels.
fn total(metrics: &str, name: &str) -> u64 {
    let of = |line: &&str| line.strip_prefix("bellwether_").is_some_and(|rest| rest.starts_with(name));
    let values = metrics.lines().filter(of).filter_map(|line| line.rsplit(' ').next());
    values.map(|value| value.parse::<u64>().unwrap()).sum()
}

/// One file of all records, in their order, with the log's time of each; returns which came back.
fn in_a_file(
    deployment: &Deployment,
    good: &[Event],
    damaged: &[Damaged],
    refusals: &[Option<&str>],
) -> Result<Vec<bool>, Failed> {
    let (out, summary) = replay(deployment, "mixed", good, damaged)?;
    let mut came_back = vec![false; damaged.len()];
    let rejects = fs::read_to_string(out.join(format!("{}.ndjson", deployment.topic("influence.rejects"))))?;
    for line in rejects.lines() {
        let number = check_line(line, damaged, refusals)?;
        assert!(!std::mem::replace(&mut came_back[number], true), "{number} came back twice");
    }
    for (number, refusal) in refusals.iter().enumerate() {
        assert!(refusal.is_none() || came_back[number], "{number} is {refusal:?} and did not come back");
    }
    let rejects = came_back.iter().filter(|back| **back).count() as u64;
    let (read, applied, duplicates) = (sum(&summary, "read"), sum(&summary, "applied"), sum(&summary, "duplicate"));
    eprintln!("replay: {read} read = {applied} applied + {duplicates} duplicates + {rejects} rejects");
    assert_eq!(read, (good.len() + damaged.len()) as u64);
    assert_eq!(read, applied + duplicates + rejects);
    assert!(applied > good.len() as u64 && duplicates > 0);
    Ok(came_back)
}

/// Sum over the topics of what `summary.json` counts.
fn sum(summary: &Value, fate: &str) -> u64 {
    INPUTS.iter().map(|role| summary["events"][role][fate].as_u64().unwrap()).sum()
}

/// Replays; returns the directory of the outputs, and the summary.
fn replay(
    deployment: &Deployment,
    name: &str,
    good: &[Event],
    damaged: &[Damaged],
) -> Result<(PathBuf, Value), Failed> {
    let input = deployment.directory.path().join(format!("{name}.ndjson"));
    let out = deployment.directory.path().join(name);
    let mut file = std::io::BufWriter::new(fs::File::create(&input)?);
    let mut before = damaged.iter().enumerate().peekable();
    for event in good {
        while let Some((number, one)) = before.next_if(|(_, one)| one.created_ms + TOLERANCE_MS <= event.at) {
            let value = match &one.value {
                Some(value) => format!("\"value_base64\":\"{}\"", base64(value)),
                None => "\"value\":null".into(),
            };
            let head = format!("\"topic\":\"{}\",\"timestamp_ms\":{}", one.topic, one.created_ms);
            writeln!(file, "{{{head},\"key\":\"{number}\",{value}}}")?;
        }
        let head = format!("\"topic\":\"{}\",\"timestamp_ms\":{},\"key\":\"{}\"", event.topic, event.at, event.key);
        writeln!(file, "{{{head},\"value\":{}}}", event.value)?;
    }
    file.flush()?;
    let output = deployment.command(&["replay", input.to_str().unwrap(), "--out", out.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let summary = serde_json::from_str(&fs::read_to_string(out.join("summary.json"))?)?;
    Ok((out, summary))
}

fn check_line(line: &str, damaged: &[Damaged], refusals: &[Option<&str>]) -> Result<usize, Failed> {
    #[derive(serde::Deserialize)]
    struct Line<'a> {
        key: String,
        headers: BTreeMap<String, String>,
        #[serde(borrow)]
        value: Option<&'a serde_json::value::RawValue>,
        value_text: Option<String>,
        value_base64: Option<String>,
    }
    let line: Line<'_> = serde_json::from_str(line)?;
    let number: usize = line.key.parse().map_err(|_| format!("a good record was rejected: {}", line.key))?;
    let value = line.value.map(|raw| raw.get().to_owned()).or(line.value_text).map(|text| base64(text.as_bytes()));
    assert_eq!(value.or(line.value_base64), damaged[number].value.as_deref().map(base64), "{number}");
    let reason = &*line.headers["bellwether.reject.reason"];
    match refusals[number] {
        Some(refusal) => assert_eq!(reason, refusal, "{number}"),
        None => assert!(OF_THE_ENGINE.contains(&reason), "{number}: {reason}"),
    }
    Ok(number)
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, i| bits << 8 | u32::from(three.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * i)) as usize % 64];
            text.push(if i > three.len() { '=' } else { letter.into() });
        }
    }
    text
}
