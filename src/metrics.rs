//! Prometheus metrics: names of the contract, set once per epoch from counts that the other rooms return.
//!
//! No other room knows this one: the runtime hands over what an epoch came to ([`EpochFigures`]) and the engine's totals.
//! Counters that follow the engine's totals are raised by the difference, so they go on where they were when the process starts
//! anew. Labels are roles, reasons and names of limits: never ids.

use crate::engine::{Effects, Engine, Totals};
use crate::event::{CascadeStatus, Layer, Money, Output, Topic};
use crate::view;
use prometheus::core::{Collector, Desc};
use prometheus::{
    Counter, CounterVec, Encoder, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGauge, IntGaugeVec, Opts, Registry, TextEncoder, proto,
};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Categories with a label of their own in `cascades_detected_total`; later ones count as `other`.
const CATEGORIES_MAX: usize = 50;

/// From a batch that waits for the broker (1 ms) to a stall that somebody is called for (30 s).
const SECONDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// What one committed epoch came to. Counts are the epoch's own, not since the beginning, but for `score_histogram`.
#[derive(Clone, Debug)]
pub struct EpochFigures<'a> {
    /// Records read, good and bad, by topic.
    pub consumed: [u64; 4],
    /// Records on the rejects topic, the wire's and the engine's, by topic and reason.
    pub rejected: &'a [(Topic, &'static str, u64)],
    /// Seconds from a record's log timestamp to the commit of the epoch that it is in. A sample of the records will do.
    pub latencies: &'a [(Topic, f64)],
    /// Seconds of wall clock since the watermark; `None` before the first event.
    pub watermark_lag_seconds: Option<f64>,
    /// End of the log minus the position, by partition.
    pub consumer_lag: &'a [(Topic, i32, u64)],
    /// From the first record to the end of the commit.
    pub epoch: Duration,
    /// The commit of the transaction alone.
    pub commit: Duration,
    pub outputs: OutputFigures,
    /// [`Engine::score_histogram`] at the end of the epoch.
    pub score_histogram: [u64; 101],
}

/// What an epoch's outputs came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputFigures {
    /// Score changes upwards, downwards, and of the layer alone.
    pub score_changes: [u64; 3],
    /// Category of each cascade that was detected.
    pub detected: Vec<String>,
}

impl OutputFigures {
    /// Counts the outputs of `effects`.
    #[must_use]
    pub fn new(effects: &Effects, engine: &Engine) -> OutputFigures {
        let mut figures = OutputFigures::default();
        for output in &effects.outputs {
            match output {
                Output::Score(change) => {
                    let direction = match change.score.cmp(&change.previous_score) {
                        std::cmp::Ordering::Greater => 0,
                        std::cmp::Ordering::Less => 1,
                        std::cmp::Ordering::Equal => 2,
                    };
                    figures.score_changes[direction] += 1;
                }
                Output::Cascade(change) if change.status == CascadeStatus::Detected => {
                    figures.detected.push(engine.category_name(change.category).to_owned());
                }
                Output::Cascade(_) => {}
            }
        }
        figures
    }
}

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    consumed: IntCounterVec,
    rejected: IntCounterVec,
    late: IntCounter,
    duplicate: IntCounter,
    latency: HistogramVec,
    watermark_lag: Gauge,
    consumer_lag: IntGaugeVec,
    epoch: Histogram,
    epochs: IntCounter,
    commit: Histogram,
    restore: Gauge,
    state_customers: IntGauge,
    state_edges: IntGauge,
    limits: IntCounterVec,
    customers: IntGaugeVec,
    scores: Scores,
    score_changes: IntCounterVec,
    cascades_open: IntGauge,
    cascades_detected: IntCounterVec,
    categories: Mutex<Vec<String>>,
    adoptions: CounterVec,
    revenue: CounterVec,
}

const DIRECTIONS: [&str; 3] = ["up", "down", "same"];

