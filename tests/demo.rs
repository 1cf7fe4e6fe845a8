//! The demo as a visitor meets it: the real binary, its text, its API, its broker, and its end.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so and stop")]

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// A guard against hanging, not an expectation.
const PATIENCE: Duration = Duration::from_secs(180);

struct Demo {
    child: Child,
    lines: Receiver<String>,
    told: Vec<String>,
}

impl Demo {
    fn start() -> Demo {
        let mut child = Command::new(env!("CARGO_BIN_EXE_bellwether"))
            .args(["demo", "--port", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let (line, lines) = channel();
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|text| line.send(text)));
        Demo { child, lines, told: Vec::new() }
    }

    /// Reads on to a line that contains `fragment`.
    fn until(&mut self, fragment: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|end| panic!("{end} before {fragment:?}: {:#?}", self.told));
            self.told.push(line.clone());
            if line.contains(fragment) {
                return line;
            }
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

fn ask(address: &str) -> Value {
    let body = ureq::get(address).call().unwrap().body_mut().read_to_string().unwrap();
    serde_json::from_str(&body).unwrap()
}

/// The first record of any partition of a topic.
fn first_record(brokers: &str, topic: &str) -> Value {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", brokers).set("group.id", "visitor").create().unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
    let mut list = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        list.add_partition_offset(topic, partition.id(), Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
            return serde_json::from_slice(message.payload().unwrap()).unwrap();
        }
    }
    panic!("nothing to read on {topic}");
}

/// The word behind `mark`.
fn word<'a>(line: &'a str, mark: &str) -> &'a str {
    let (_, rest) = line.split_once(mark).unwrap_or_else(|| panic!("no {mark:?} in {line:?}"));
    rest.split([' ', '\'']).next().unwrap()
}

#[test]
fn within_one_screen_it_shows_an_advocate_the_reasons_and_where_to_ask() {
    let mut demo = Demo::start();
    let console = word(&demo.until("Console: "), "Console: ").to_owned();
    let became = demo.until("just became a core advocate");
    let name = word(&became, "● ").to_owned();
    assert!(demo.until("truth").contains("planted"), "{:#?}", demo.told);
    let customer = word(&demo.until("curl -s "), "curl -s ").to_owned();
    let leaderboard = word(&demo.until("curl -s '"), "curl -s '").to_owned();
    let brokers = word(&demo.until("kcat"), "-b ").to_owned();
    let topic = word(&demo.told[demo.told.len() - 1], "-t ").to_owned();

    assert!(customer.ends_with(&format!("/v1/customers/{name}")), "{customer}");
    let ready = ureq::get(format!("{console}readyz")).call().unwrap();
    assert_eq!(ready.status(), 200);
    let page = ureq::get(&console).call().unwrap().body_mut().read_to_string().unwrap();
    assert!(page.contains("<html"), "{page}");
    assert_eq!(ask(&customer)["customer_id"], *name);
    let ranked = ask(&leaderboard);
    let ranked = ranked["customers"].as_array().unwrap();
    assert_eq!(ranked.len(), 5);
    assert!(ranked[0]["persuasion"].as_f64().unwrap() >= ranked[4]["persuasion"].as_f64().unwrap());
    let change = first_record(&brokers, &topic);
    assert_eq!(change["model"], "rules-demo");
    assert!(change["score"].as_f64().unwrap() > 0.0, "{change}");

    demo.until("planted are core advocates");
    let interrupted = Command::new("kill").args(["-INT", &demo.child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let summary = demo.until("events read");
    assert!(summary.contains(" 0 rejected"), "{summary}");
    demo.until("Next: ");
    assert_eq!(demo.child.wait().unwrap().code(), Some(0));
    let long: Vec<_> = demo.told.iter().filter(|line| line.chars().count() > 80).collect();
    assert!(long.is_empty(), "longer than 80 columns: {long:#?}");
    assert!(demo.told.iter().all(|line| !line.contains('\x1b')), "no colours in a pipe");
}

#[test]
fn what_cannot_be_is_said_before_anything_starts() {
    for (arguments, fragment) in
        [(["demo", "--customers", "3"], "500..=10000"), (["demo", "--port", "70000"], "--port")]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_bellwether")).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(fragment), "{arguments:?}: {output:?}");
    }
}
