//! End to end on genuine Kafka, beside it on the same machine: what a consumer that only drains the topics does, one that also
//! parses, and the whole pipeline with exactly-once. Rates are counted from the first record on. A pipeline of its own runs
//! before, because a freshly started broker spends most of its time compiling itself.
//!
//!     cargo bench --bench pipeline [-- SCALE [PARTITIONS]]     # SCALE 1 is the reference market: 16 M events

#[path = "../tests/kafka/broker.rs"]
mod broker;
#[expect(dead_code, clippy::unwrap_used, reason = "the tests' client, of which a bench needs a part")]
#[path = "../tests/kafka/client.rs"]
mod client;

use bellwether::config::{Config, Runtime};
use bellwether::engine::Totals;
use bellwether::event::Chunk;
use bellwether::runtime::kafka::{LogProbe, Source};
use bellwether::runtime::{EpochReport, Pipeline, Publisher, create_topics};
use bellwether::simulate::{Options, events, write_key, write_value};
use bellwether::view::View;
use bellwether::wire::{Decoder, RawRecord};
use broker::Broker;
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let scale = arguments.first().map_or(Ok(0.05), |text| text.parse())?;
    let partitions = arguments.get(1).map_or(Ok(4), |text| text.parse())?;
    if let Some(missing) = broker::missing_tools() {
        return Err(format!("genuine Kafka needs a JDK 17 and Maven: {missing}").into());
    }
    let broker = Broker::start()?;
    let mut config = Config::load_or_fail(None)?;
    config.runtime.kafka.brokers.clone_from(&broker.address);

    let warm = deployment(&config, "warm");
    create_topics(&warm, partitions, 1)?;
    let meter = Meter { broker: broker.pid(), count: produce(&warm, scale)? };
    println!("to warm the broker up, {} events:", meter.count);
    pipeline(&meter, warm)?;

    let config = deployment(&config, "bench");
    create_topics(&config, partitions, 1)?;
    let meter = Meter { count: produce(&config, scale)?, ..meter };
    println!("\n{} events, {partitions} partitions a topic:", meter.count);
    drain(&meter, "drain", &config, |_, _| {})?;
    let decoder = Decoder::new(&config.decode)?;
    let mut chunk = Chunk::default();
    let parsed = drain(&meter, "drain and parse", &config, |raw, _| {
        if chunk.records.len() >= CHUNK {
            chunk.text.clear();
            chunk.records.clear();
            chunk.origins.clear();
        }
        let _ = decoder.decode(raw, &mut chunk);
    })?;
    let piped = pipeline(&meter, config)?;
    println!("pipeline to drain and parse: {:.2}", piped / parsed);
    Ok(())
}

/// The same under other names.
fn deployment(config: &Config, name: &str) -> Config {
    let mut config = config.clone();
    let Runtime { kafka, topics, .. } = &mut config.runtime;
    kafka.group = name.into();
    kafka.transactional_id = name.into();
    for topic in topics.inputs.iter_mut().chain(&mut topics.outputs) {
        *topic = format!("{name}.{topic}");
    }
    config
}

/// Records that are parsed before their memory is used again.
const CHUNK: usize = 4096;

/// Longest wait for a record that must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends the reference market; returns the number of events.
fn produce(config: &Config, scale: f64) -> Outcome<u64> {
    let mut publisher = Publisher::open(&config.runtime.kafka)?;
    let (mut key, mut value) = (Vec::new(), Vec::new());
    let mut count = 0;
    for event in events(&Options::reference(scale))? {
        key.clear();
        value.clear();
        write_key(&event, &mut key);
        write_value(&event, &mut value);
        let topic = &config.runtime.topics.inputs[event.topic() as usize];
        publisher.send(topic, Some(&key), &value, None)?;
        count += 1;
    }
    publisher.flush(PATIENCE)?;
    Ok(count)
}

