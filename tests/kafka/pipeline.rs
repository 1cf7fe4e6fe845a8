//! The real binary against the same events replayed from a file: equal keys and values in every output topic.

use crate::broker::Broker;
use crate::client::{self, Producing, Reading, Record};
use crate::stream::{self, Event};
use libtest_mimic::Failed;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub const INPUTS: [&str; 4] = ["social.follows", "social.mentions", "commerce.reviews", "commerce.purchases"];
pub const OUTPUTS: [&str; 6] = [
    "influence.score-changes",
    "influence.scores",
    "influence.cascades",
    "influence.alerts",
    "influence.rejects",
    "influence.journal",
];

/// How long a run may take to read everything and release it.
const PATIENCE: Duration = Duration::from_secs(120);

/// A deployment of its own on the shared broker: topics, group and files that no other test has.
pub struct Deployment {
    pub address: String,
    pub prefix: String,
    pub directory: tempfile::TempDir,
    /// Appended to the configuration file.
    pub settings: String,
}

impl Deployment {
    pub fn new(broker: &Broker) -> Deployment {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let prefix = format!("t{}.", COUNT.fetch_add(1, Ordering::Relaxed));
        let settings = "[epoch]\nidle_after_ms = 700\nmax_ms = 50\n".into();
        Deployment { address: broker.address.clone(), prefix, directory: tempfile::tempdir().unwrap(), settings }
    }

    pub fn topic(&self, role: &str) -> String {
        format!("{}{role}", self.prefix)
    }

    pub fn group(&self) -> String {
        format!("{}bellwether", self.prefix)
    }

    /// Writes the configuration and returns its path.
    pub fn config(&self) -> PathBuf {
        let path = self.directory.path().join("runtime.toml");
        let topics: String =
            INPUTS.iter().chain(&OUTPUTS).map(|role| format!("\"{role}\" = \"{}\"\n", self.topic(role))).collect();
        let group = self.group();
        let text = format!(
            "[kafka]\nbrokers = \"{}\"\ngroup = \"{group}\"\ntransactional_id = \"{group}\"\n[topics]\n{topics}\
             [http]\nlisten = \"127.0.0.1:0\"\n{}",
            self.address, self.settings
        );
        fs::write(&path, text).unwrap();
        path
    }

    /// `bellwether` with arguments, to its end.
    pub fn command(&self, arguments: &[&str]) -> Output {
        let config = self.config();
        bellwether().args(arguments).arg("--config").arg(config).output().unwrap()
    }

    pub fn create_topics(&self, partitions: i32) {
        let output = self.create_missing(partitions);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Creates what is missing, whatever the others are like.
    pub fn create_missing(&self, partitions: i32) -> Output {
        self.command(&["topics", "--create", "--partitions", &partitions.to_string()])
    }

    pub fn produce(&self, events: &[Event]) {
        let producing = Producing::new(&self.address);
        self.send(&producing, events);
        producing.finish();
    }

    fn send(&self, producing: &Producing, events: &[Event]) {
        for event in events {
            producing.send(&self.topic(event.topic), Some(event.key.as_bytes()), Some(event.value.as_bytes()), &[]);
        }
    }

    pub fn start(&self) -> Running {
        let log = self.directory.path().join("run.log");
        let file = fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let child = bellwether()
            .args(["run", "--config"])
            .arg(self.config())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .unwrap();
        Running { child, log }
    }

    pub fn read(&self, role: &str) -> Vec<Record> {
        Reading::new(&self.address, &self.topic(role)).all()
    }

    pub fn journal(&self) -> Vec<Value> {
        let parse = |record: Record| serde_json::from_slice(&record.value.unwrap()).unwrap();
        self.read("influence.journal").into_iter().map(parse).collect()
    }

    /// Waits until an epoch is journalled for which `done` holds.
    pub fn wait(&self, running: &mut Running, done: impl Fn(&Value) -> bool) -> Result<(), Failed> {
        let reading = Reading::new(&self.address, &self.topic("influence.journal"));
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(record) = reading.next(Duration::from_millis(100)) {
                let entry: Value = serde_json::from_slice(&record.value.unwrap()).unwrap();
                if done(&entry) {
                    return Ok(());
                }
            }
            if let Some(status) = running.child.try_wait().unwrap() {
                return Err(format!("it ended with {status}:\n{}", running.log()).into());
            }
        }
        Err(format!("not done in time:\n{}", running.log()).into())
    }