impl Metrics {
    /// `model` is the `model` of every output: it names the configuration that history was made with.
    #[must_use]
    pub fn new(model: &str) -> Metrics {
        let new = Register(Registry::new());
        let build = new.gauges("build_info", "Always 1: which program and which model run", &["version", "model"]);
        build.with_label_values(&[env!("CARGO_PKG_VERSION"), model]).set(1.0);
        let metrics = Metrics {
            consumed: new.counts("events_consumed_total", "Records read, good and bad", &["topic"]),
            rejected: new.counts("events_rejected_total", "Records on the rejects topic", &["topic", "reason"]),
            late: new.count("events_late_total", "Records behind the watermark that still counted"),
            duplicate: new.count("events_duplicate_total", "Records dropped because their event_id was known"),
            latency: new.seconds_by_topic("end_to_end_latency_seconds", "From a record's log timestamp to the commit of its epoch"),
            watermark_lag: new.gauge("watermark_lag_seconds", "Wall clock minus watermark"),
            consumer_lag: new.int_gauges("consumer_lag_records", "End of the log minus position", &["topic", "partition"]),
            epoch: new.seconds("epoch_seconds", "From an epoch's first record to the end of its commit"),
            epochs: new.count("epochs_total", "Epochs committed by this process"),
            commit: new.seconds("commit_seconds", "Duration of the commits"),
            restore: new.gauge("restore_seconds", "How long the restore at the start took"),
            state_customers: new.int_gauge("state_customers", "Customers in memory"),
            state_edges: new.int_gauge("state_edges", "Follows in memory"),
            limits: new.counts("limits_hit_total", "How often a named limit took effect", &["limit"]),
            customers: new.int_gauges("customers", "Customers with a published score", &["layer"]),
            scores: Scores::registered(&new),
            score_changes: new.counts("score_changes_total", "Published changes of a score", &["direction"]),
            cascades_open: new.int_gauge("cascades_open", "Cascades that were detected and not closed"),
            cascades_detected: new.counts("cascades_detected_total", "Cascades detected", &["category"]),
            categories: Mutex::default(),
            adoptions: new.amounts(
                "adoptions_total",
                "Adoptions since the beginning, net of refunds: organic and direct add up to all, indirect comes on top. \
                 Does not fall when a refund takes back: it stands until it is exceeded again",
            ),
            revenue: new.amounts(
                "revenue_total",
                "Revenue since the beginning in the reporting currency, net of refunds: like adoptions",
            ),
            registry: new.0,
        };
        metrics.begin_at_zero();
        metrics
    }

    /// Takes an epoch in, after its commit. `totals` are the engine's at its end.
    pub fn observe(&self, figures: &EpochFigures<'_>, totals: &Totals) {
        for topic in Topic::ALL {
            self.consumed.with_label_values(&[topic.name()]).inc_by(figures.consumed[topic as usize]);
        }
        for (topic, reason, count) in figures.rejected {
            self.rejected.with_label_values(&[topic.name(), reason]).inc_by(*count);
        }
        for (topic, seconds) in figures.latencies {
            self.latency.with_label_values(&[topic.name()]).observe(*seconds);
        }
        if let Some(seconds) = figures.watermark_lag_seconds {
            self.watermark_lag.set(seconds);
        }
        for (topic, partition, records) in figures.consumer_lag {
            let labels = [topic.name(), &partition.to_string()];
            self.consumer_lag.with_label_values(&labels).set(*records as i64);
        }
        self.epoch.observe(figures.epoch.as_secs_f64());
        self.commit.observe(figures.commit.as_secs_f64());
        self.epochs.inc();
        for (direction, count) in DIRECTIONS.iter().zip(figures.outputs.score_changes) {
            self.score_changes.with_label_values(&[*direction]).inc_by(count);
        }
        for category in &figures.outputs.detected {
            self.cascades_detected.with_label_values(&[&self.bounded(category)]).inc();
        }
        self.scores.set(figures.score_histogram);
        self.totals(totals);
    }

    /// Records how long the restore at the start took.
    pub fn restored(&self, took: Duration) {
        self.restore.set(took.as_secs_f64());
    }

    /// The text format, version 0.0.4. `view` are the limits that readers' memory hit.
    #[must_use]
    pub fn render(&self, view: view::Limits) -> String {
        for (limit, count) in [("view_cascades", view.cascades), ("view_tree", view.tree), ("view_stream", view.stream)]
        {
            raise_to(&self.limits.with_label_values(&[limit]), count);
        }
        let mut text = Vec::new();
        let encoded = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        encoded.expect("a vector takes all that is written, and every metric has a name");
        String::from_utf8(text).expect("the text format is UTF-8")
    }

    fn totals(&self, totals: &Totals) {
        raise_to(&self.late, totals.late.iter().sum());
        raise_to(&self.duplicate, totals.duplicates.iter().sum());
        self.state_customers.set(totals.customers as i64);
        self.state_edges.set(totals.edges as i64);
        for (limit, count) in [
            ("followees", totals.limit_followees),
            ("dedupe", totals.limit_dedupe),
            ("credited", totals.limit_credited),
            ("cascade_depth", totals.limit_depth),
        ] {
            raise_to(&self.limits.with_label_values(&[limit]), count);
        }
        for layer in Layer::ALL {
            self.customers.with_label_values(&[layer.name()]).set(totals.layers[layer as usize] as i64);
        }
        self.cascades_open.set(totals.cascades_open as i64);
        let units = |amount: Money| amount.0 as f64 / Money::UNIT as f64;
        for (origin, adoptions, revenue) in [
            ("direct", totals.credit_direct, totals.revenue_direct),
            ("indirect", totals.credit_indirect, totals.revenue_indirect),
            ("organic", totals.credit_organic, totals.revenue_organic),
        ] {
            raise_amount_to(&self.adoptions.with_label_values(&[origin]), adoptions.adoptions());
            raise_amount_to(&self.revenue.with_label_values(&[origin]), units(revenue));
        }
    }

