//! `bellwether demo`: everything in one process. An embedded broker, a simulated market whose influencers are known, the
//! pipeline, API and console on loopback, and on the terminal what the pipeline finds, beside the truth.
//!
//! Nothing here is a short cut: events go over sockets to the broker, the pipeline is the one of `run`, and what is told
//! comes from the view after commit, like everybody's. Only the truth comes from the simulator, which the engine never sees.

mod director;
mod past;
mod screen;
mod story;
mod tempo;

pub use screen::LogWriter;

use crate::config::{Config, Kafka};
use crate::event::{DAY_MS, Layer, Time};
use crate::failure::Failure;
use crate::runtime::{EmbeddedBroker, EpochReport, Service, on_signals};
use crate::simulate::{Market, Options, Planted, Truth, events};
use crate::view::{Change, Customer, Rank, Streamed, View};
use compact_str::CompactString;
use director::{Counters, direct};
use past::Past;
use screen::{Screen, thousands};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempo::Tempo;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

/// Flags of `bellwether demo`.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// Port of console and API on 127.0.0.1; if it is taken, any free one
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub port: u16,
    /// Same seed, same market
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub seed: u64,
    /// Customers of the market; one in 167 is planted as an influencer
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(500..=10_000))]
    pub customers: u32,
    /// No colours; NO_COLOR in the environment says the same
    #[arg(long)]
    pub no_color: bool,
}

/// How often the terminal is brought up to date.
const LOOK: Duration = Duration::from_millis(50);
/// How far behind an event may come and still count.
const LATENESS_MS: i64 = 3 * DAY_MS;
/// The market's last event may be minutes old when it comes; from then on time passes with the wall clock.
const LIVE_WITHIN: Duration = Duration::from_secs(15 * 60);
/// Partitions of the outputs. The embedded broker keeps 5 MiB of each.
const PARTITIONS: i32 = 4;

/// Runs until a signal.
///
/// # Errors
/// [`Failure::Other`] if the embedded broker cannot start, and whatever ends the pipeline.
pub fn demo_command(args: &DemoArgs) -> Result<(), Failure> {
    let stop = on_signals()?;
    let screen = Screen::open(args.no_color, Arc::clone(&stop));
    let mut config = Config::default();
    // While a second is a week, what is milliseconds late is hours late: that is the demo's haste, not the events' fault.
    config.engine.lateness_ms = LATENESS_MS;
    config.fingerprint = "demo".to_owned();
    let broker = start_broker(&mut config)?;
    let taken = claim_port(&mut config, args.port)?;

    let tempo = Tempo::ending_at(wall_clock(), Options::demo().days, Options::demo().lead_days);
    let market = events(&Options { start: tempo.start(), ..Options::demo_of(args.customers, args.seed) })?;
    let counters = Arc::new(Counters::default());
    let kafka = config.runtime.kafka.clone();
    let seen = Arc::clone(&counters);
    let service = Service::start(config.clone(), Arc::clone(&stop), move |report, _| count(&seen, report))?;

    let past = Arc::new(Mutex::new(Past::default()));
    let mut stage = Stage {
        screen: &screen,
        address: format!("http://{}", service.address()),
        truth: market.truth(),
        stream: service.view().subscribe(),
        view: Arc::clone(service.view()),
        past: Arc::clone(&past),
        counters: Arc::clone(&counters),
        kafka,
        tempo: tempo.clone(),
        begun: Instant::now(),
        advocates: BTreeSet::new(),
        highest: None,
        told: Told::default(),
    };
    stage.open(&market, taken.then_some(args.port));
    let feed = {
        let (stop, counters) = (Arc::clone(&stop), Arc::clone(&counters));
        let run = move || direct(market, &config, &tempo, &past, &counters, &stop);
        std::thread::Builder::new()
            .name("market".into())
            .spawn(run)
            .map_err(|error| Failure::Other(format!("cannot start the market's thread: {error}")))?
    };
    while !stop.load(Ordering::Relaxed) && !service.is_finished() {
        service.look();
        stage.look();
        std::thread::sleep(LOOK);
    }
    stop.store(true, Ordering::Relaxed);
    stage.close();
    let fed = feed.join().unwrap_or_else(|_| Err(Failure::Other("the market panicked".into())));
    let ended = service.wait();
    drop(broker);
    ended.and(fed)
}

