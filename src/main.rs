//! Arguments, logs, the command, the exit code.

use bellwether::config::{CheckArgs, check_command};
use bellwether::demo::{DemoArgs, LogWriter, demo_command};
use bellwether::failure::Failure;
use bellwether::runtime::files::{ReplayArgs, replay_command};
use bellwether::runtime::{RunArgs, TopicsArgs, run_command, topics_command};
use bellwether::simulate::{SimulateArgs, simulate_command};
use bellwether::wire::{SchemaArgs, schema_command};
use clap::{Parser, Subcommand, ValueEnum};
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// State lives in many small allocations for long: the default allocator would keep twice the memory after a while.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Finds the customers whom other customers follow into buying, while it happens.
///
/// Reads follows, mentions, reviews and purchases; publishes every customer's influence score, each change with its
/// reasons, and the cascades that people set off.
#[derive(Parser)]
#[command(version, arg_required_else_help = true, after_help = EXAMPLES, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Least severe log shown: error, warn, info, debug, trace, or per module: `info,bellwether::runtime=debug`
    /// [default: info; demo: warn]
    #[arg(long, global = true, value_name = "LEVEL")]
    log: Option<String>,
    /// How logs are written, to stderr
    #[arg(long, global = true, default_value = "text", value_name = "FORMAT")]
    log_format: LogFormat,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Subcommand)]
enum Command {
    /// See it work: broker, market, pipeline and console in one process
    #[command(after_help = DEMO_EXAMPLES)]
    Demo(DemoArgs),
    /// The pipeline against Kafka, until SIGTERM or SIGINT
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArgs),
    /// Create or check the topics that `run` reads and writes
    #[command(after_help = TOPICS_EXAMPLES)]
    Topics(TopicsArgs),
    /// Replay files through the engine: no broker, same outputs
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(ReplayArgs),
    /// Events of a market with planted influencers, to Kafka or files
    #[command(after_help = SIMULATE_EXAMPLES)]
    Simulate(Box<SimulateArgs>),
    /// Validate the configuration and show what it comes to
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Print the JSON Schemas of all topics, or the AsyncAPI document
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema(SchemaArgs),
}

fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Demo(args) => demo_command(args),
        Command::Run(args) => run_command(args),
        Command::Topics(args) => topics_command(args),
        Command::Replay(args) => replay_command(args),
        Command::Simulate(args) => simulate_command(args),
        Command::Check(args) => check_command(args),
        Command::Schema(args) => schema_command(args),
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match start_logs(&cli).and_then(|()| run(&cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bellwether: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn start_logs(cli: &Cli) -> Result<(), Failure> {
    let level = cli.log.as_deref().unwrap_or(match cli.command {
        Command::Demo(_) => "warn",
        _ => "info",
    });
    let filter = EnvFilter::try_new(level).map_err(|error| Failure::Usage(format!("--log {level}: {error}")))?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(LogWriter::default);
    let logs = logs.with_ansi(std::io::stderr().is_terminal());
    match cli.log_format {
        LogFormat::Text => logs.init(),
        LogFormat::Json => logs.json().init(),
    }
    Ok(())
}

const EXAMPLES: &str = "\
Examples:
  bellwether demo                            see what it does, without Kafka
  bellwether check                           is the configuration right?
  bellwether topics --create                 the topics it reads and writes
  bellwether run                             the pipeline, its API and console
  bellwether replay events.ndjson --out out  a file of events, no Kafka

Exit codes: 0 done, 2 usage or configuration, 3 input unreadable,
4 fenced by another instance, 5 digest mismatch, 1 anything else.";

const DEMO_EXAMPLES: &str = "\
Examples:
  bellwether demo                       then open the address that it prints
  bellwether demo --seed 3              another market, other influencers
  bellwether demo --port 9000 | tee demo.txt

It stays on this machine, writes nothing to disk and ends with Ctrl-C.";

const RUN_EXAMPLES: &str = "\
Examples:
  bellwether topics --create            once: the topics it reads and writes
  bellwether run                        config/runtime.toml if it exists, or the defaults
  bellwether run --config prod.toml --log-format json
  BELLWETHER_KAFKA__BROKERS=kafka:9092 bellwether run

A restart continues where the last committed epoch ended. A second instance with the same
transactional_id takes over: the first one stops with exit code 4 and has written nothing since.
GET /readyz says 200 once epochs are being committed; GET / is the console.";

const TOPICS_EXAMPLES: &str = "\
Examples:
  bellwether topics --check                          what is missing or set wrongly, changes nothing
  bellwether topics --create                         creates what is missing, 12 partitions each
  bellwether topics --create --partitions 48 --replication 3 --config prod.toml

Input topics that exist are left as they are: any number of partitions and any key will do.";

const SIMULATE_EXAMPLES: &str = "\
Examples:
  bellwether simulate --demo --out events.ndjson.zst --truth truth.json
  bellwether simulate --customers 50000 --out market    one file per topic in market/
  bellwether simulate | bellwether replay - --out out
  bellwether simulate --brokers localhost:9092 --rate 2000

The same options and seed give the same events everywhere. The truth names the planted influencers,
so that what Bellwether finds can be compared with what there was to find.";

const SCHEMA_EXAMPLES: &str = "\
Examples:
  bellwether schema commerce.purchases      what a purchase must look like
  bellwether schema --asyncapi              all topics in one AsyncAPI 3 document
  bellwether schema --out schemas           one file per topic";

const REPLAY_EXAMPLES: &str = r#"Examples:
  bellwether replay follows.ndjson purchases.ndjson.gz --out out
  zstdcat events.ndjson.zst | bellwether replay - | jq 'select(.topic == "influence.cascades").value'

Each line is one event: {"topic":"social.follows","value":{...}}; key and timestamp_ms are optional.
Each file is one ordered log; several are merged by event time. Pass one file per topic, or one file
in the order of event time. Lines that are no events end in influence.rejects with the reason.

--out writes one <topic>.ndjson per output topic and summary.json: the fates of all events, adoptions
and revenue by origin, the digest of all outputs. Logs, progress and the closing table go to stderr."#;

const CHECK_EXAMPLES: &str = "\
Examples:
  bellwether check                                    config/runtime.toml, or the defaults
  bellwether check --all                              every setting with its value
  BELLWETHER_KAFKA__BROKERS=kafka:9092 bellwether check

Any runtime setting can come from the environment: BELLWETHER_, the path in capitals, a double
underscore for each dot: BELLWETHER_EPOCH__MAX_MS, BELLWETHER_TOPICS__SOCIAL_FOLLOWS,
BELLWETHER_KAFKA__CLIENT__SASL_PASSWORD.";
