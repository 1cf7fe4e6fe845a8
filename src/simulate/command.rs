//! `bellwether simulate`: the market into a file, a directory, stdout or Kafka.

use super::market::Market;
use super::publish::publish;
use super::{Options, events, write_line};
use crate::event::{Time, Topic};
use crate::failure::Failure;
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Bytes collected before they are written.
const WRITE_BYTES: usize = 1 << 20;
/// Events between two moves of the progress bar.
const PROGRESS_EVENTS: u64 = 1 << 16;

/// Flags of `bellwether simulate`. Without sizes: 10,000 customers and everything else in proportion.
#[derive(Clone, Debug, clap::Args)]
pub struct SimulateArgs {
    /// Customers of the market [default: 10000].
    #[arg(long, value_name = "N")]
    pub customers: Option<u32>,
    /// Follow events [default: 8 per customer].
    #[arg(long, value_name = "N")]
    pub follows: Option<u64>,
    /// Purchase events [default: 8 per customer].
    #[arg(long, value_name = "N")]
    pub purchases: Option<u64>,
    /// Products on sale [default: one per 10 customers].
    #[arg(long, value_name = "N")]
    pub products: Option<u32>,
    /// Days of purchases [default: 60].
    #[arg(long, value_name = "D")]
    pub days: Option<u32>,
    /// Same seed, same bytes [default: 1].
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Planted influencers [default: one per 200 customers].
    #[arg(long, value_name = "N")]
    pub influencers: Option<u32>,
    /// Probability that an influencer's action makes a follower buy [default: 0.05].
    #[arg(long, value_name = "B")]
    pub beta: Option<f64>,
    /// Rings of fake reviewers [default: one per 2000 customers].
    #[arg(long, value_name = "N")]
    pub rings: Option<u32>,
    /// First day of purchases, UTC [default: 2026-01-01].
    #[arg(long, value_name = "DATE")]
    pub start: Option<jiff::civil::Date>,
    /// Where the events go: a file, `-` for stdout, or a directory (one file per topic). A name without extension is a directory.
    #[arg(long, value_name = "FILE|-|DIR", default_value = "-")]
    pub out: PathBuf,
    /// Compress with zstd; implied by a file name that ends in .zst.
    #[arg(long)]
    pub zst: bool,
    /// Write what was planted and what came of it as JSON.
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
    /// The reference market of the benches: 1 M customers, 8 M follows, 8 M purchases, 100,000 products, 60 days.
    #[arg(long, conflicts_with_all = ["customers", "demo"])]
    pub reference: bool,
    /// Size of the reference market, as a part of the whole.
    #[arg(long, value_name = "SHARE", requires = "reference")]
    pub scale: Option<f64>,
    /// The market of the demo: 2,000 customers with early cascades.
    #[arg(long, conflicts_with = "customers")]
    pub demo: bool,
    /// Send to Kafka instead, to the input topics.
    #[arg(long, value_name = "HOST:PORT", conflicts_with_all = ["out", "zst"])]
    pub brokers: Option<String>,
    /// Events per second sent to Kafka [default: 0, as fast as it goes].
    #[arg(long, value_name = "EVENTS/S", requires = "brokers")]
    pub rate: Option<f64>,
    /// Runtime file with the names of the topics and the client's security settings.
    #[arg(long, value_name = "FILE", requires = "brokers")]
    pub config: Option<PathBuf>,
}

impl SimulateArgs {
    /// The market that the flags describe; not yet checked.
    pub fn options(&self) -> Result<Options, Failure> {
        let scale = self.scale.unwrap_or(1.0);
        if !(scale > 0.0 && scale <= 100.0) {
            return Err(Failure::Usage(format!("--scale must be above 0 and at most 100, not {scale}")));
        }
        let mut options = if self.reference {
            Options::reference(scale)
        } else if self.demo {
            Options::demo()
        } else {
            Options::of_size(self.customers.unwrap_or(10_000))
        };
        set(&mut options.follows, self.follows);
        set(&mut options.purchases, self.purchases);
        set(&mut options.products, self.products);
        set(&mut options.days, self.days);
        set(&mut options.seed, self.seed);
        set(&mut options.influencers, self.influencers);
        set(&mut options.beta, self.beta);
        set(&mut options.rings, self.rings);
        if let Some(date) = self.start {
            let zoned =
                date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|e| Failure::Usage(format!("--start {date}: {e}")))?;
            options.start = Time(zoned.timestamp().as_millisecond());
        }
        Ok(options)
    }
}