fn start_broker(config: &mut Config) -> Result<EmbeddedBroker, Failure> {
    let topics = &config.runtime.topics;
    // One partition per input: whether a partition has fallen silent is then known to whoever feeds it.
    let inputs = topics.inputs.iter().map(|name| (name.clone(), 1));
    let [outputs @ .., journal] = &topics.outputs;
    let outputs = outputs.iter().map(|name| (name.clone(), PARTITIONS));
    let broker = EmbeddedBroker::start(&inputs.chain(outputs).chain([(journal.clone(), 1)]).collect::<Vec<_>>())?;
    config.runtime.kafka.brokers = broker.brokers().to_owned();
    config.runtime.epoch.max = Duration::from_millis(50);
    config.runtime.epoch.live_within = LIVE_WITHIN;
    Ok(broker)
}

/// Chooses where to listen; whether the port asked for was taken.
fn claim_port(config: &mut Config, port: u16) -> Result<bool, Failure> {
    let taken = match TcpListener::bind(("127.0.0.1", port)) {
        Ok(_) => false,
        Err(error) if error.kind() == ErrorKind::AddrInUse => true,
        Err(error) => return Err(Failure::Usage(format!("--port {port}: {error}"))),
    };
    config.runtime.http.listen = format!("127.0.0.1:{}", if taken { 0 } else { port });
    config.runtime.http.token = None;
    Ok(taken)
}

fn wall_clock() -> Time {
    Time(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64)
}

fn count(counters: &Counters, report: &EpochReport) {
    counters.read.fetch_add(report.records.iter().sum(), Ordering::Relaxed);
    counters.changes.fetch_add(report.figures.score_changes.iter().sum(), Ordering::Relaxed);
    counters.rejected.fetch_add(report.rejects.iter().map(|(_, _, count)| count).sum(), Ordering::Relaxed);
    counters.watermark.store(report.watermark.0, Ordering::Relaxed);
}

/// What is shown and what it is made of.
struct Stage<'a> {
    screen: &'a Screen,
    address: String,
    truth: Truth,
    stream: Receiver<Streamed>,
    view: Arc<View>,
    past: Arc<Mutex<Past>>,
    counters: Arc<Counters>,
    kafka: Kafka,
    tempo: Tempo,
    begun: Instant,
    advocates: BTreeSet<CompactString>,
    /// The highest score so far: whose story is told if nobody becomes an advocate.
    highest: Option<Arc<Customer>>,
    told: Told,
}

/// What was said already.
#[derive(Default)]
struct Told {
    story: bool,
    slow: bool,
    over: bool,
    /// When the rate was last looked at, what had been read then, and the rate.
    rate: Option<(Instant, u64, f64)>,
}

