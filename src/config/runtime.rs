//! `runtime.toml` → [`Runtime`]: where and how, never what. The environment overrides it.

use super::reader::{Document, Findings, Override, Section, Source, shown};
use super::{Epoch, Http, Kafka, Limits, Runtime, Topics};
use crate::event::Topic;
use crate::wire::OutTopic;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Value;

/// Properties that hold secrets, so that their place is the environment and their values are never printed.
const SECRET_PROPERTIES: [&str; 8] = [
    "sasl.password",
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.assertion.private.key.pem",
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
];

/// Properties that exactly-once depends on, or that have a key of their own, with what to do instead.
const OWN_PROPERTIES: [(&str, &str); 14] = [
    ("bootstrap.servers", "use kafka.brokers"),
    ("metadata.broker.list", "use kafka.brokers"),
    ("group.id", "use kafka.group"),
    ("transactional.id", "use kafka.transactional_id"),
    ("enable.auto.commit", "offsets are committed inside the transaction"),
    ("enable.auto.offset.store", "offsets are committed inside the transaction"),
    ("auto.offset.reset", "positions come from the journal"),
    ("isolation.level", "it is always read_committed"),
    ("enable.idempotence", "it is always true"),
    ("acks", "they are always all"),
    ("max.in.flight", "the idempotent producer sets it"),
    ("max.in.flight.requests.per.connection", "the idempotent producer sets it"),
    ("partitioner", "outputs are co-partitioned with murmur2_random"),
    ("enable.partition.eof", "the ends of partitions are always watched"),
];

/// Whether the value of a librdkafka property must not be shown.
pub fn is_secret(property: &str) -> bool {
    SECRET_PROPERTIES.contains(&property) || property.contains("password") || property.contains("secret")
}

/// The settings that the environment overrides, by path. Variables without a double underscore are not ours: an
/// orchestrator injects `BELLWETHER_PORT` and the like for a service of that name.
pub fn overrides(environment: impl IntoIterator<Item = (String, String)>) -> BTreeMap<String, Override> {
    let topics: HashMap<String, &str> = topic_roles().map(|role| (role.replace(['.', '-'], "_"), role)).collect();
    let mut overrides = BTreeMap::new();
    for (variable, value) in environment {
        let Some((section, key)) = variable.strip_prefix("BELLWETHER_").and_then(|rest| rest.split_once("__")) else {
            continue;
        };
        let (section, key) = (section.to_lowercase(), key.to_lowercase());
        let path = if let Some(property) = key.strip_prefix("client__") {
            format!("{section}.client.{}", property.replace('_', "."))
        } else if section == "topics" {
            format!("topics.{}", topics.get(&key).map_or(key.as_str(), |role| *role))
        } else {
            format!("{section}.{}", key.replace("__", "."))
        };
        overrides.insert(path, Override { variable, value });
    }
    overrides
}

/// Reads the text of a runtime file, which names the engine file (`None`: the parameters that are compiled in).
/// Relative paths in it are relative to `directory`.
pub fn read(
    file: &str,
    text: &str,
    directory: &Path,
    overrides: BTreeMap<String, Override>,
) -> (Runtime, Option<PathBuf>, Findings) {
    let document = Document::new(file, overrides);
    let mut root = document.root(text);
    let engine = root.text("engine", "", not_empty);
    let engine = (!engine.is_empty()).then(|| directory.join(engine));
    let runtime = Runtime {
        kafka: kafka(root.section("kafka")),
        topics: topics(root.section("topics")),
        epoch: epoch(root.section("epoch")),
        http: http(root.section("http"), directory),
        snapshot_directory: snapshot_directory(root.section("snapshot")),
        limits: limits(root.section("limits")),
    };
    root.finish();
    (runtime, engine, document.finish())
}

fn kafka(mut section: Section<'_>) -> Kafka {
    let brokers = section.text("brokers", "localhost:9092", |text| {
        let valid = text.split(',').all(|broker| is_host_and_port(broker.trim()));
        valid.then_some(()).ok_or_else(|| "host:port, separated by commas".to_owned())
    });
    let group = section.text("group", "bellwether", not_empty);
    let transactional_id = section.text("transactional_id", "bellwether-0", not_empty);
    let client = client_properties(section.section("client"));
    section.finish();
    Kafka { brokers, group, transactional_id, client }
}

fn client_properties(mut section: Section<'_>) -> Vec<(String, String)> {
    let mut properties = Vec::new();
    for (property, (value, source)) in section.entries() {
        if let Some((_, instead)) = OWN_PROPERTIES.iter().find(|(name, _)| *name == property) {
            section.error(&property, format!("cannot be set: {instead}"));
            continue;
        }
        if is_secret(&property) && !matches!(source, Source::Environment(_)) {
            let variable = format!("BELLWETHER_KAFKA__CLIENT__{}", property.replace('.', "_").to_uppercase());
            section.error(&property, format!("a secret does not belong in this file: set {variable} instead"));
            continue;
        }
        let text = match value {
            Value::String(text) => text,
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => value.to_string(),
            other => {
                section.error(&property, format!("found {}, allowed is text, a number or a flag", shown(&other)));
                continue;
            }
        };
        let visible = if is_secret(&property) { "(secret)".to_owned() } else { text.clone() };
        section.record(&property, visible, source);
        properties.push((property, text));
    }
    properties
}