fn set<T: Copy>(option: &mut T, flag: Option<T>) {
    if let Some(value) = flag {
        *option = value;
    }
}

/// Draws the market and writes its events and its truth. A reader that stops early (`| head`) is no failure.
pub fn simulate_command(args: &SimulateArgs) -> Result<(), Failure> {
    let mut market = events(&args.options()?)?;
    if let Some(brokers) = &args.brokers {
        publish(&mut market, brokers, args.config.as_deref(), args.rate.unwrap_or(0.0))?;
    } else {
        let mut sink = Sink::open(&args.out, args.zst).map_err(|e| unwritable(&args.out, &e))?;
        match pour(&mut market, &mut sink).and_then(|()| sink.close()) {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            other => other.map_err(|e| unwritable(&args.out, &e))?,
        }
    }
    if let Some(path) = &args.truth {
        write_truth(&market, path).map_err(|e| unwritable(path, &e))?;
    }
    Ok(())
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::Other(format!("cannot write {}: {error}", path.display()))
}

fn write_truth(market: &Market, path: &Path) -> io::Result<()> {
    let mut file = io::BufWriter::new(File::create(path)?);
    market.truth().write(&mut file)?;
    file.flush()
}

fn pour(market: &mut Market, sink: &mut Sink) -> io::Result<()> {
    let options = market.options();
    let bar = if io::stderr().is_terminal() {
        ProgressBar::new(options.follows + options.purchases)
    } else {
        ProgressBar::hidden()
    };
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {percent}% {per_sec}, {eta} left") {
        bar.set_style(style);
    }
    let mut written = 0;
    while let Some(event) = market.next() {
        sink.write(event.topic(), |buffer| write_line(&event, buffer))?;
        written += 1;
        if written % PROGRESS_EVENTS == 0 {
            let counts = market.counts();
            bar.set_position(counts.follows + counts.purchases);
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// Where lines go: one stream for all topics, or one per topic.
struct Sink {
    streams: Vec<Stream>,
}

struct Stream {
    buffer: Vec<u8>,
    out: Output,
}

enum Output {
    Plain(Box<dyn Write>),
    Compressed(zstd::stream::write::Encoder<'static, Box<dyn Write>>),
}

impl Sink {
    fn open(out: &Path, compress: bool) -> io::Result<Self> {
        if out == Path::new("-") {
            return Ok(Sink { streams: vec![Stream::new(Box::new(io::stdout()), compress)?] });
        }
        if out.is_dir() || (out.extension().is_none() && !out.exists()) {
            std::fs::create_dir_all(out)?;
            let suffix = if compress { ".ndjson.zst" } else { ".ndjson" };
            let open = |topic: &Topic| {
                Stream::new(Box::new(File::create(out.join(format!("{}{suffix}", topic.name())))?), compress)
            };
            return Ok(Sink { streams: Topic::ALL.iter().map(open).collect::<io::Result<_>>()? });
        }
        let compress = compress || out.extension().is_some_and(|e| e == "zst");
        Ok(Sink { streams: vec![Stream::new(Box::new(File::create(out)?), compress)?] })
    }

    fn write(&mut self, topic: Topic, line: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let stream = if self.streams.len() == 1 { 0 } else { topic as usize };
        let stream = &mut self.streams[stream];
        line(&mut stream.buffer);
        if stream.buffer.len() >= WRITE_BYTES { stream.flush() } else { Ok(()) }
    }

    fn close(self) -> io::Result<()> {
        self.streams.into_iter().try_for_each(Stream::close)
    }
}

impl Stream {
    fn new(out: Box<dyn Write>, compress: bool) -> io::Result<Self> {
        let out =
            if compress { Output::Compressed(zstd::stream::write::Encoder::new(out, 3)?) } else { Output::Plain(out) };
        Ok(Stream { buffer: Vec::with_capacity(WRITE_BYTES + 4_096), out })
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.out {
            Output::Plain(out) => out.write_all(&self.buffer)?,
            Output::Compressed(out) => out.write_all(&self.buffer)?,
        }
        self.buffer.clear();
        Ok(())
    }

    fn close(mut self) -> io::Result<()> {
        self.flush()?;
        match self.out {
            Output::Plain(mut out) => out.flush(),
            Output::Compressed(out) => out.finish()?.flush(),
        }
    }
}