impl Stage<'_> {
    fn open(&self, market: &Market, taken: Option<u16>) {
        let options = market.options();
        let (screen, planted) = (self.screen, self.truth.planted.len());
        screen.say(&format!(
            "{} {} customers, {} days. {planted} were planted as influencers.",
            screen.bold("Bellwether demo:"),
            thousands(u64::from(options.customers)),
            options.days
        ));
        screen.say("Which ones, it is not told: it sees follows, posts, reviews and purchases.");
        let port = taken.map_or_else(String::new, |port| format!(" (port {port} is taken)"));
        screen.say(&format!("Console: {}/{port}\n", screen.strong(&self.address)));
    }

    fn look(&mut self) {
        loop {
            match self.stream.try_recv() {
                Ok(Streamed { change: Change::Score(changed), .. }) => self.hear(changed),
                Ok(_) | Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        let slow = self.begun.elapsed() >= self.tempo.slow_after();
        if slow
            && !self.told.story
            && let Some(changed) = self.highest.clone()
        {
            self.tell(&changed);
        }
        if slow && self.told.story && !self.told.slow && self.counters.slow.load(Ordering::Relaxed) {
            self.told.slow = true;
            let seconds = self.begun.elapsed().as_secs_f64();
            self.screen.say(&format!("{seconds:.0} s: {} Ctrl-C ends it.", self.found()));
        }
        if self.counters.over.load(Ordering::Relaxed) && !self.told.over {
            self.told.over = true;
            self.screen.say("The market is over; console and API stay until Ctrl-C.");
        }
        self.status();
    }

    fn hear(&mut self, changed: Arc<Customer>) {
        let change = &changed.state;
        if self.highest.as_ref().is_none_or(|highest| highest.state.score < change.score) {
            self.highest = Some(Arc::clone(&changed));
        }
        if change.layer != Layer::CoreAdvocate {
            self.advocates.remove(&changed.id);
            return;
        }
        // The stream has an epoch's last change of a customer, which need not be the one that changed the layer.
        let became = self.advocates.insert(changed.id.clone());
        if became && !self.told.story {
            self.tell(&changed);
        }
    }

    fn tell(&mut self, changed: &Customer) {
        self.told.story = true;
        let planted = self.planted(&changed.id);
        {
            let past = self.past.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            story::tell(self.screen, changed, planted, &past);
        }
        story::next_steps(self.screen, &self.address, &self.kafka.brokers, &changed.id);
    }

    fn planted(&self, customer: &str) -> Option<&Planted> {
        self.truth.planted.iter().find(|planted| planted.customer_id == customer)
    }

    /// How the core advocates compare with what was planted.
    fn found(&self) -> String {
        let (all, planted) = (self.advocates.len(), self.truth.planted.len());
        let found = self.found_planted();
        let others = match all - found {
            0 => "nobody else".to_owned(),
            1 => "1 other".to_owned(),
            others => format!("{others} others"),
        };
        format!("{found} of the {planted} planted are core advocates, and {others}.")
    }

    fn found_planted(&self) -> usize {
        self.advocates.iter().filter(|id| self.planted(id).is_some()).count()
    }

    fn status(&mut self) {
        let (now, read) = (Instant::now(), self.counters.read.load(Ordering::Relaxed));
        let (then, before, rate) = self.told.rate.unwrap_or((self.begun, 0, 0.0));
        let passed = now.duration_since(then).as_secs_f64();
        let rate = if passed >= 1.0 { (read - before) as f64 / passed } else { rate };
        if passed >= 1.0 || self.told.rate.is_none() {
            self.told.rate =
                Some((if passed >= 1.0 { now } else { then }, if passed >= 1.0 { read } else { before }, rate));
        }
        let planted = self.truth.planted.len();
        let found = self.found_planted();
        let date = story::day_and_hour(Time(self.counters.watermark.load(Ordering::Relaxed)));
        self.screen.status(&format!(
            "{date}   {} events   {}/s   found {found} of {planted} planted",
            thousands(read),
            thousands(rate as u64)
        ));
    }

    fn close(&self) {
        self.screen.clear();
        let (read, changes) = (&self.counters.read, &self.counters.changes);
        let rejected = self.counters.rejected.load(Ordering::Relaxed);
        let planted = self.truth.planted.len();
        let top = self.view.leaderboard(Rank::Persuasion, None, None, planted).1;
        let right = top.iter().filter(|customer| self.planted(&customer.id).is_some()).count();
        let (read, changes) = (read.load(Ordering::Relaxed), changes.load(Ordering::Relaxed));
        self.screen.say("");
        for line in [
            format!(
                "{} events read, {} rejected, {} changes of scores;",
                thousands(read),
                rejected,
                thousands(changes)
            ),
            format!("{} events/s while the days raced, a pace set by the demo.", thousands(self.counters.fastest())),
            self.found(),
            format!("Of the first {planted} by persuasion, {right} were planted."),
            "Next: README.md; `bellwether run --help` for your own Kafka.".to_owned(),
        ] {
            self.screen.say(&line);
        }
    }
}
