//! Data that is not ours to keep here: a file as `bellwether replay` reads it, named by `BELLWETHER_TEST_EVENTS`.

use crate::broker::Broker;
use crate::pipeline::{Deployment, INPUTS, check_committed, compare, replayed};
use crate::stream::Event;
use libtest_mimic::Failed;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

/// All outputs on Kafka equal those of the replay, whatever the file has or lacks. Prints what came out.
pub fn equals_replay(broker: &Broker, path: &str, partitions: i32) -> Result<(), Failed> {
    let events = events(path)?;
    let mut deployment = Deployment::new(broker);
    deployment.settings = "[epoch]\nidle_after_ms = 5000\n".into();
    deployment.create_topics(partitions);
    deployment.produce(&events);
    let begun = Instant::now();
    let mut running = deployment.start();
    deployment.wait_for_all(&mut running, &events)?;
    let seconds = begun.elapsed().as_secs_f64();
    assert_eq!(running.end("TERM"), Some(0), "{}", running.log());
    compare(&deployment, &replayed(&deployment, &events))?;
    check_committed(&deployment);

    let journal = deployment.journal();
    let last = journal.last().ok_or("no journal")?;
    let summary = fs::read_to_string(deployment.directory.path().join("replayed/summary.json"))?;
    let summary: Value = serde_json::from_str(&summary)?;
    assert_eq!(summary["digest"], last["digest"], "Kafka and the replay prove the same outputs");
    eprintln!(
        "{path}, {partitions} partitions: {} events, {} epochs, {} outputs, digest {}, {seconds:.1} s with 5 s of silence",
        events.len(),
        journal.len(),
        last["outputs"],
        last["digest"],
    );
    eprintln!("{summary:#}");
    for (customer, score) in best(&deployment, 20) {
        eprintln!("{score:>7} {customer}");
    }
    Ok(())
}

fn events(path: &str) -> Result<Vec<Event>, Failed> {
    #[derive(serde::Deserialize)]
    struct Line<'a> {
        topic: String,
        #[serde(borrow)]
        value: &'a RawValue,
    }
    #[derive(serde::Deserialize)]
    struct Stamp {
        occurred_at: i64,
    }
    let mut events = Vec::new();
    for (number, line) in fs::read_to_string(path)?.lines().enumerate() {
        let line: Line<'_> = serde_json::from_str(line)?;
        let topic = INPUTS.into_iter().find(|role| *role == line.topic).ok_or("an unknown topic")?;
        let at = serde_json::from_str::<Stamp>(line.value.get())?.occurred_at;
        events.push(Event { topic, key: (number % 997).to_string(), value: line.value.get().into(), at });
    }
    Ok(events)
}

/// The customers of the highest scores, as the compacted topic has them.
fn best(deployment: &Deployment, count: usize) -> Vec<(String, f64)> {
    let mut scores: BTreeMap<String, f64> = BTreeMap::new();
    for record in deployment.read("influence.scores") {
        let value: Value = serde_json::from_slice(&record.value.unwrap()).unwrap();
        scores.insert(value["customer_id"].as_str().unwrap().into(), value["score"].as_f64().unwrap());
    }
    let mut best: Vec<_> = scores.into_iter().collect();
    best.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    best.truncate(count);
    best
}