/// Reads all events; returns the rate.
fn drain(meter: &Meter, what: &str, config: &Config, mut read: impl FnMut(&RawRecord<'_>, usize)) -> Outcome<f64> {
    let source = Source::open(&config.runtime.kafka, &config.runtime.topics)?;
    let probe = LogProbe::open(&config.runtime.kafka, &config.runtime.topics, source.slots())?;
    source.assign(&probe.starts()?)?;
    let mut came = 0;
    let mut lap = None;
    while came < meter.count {
        if source.poll(PATIENCE, |slot, raw| read(raw, slot))?.is_none() {
            return Err(format!("{came} of {} records came", meter.count).into());
        }
        lap.get_or_insert_with(|| meter.start());
        came += 1;
    }
    let lap = lap.ok_or("no records")?;
    Ok(meter.tell(what, &lap))
}

/// Sums of the epochs' reports.
#[derive(Default)]
struct Sums {
    epochs: u64,
    records: u64,
    outputs: u64,
    step: Duration,
    encode: Duration,
    commit: Duration,
}

/// Runs the pipeline until all events are committed; returns the rate.
fn pipeline(meter: &Meter, config: Config) -> Outcome<f64> {
    let view = Arc::new(View::new(config.runtime.limits.view_cascades, config.runtime.limits.view_tree));
    let (committed, reports) = mpsc::channel::<(EpochReport, Totals)>();
    let pipeline = Pipeline::start(config, view, Arc::new(AtomicBool::new(false)), move |report, totals| {
        // Nobody listens once all events are in.
        let _ = committed.send((report.clone(), totals.clone()));
    })?;
    // Only resets the peak of the memory in use.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let mut sums = Sums::default();
    let mut lap = None;
    while sums.records < meter.count {
        let (report, _) = reports.recv_timeout(PATIENCE)?;
        let lap = lap.get_or_insert_with(|| meter.start());
        if sums.epochs == 0 {
            lap.begun -= report.step_time + report.commit_time;
        }
        sums.epochs += 1;
        sums.records += report.records.iter().sum::<u64>();
        sums.outputs += report.outputs;
        sums.step += report.step_time;
        sums.encode += report.encode_time;
        sums.commit += report.commit_time;
    }
    let lap = lap.ok_or("no epochs")?;
    let rate = meter.tell("pipeline", &lap);
    let seconds = |time: Duration| time.as_secs_f64();
    let per_event = |amount: f64| amount / meter.count as f64;
    println!(
        "  {} epochs; of the engine's thread: step {:.2} s, encode {:.2} s; of the commit thread: {:.2} s ({:.1} ms an epoch, \
         {:.2} µs an output)",
        sums.epochs,
        seconds(sums.step - sums.encode),
        seconds(sums.encode),
        seconds(sums.commit),
        1e3 * seconds(sums.commit) / sums.epochs as f64,
        1e6 * seconds(sums.commit) / sums.outputs as f64
    );
    println!("  {:.3} outputs an event; peak memory {}", per_event(sums.outputs as f64), peak_memory());
    pipeline.stop();
    pipeline.join()?;
    Ok(rate)
}

/// Measures what this process and the broker spend.
struct Meter {
    broker: u32,
    count: u64,
}

struct Lap {
    begun: Instant,
    threads: BTreeMap<String, f64>,
    broker: f64,
}

impl Meter {
    fn start(&self) -> Lap {
        Lap { begun: Instant::now(), threads: threads(), broker: cpu_seconds(&format!("/proc/{}/stat", self.broker)) }
    }

    /// Prints rate and processor time since `lap`; returns events per second.
    fn tell(&self, what: &str, lap: &Lap) -> f64 {
        let (now, time) = (self.start(), lap.begun.elapsed().as_secs_f64());
        let rate = self.count as f64 / time;
        let per_million = |seconds: f64| 1e6 * seconds / self.count as f64;
        let spent: Vec<(&String, f64)> = now
            .threads
            .iter()
            .map(|(name, seconds)| (name, seconds - lap.threads.get(name).unwrap_or(&0.0)))
            .filter(|(_, seconds)| *seconds > 0.005 * time)
            .collect();
        let all: f64 = spent.iter().map(|(_, seconds)| seconds).sum();
        println!(
            "{what}: {rate:.0} events/s ({time:.2} s); CPU seconds per million events: {:.2} here, {:.2} broker",
            per_million(all),
            per_million(now.broker - lap.broker)
        );
        for (name, seconds) in spent {
            println!("  {name}: busy {:.0} %, {:.2} s per million", 100.0 * seconds / time, per_million(seconds));
        }
        rate
    }
}

/// Processor time of this process's threads, by name.
fn threads() -> BTreeMap<String, f64> {
    let mut all = BTreeMap::new();
    for task in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        *all.entry(name.trim().to_owned()).or_insert(0.0) += cpu_seconds(&task.path().join("stat").to_string_lossy());
    }
    all
}

/// User and system time; the kernel counts hundredths.
fn cpu_seconds(path: &str) -> f64 {
    let stat = fs::read_to_string(path).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |field: usize| fields.get(field).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

fn peak_memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".into(), |line| line.trim().to_owned())
}