    /// Everything was read and released.
    pub fn wait_for_all(&self, running: &mut Running, events: &[Event]) -> Result<(), Failed> {
        let newest = events.iter().map(|event| event.at).max().unwrap();
        self.wait(running, |entry| read(entry) == events.len() as i64 && entry["watermark"].as_i64().unwrap() > newest)
    }
}

pub fn bellwether() -> Command {
    Command::new(env!("CARGO_BIN_EXE_bellwether"))
}

/// Records read up to a journal entry.
pub fn read(entry: &Value) -> i64 {
    let topics = entry["ends"].as_object().unwrap().values();
    topics.flat_map(|partitions| partitions.as_object().unwrap().values()).map(|end| end.as_i64().unwrap()).sum()
}

/// A `bellwether run` that is killed with the test.
pub struct Running {
    pub child: Child,
    log: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The metrics at this moment, as Prometheus reads them.
    pub fn metrics(&self) -> String {
        let log = self.log();
        let (_, rest) = log.rsplit_once("http://").unwrap();
        let address = rest.split('/').next().unwrap();
        ureq::get(format!("http://{address}/metrics")).call().unwrap().body_mut().read_to_string().unwrap()
    }

    /// All instances of a deployment write to one log.
    pub fn wait_for_log(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.log().contains(text) {
            assert!(Instant::now() < deadline, "no {text:?}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Sends a signal and returns the exit code, if it exits by itself.
    pub fn end(&mut self, signal: &str) -> Option<i32> {
        let kill = Command::new("kill").args([format!("-{signal}"), self.child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        self.exit()
    }

    pub fn exit(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "it does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Values by key, in order.
pub type ByKey = BTreeMap<String, Vec<String>>;

fn by_key(records: &[Record]) -> ByKey {
    let text = |bytes: &Option<Vec<u8>>| String::from_utf8(bytes.clone().unwrap_or_default()).unwrap();
    let mut all = ByKey::new();
    for record in records {
        all.entry(text(&record.key)).or_default().push(text(&record.value));
    }
    all
}

/// What `bellwether replay` makes of the same events, by output role.
pub fn replayed(deployment: &Deployment, events: &[Event]) -> BTreeMap<&'static str, ByKey> {
    let input = deployment.directory.path().join("events.ndjson");
    let out = deployment.directory.path().join("replayed");
    let mut file = fs::File::create(&input).unwrap();
    for event in events {
        writeln!(file, "{{\"topic\":\"{}\",\"value\":{}}}", event.topic, event.value).unwrap();
    }
    drop(file);
    let output = deployment.command(&["replay", input.to_str().unwrap(), "--out", out.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    outputs(deployment, &out)
}

/// What a replay wrote, by output role.
pub fn outputs(deployment: &Deployment, out: &Path) -> BTreeMap<&'static str, ByKey> {
    let published = OUTPUTS.into_iter().filter(|role| *role != "influence.journal");
    published.map(|role| (role, lines(&out.join(format!("{}.ndjson", deployment.topic(role)))))).collect()
}

fn lines(path: &Path) -> ByKey {
    #[derive(serde::Deserialize)]
    struct Line<'a> {
        key: Option<String>,
        #[serde(borrow)]
        value: Option<&'a RawValue>,
    }
    let mut all = ByKey::new();
    for line in fs::read_to_string(path).unwrap_or_default().lines() {
        let line: Line<'_> = serde_json::from_str(line).unwrap();
        all.entry(line.key.unwrap_or_default())
            .or_default()
            .push(line.value.map_or(String::new(), |value| value.get().into()));
    }
    all
}

/// Compares all published topics with the replay, and looks at the chains of all customers.
fn check_outputs(deployment: &Deployment, events: &[Event]) -> Result<(), Failed> {
    let expected = replayed(deployment, events);
    assert!(expected["influence.score-changes"].len() > 50, "the stream should move scores");
    assert!(!expected["influence.cascades"].is_empty(), "the stream should start cascades");
    compare(deployment, &expected)
}

pub fn compare(deployment: &Deployment, expected: &BTreeMap<&'static str, ByKey>) -> Result<(), Failed> {
    for (role, expected) in expected {
        let mut found = by_key(&deployment.read(role));
        let mut expected = expected.clone();
        if *role == "influence.rejects" {
            // The original key is in Kafka only, and the order is that of arrival.
            let sorted = |all: &ByKey| {
                let mut values: Vec<String> = all.values().flatten().cloned().collect();
                values.sort();
                ByKey::from([(String::new(), values)])
            };
            (found, expected) = (sorted(&found), sorted(&expected));
        }
        for key in expected.keys().chain(found.keys()) {
            let (expected, found) = (expected.get(key), found.get(key));
            if expected != found {
                return Err(format!("{role}, key {key}: replay gives\n{expected:#?}\nKafka has\n{found:#?}").into());
            }
        }
    }
    check_chains(&deployment.read("influence.score-changes"));
    Ok(())
}

/// Every customer's changes are numbered without gaps, each begins at the score where the last one ended.
pub fn check_chains(changes: &[Record]) {
    let mut last: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for record in changes {
        let change: Value = serde_json::from_slice(record.value.as_ref().unwrap()).unwrap();
        let customer = change["customer_id"].as_str().unwrap().to_owned();
        assert_eq!(record.key.as_deref(), Some(customer.as_bytes()));
        let (sequence, score) = last.get(&customer).cloned().unwrap_or((0, "0".into()));
        assert_eq!(change["sequence"].as_u64(), Some(sequence + 1), "{customer}");
        let number = |text: &str| text.parse::<f64>().unwrap();
        assert_eq!(number(&change["previous_score"].to_string()), number(&score), "{customer}");
        last.insert(customer, (sequence + 1, change["score"].to_string()));
    }
}

pub fn check_committed(deployment: &Deployment) {
    for role in INPUTS {
        let offsets = client::committed(&deployment.address, &deployment.group(), &deployment.topic(role));
        assert!(offsets.iter().all(|(committed, end)| committed == end), "{role}: {offsets:?}");
    }
}

pub fn equals_replay(broker: &Broker, partitions: i32) -> Result<(), Failed> {
    let deployment = Deployment::new(broker);
    deployment.create_topics(partitions);
    let events = stream::events(7, 12_000);
    deployment.produce(&events);
    let mut running = deployment.start();
    deployment.wait_for_all(&mut running, &events)?;
    assert_eq!(running.end("TERM"), Some(0), "{}", running.log());
    check_outputs(&deployment, &events)?;
    check_committed(&deployment);
    Ok(())
}

/// Ended in the middle by a signal and started again: as if nothing had happened.
pub fn survives(broker: &Broker, signal: &str) -> Result<(), Failed> {
    let mut deployment = Deployment::new(broker);
    // Small epochs, also when they grow, and a small consumer, so that the signal comes in the middle of the work; the rest of
    // the stream comes later, so that on a fast machine it comes in the middle of the stream at least.
    let settings = |idle_after_ms: u32| {
        format!(
            "[epoch]\nidle_after_ms = {idle_after_ms}\nmax_ms = 20\nmax_records = 25\n[limits]\nreorder_records = 3000\n\
             [kafka.client]\n\"fetch.message.max.bytes\" = \"20000\"\n"
        )
    };
    deployment.settings = settings(600_000);
    deployment.create_topics(3);
    let events = stream::events(11, 20_000);
    let (first, rest) = events.split_at(15_000);
    deployment.produce(first);
    let mut running = deployment.start();
    deployment.wait(&mut running, |entry| read(entry) > 2_000)?;
    let code = running.end(signal);
    assert_eq!(code, if signal == "TERM" { Some(0) } else { None }, "{}", running.log());
    let before = deployment.journal();
    deployment.produce(rest);
    deployment.settings = settings(700);

    let mut running = deployment.start();
    deployment.wait_for_all(&mut running, &events)?;
    assert_eq!(running.end("TERM"), Some(0), "{}", running.log());
    assert!(running.log().contains("restored"), "{}", running.log());
    let journal = deployment.journal();
    assert_eq!(journal[..before.len()], before[..], "history is never rewritten");
    let numbers: Vec<_> = journal.iter().map(|entry| entry["epoch"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..journal.len() as u64).collect::<Vec<_>>(), "epochs are numbered without gaps");
    check_outputs(&deployment, &events)?;
    check_committed(&deployment);
    Ok(())
}

/// A changed engine configuration would change history under the same name.
pub fn another_model_is_refused(broker: &Broker) -> Result<(), Failed> {
    let mut deployment = Deployment::new(broker);
    deployment.create_topics(1);
    let events = stream::events(3, 500);
    deployment.produce(&events);
    let mut running = deployment.start();
    deployment.wait_for_all(&mut running, &events)?;
    assert_eq!(running.end("TERM"), Some(0));
    let engine = deployment.directory.path().join("engine.toml");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/engine.toml");
    let text = fs::read_to_string(shipped).unwrap();
    let changed: Vec<_> =
        text.lines().map(|line| if line.starts_with("tick_ms") { "tick_ms = 200" } else { line }).collect();
    assert_ne!(text.trim_end(), changed.join("\n").trim_end(), "the test should change the tick");
    fs::write(&engine, changed.join("\n")).unwrap();
    let config = fs::read_to_string(deployment.config()).unwrap();
    fs::write(deployment.directory.path().join("other.toml"), format!("engine = \"engine.toml\"\n{config}")).unwrap();
    deployment.settings.clear();
    let output =
        bellwether().args(["run", "--config"]).arg(deployment.directory.path().join("other.toml")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("was written under model") && said.contains("Either restore"), "{said}");
    Ok(())
}

/// Two instances of one deployment: the newer one takes over in the middle of the older one's work, which ends with its
/// own exit code.
pub fn a_second_instance_fences_the_first(broker: &Broker) -> Result<(), Failed> {
    let deployment = Deployment::new(broker);
    deployment.create_topics(2);
    let events = stream::events(5, 6_000);
    let (first, second) = events.split_at(2_000);
    deployment.produce(first);
    let mut older = deployment.start();
    deployment.wait(&mut older, |entry| read(entry) == first.len() as i64)?;
    let mut newer = std::thread::scope(|scope| {
        // Enough at a time that the older one always has something to commit.
        let produce = || {
            let producing = Producing::new(&deployment.address);
            for some in second.chunks(100) {
                deployment.send(&producing, some);
                std::thread::sleep(Duration::from_millis(100));
            }
            producing.finish();
        };
        let producing = scope.spawn(produce);
        let newer = deployment.start();
        producing.join().map(|()| newer)
    })
    .map_err(|_| "producing failed")?;
    assert_eq!(older.exit(), Some(4), "{}", older.log());
    deployment.wait(&mut newer, |entry| read(entry) == events.len() as i64)?;
    assert_eq!(newer.end("TERM"), Some(0), "{}", newer.log());
    check_chains(&deployment.read("influence.score-changes"));
    check_committed(&deployment);
    Ok(())
}

/// The newer instance has nothing to do, so only the older one's next commit shows who owns the deployment.
pub fn an_idle_instance_is_fenced_by_its_next_commit(broker: &Broker) -> Result<(), Failed> {
    let deployment = Deployment::new(broker);
    deployment.create_topics(2);
    let events = stream::events(5, 2_001);
    let (first, last) = events.split_at(2_000);
    deployment.produce(first);
    let mut older = deployment.start();
    deployment.wait_for_all(&mut older, first)?;
    let mut newer = deployment.start();
    newer.wait_for_log("restored");
    deployment.produce(last);
    // One epoch, and nothing to read after it: every thread must learn of the end by itself.
    assert_eq!(older.exit(), Some(4), "{}", older.log());
    deployment.wait_for_all(&mut newer, &events)?;
    assert_eq!(newer.end("TERM"), Some(0), "{}", newer.log());
    check_chains(&deployment.read("influence.score-changes"));
    Ok(())
}