fn topics(mut section: Section<'_>) -> Topics {
    let mut given = section.entries();
    let mut used: HashMap<String, String> = HashMap::new();
    let mut name_of = |role: &'static str| -> String {
        let (name, source) = match given.remove(role) {
            None => (role.to_owned(), Source::Default),
            Some((Value::String(name), source)) if is_topic_name(&name) => (name, source),
            Some((other, source)) => {
                let allowed = "1 to 249 letters, digits, dots, dashes and underscores";
                section.error(role, format!("found {}, allowed is {allowed}", shown(&other)));
                (role.to_owned(), source)
            }
        };
        if let Some(other) = used.insert(name.clone(), role.to_owned()) {
            section.error(role, format!("\"{name}\" is the topic of {other} already"));
        }
        section.record(role, name.clone(), source);
        name
    };
    let inputs = Topic::ALL.map(|topic| name_of(topic.name()));
    let outputs = OutTopic::ALL.map(|topic| name_of(topic.name()));
    let known: Vec<String> = topic_roles().map(str::to_owned).collect();
    for role in given.keys() {
        section.error(role, format!("unknown topic{}", super::reader::did_you_mean(role, &known)));
    }
    Topics { inputs, outputs }
}

fn epoch(mut section: Section<'_>) -> Epoch {
    let mut millis = |key, default, allowed| Duration::from_millis(section.integer(key, default, allowed) as u64);
    let max = millis("max_ms", 100, 1..=60_000);
    let live_within = millis("live_within_ms", 60_000, 0..=86_400_000);
    let idle_after = millis("idle_after_ms", 2_000, 1..=86_400_000);
    let max_records = section.count("max_records", 20_000, 1..=10_000_000);
    section.finish();
    Epoch { max, max_records, live_within, idle_after }
}

fn http(mut section: Section<'_>, directory: &Path) -> Http {
    let listen = section.text("listen", "127.0.0.1:8080", |text| {
        is_host_and_port(text).then_some(()).ok_or_else(|| "address:port, like \"127.0.0.1:8080\"".to_owned())
    });
    let file = section.text("token_file", "", not_empty);
    let mut token =
        section.secret("token", "put it into a file and name that as http.token_file, or set BELLWETHER_HTTP__TOKEN");
    if token.is_none() && !file.is_empty() {
        let path = directory.join(&file);
        match std::fs::read_to_string(&path) {
            Ok(text) => token = Some(text.trim().to_owned()),
            Err(error) => section.error("token_file", format!("cannot read {}: {error}", path.display())),
        }
    }
    if let Some(given) = &token
        && (given.len() < 16 || !given.bytes().all(|byte| byte.is_ascii_graphic()))
    {
        section.error("token", "allowed are 16 or more printable ASCII characters without spaces".to_owned());
    }
    if token.is_none() && file.is_empty() && !is_loopback(&listen) {
        let how = "http.token_file or BELLWETHER_HTTP__TOKEN";
        section.error("listen", format!("{listen} is not a loopback address, so a token is needed: set {how}"));
    }
    section.finish();
    Http { listen, token }
}

fn snapshot_directory(mut section: Section<'_>) -> PathBuf {
    let directory = section.text("directory", "snapshots", not_empty);
    section.finish();
    PathBuf::from(directory)
}

fn limits(mut section: Section<'_>) -> Limits {
    let limits = Limits {
        reorder_records: section.count("reorder_records", 200_000, 1_000..=100_000_000),
        view_cascades: section.count("view_cascades", 10_000, 1..=10_000_000),
        view_tree: section.count("view_tree", 2_000, 1..=1_000_000),
    };
    section.finish();
    limits
}

/// Roles of all topics, inputs first.
fn topic_roles() -> impl Iterator<Item = &'static str> {
    Topic::ALL.iter().map(|topic| topic.name()).chain(OutTopic::ALL.iter().map(|topic| topic.name()))
}

fn not_empty(text: &str) -> Result<(), String> {
    (!text.trim().is_empty()).then_some(()).ok_or_else(|| "text that is not empty".to_owned())
}

fn is_topic_name(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=249).contains(&name.len()) && name != "." && name != ".." && name.bytes().all(legal)
}

fn is_host_and_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains(char::is_whitespace) && port.parse::<u16>().is_ok()
    })
}

fn is_loopback(listen: &str) -> bool {
    let host = listen.rsplit_once(':').map_or(listen, |(host, _)| host).trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