    /// Series whose labels are known exist from the start, so that a rate over their first event is not lost.
    fn begin_at_zero(&self) {
        for topic in Topic::ALL {
            self.consumed.with_label_values(&[topic.name()]);
            self.latency.with_label_values(&[topic.name()]);
        }
        for direction in DIRECTIONS {
            self.score_changes.with_label_values(&[direction]);
        }
        self.totals(&Totals::default());
    }

    /// The label of a category.
    fn bounded(&self, category: &str) -> String {
        let mut known = self.categories.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.iter().any(|known| known == category) {
            if known.len() >= CATEGORIES_MAX {
                return "other".to_owned();
            }
            known.push(category.to_owned());
        }
        category.to_owned()
    }
}

/// Raises a counter to a cumulative total; never lowers it.
fn raise_to(counter: &IntCounter, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}

/// The same for amounts that refunds can lower: a counter that fell would look like a restart.
fn raise_amount_to(counter: &Counter, total: f64) {
    counter.inc_by((total - counter.get()).max(0.0));
}

/// Makes metrics with the prefix and registers them.
struct Register(Registry);

impl Register {
    fn registered<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let collector = made.expect("names, help and labels are constants that hold to the format");
        self.0.register(Box::new(collector.clone())).expect("every name is registered once");
        collector
    }

    fn count(&self, name: &str, help: &str) -> IntCounter {
        self.registered(IntCounter::with_opts(opts(name, help)))
    }

    fn counts(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.registered(IntCounterVec::new(opts(name, help), labels))
    }

    fn amounts(&self, name: &str, help: &str) -> CounterVec {
        self.registered(CounterVec::new(opts(name, help), &["origin"]))
    }

    fn gauge(&self, name: &str, help: &str) -> Gauge {
        self.registered(Gauge::with_opts(opts(name, help)))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
        self.registered(GaugeVec::new(opts(name, help), labels))
    }

    fn int_gauge(&self, name: &str, help: &str) -> IntGauge {
        self.registered(IntGauge::with_opts(opts(name, help)))
    }

    fn int_gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.registered(IntGaugeVec::new(opts(name, help), labels))
    }

    fn seconds(&self, name: &str, help: &str) -> Histogram {
        self.registered(Histogram::with_opts(HistogramOpts::from(opts(name, help)).buckets(SECONDS.to_vec())))
    }

    fn seconds_by_topic(&self, name: &str, help: &str) -> HistogramVec {
        let opts = HistogramOpts::from(opts(name, help)).buckets(SECONDS.to_vec());
        self.registered(HistogramVec::new(opts, &["topic"]))
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("bellwether")
}

/// `bellwether_score`: how the scores are distributed at this moment. A histogram of a population, not of a flow: its buckets may
/// fall, so quantiles of it make sense and rates do not.
#[derive(Clone)]
struct Scores {
    desc: Desc,
    counts: std::sync::Arc<Mutex<[u64; 101]>>,
}

/// Whole points up to which a bucket counts. Scores have two decimals, so `le` ends in .99.
const SCORE_BUCKETS: [usize; 12] = [0, 4, 9, 19, 29, 39, 49, 59, 69, 79, 89, 94];

impl Scores {
    fn registered(register: &Register) -> Scores {
        let help = "Published scores of all customers as they stand now: quantiles make sense, rates do not. \
                    The sum takes every score as the middle of its whole point";
        let desc = Desc::new("bellwether_score".into(), help.into(), Vec::new(), HashMap::new());
        register.registered(desc.map(|desc| Scores { desc, counts: std::sync::Arc::new(Mutex::new([0; 101])) }))
    }

    fn set(&self, counts: [u64; 101]) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }
}

impl Collector for Scores {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        let counts = *self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = |whole: usize| {
            let mut bucket = proto::Bucket::default();
            bucket.set_upper_bound(whole as f64 + 0.99);
            bucket.set_cumulative_count(counts[..=whole].iter().sum());
            bucket
        };
        let middle = |whole: usize| (whole as f64 + 0.5).min(100.0);
        let mut histogram = proto::Histogram::default();
        histogram.set_bucket(SCORE_BUCKETS.into_iter().map(bucket).collect::<Vec<_>>());
        histogram.set_sample_count(counts.iter().sum());
        histogram.set_sample_sum(counts.iter().enumerate().map(|(whole, &count)| middle(whole) * count as f64).sum());
        let mut metric = proto::Metric::default();
        metric.set_histogram(histogram);
        let mut family = proto::MetricFamily::default();
        family.set_name(self.desc.fq_name.clone());
        family.set_help(self.desc.help.clone());
        family.set_field_type(proto::MetricType::HISTOGRAM);
        family.set_metric(vec![metric]);
        vec![family]
    }
}
