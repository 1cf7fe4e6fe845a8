//! Arguments, logs, the command, the exit code.

use bellwether::config::{CheckArgs, check_command};
use bellwether::failure::Failure;
use bellwether::runtime::files::{ReplayArgs, replay_command};
use bellwether::runtime::{RunArgs, TopicsArgs, run_command, topics_command};
use clap::{Parser, Subcommand, ValueEnum};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Finds the customers whom other customers follow into buying, while it happens.
///
/// Reads follows, mentions, reviews and purchases; publishes every customer's influence score, each change with its
/// reasons, and the cascades that people set off.
#[derive(Parser)]
#[command(version, arg_required_else_help = true, after_help = EXAMPLES, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Least severe log shown: error, warn, info, debug, trace, or per module: `info,bellwether::engine=debug`
    #[arg(long, global = true, default_value = "info", value_name = "LEVEL")]
    log: String,
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
    /// The pipeline against Kafka, until SIGTERM or SIGINT
    Run(RunArgs),
    /// Create or check the topics that `run` reads and writes
    Topics(TopicsArgs),
    /// Replay files through the engine: no broker, same outputs
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(ReplayArgs),
    /// Validate the configuration and show what it comes to
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
}

fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Run(args) => run_command(args),
        Command::Topics(args) => topics_command(args),
        Command::Replay(args) => replay_command(args),
        Command::Check(args) => check_command(args),
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
    let filter = EnvFilter::try_new(&cli.log).map_err(|error| Failure::Usage(format!("--log {}: {error}", cli.log)))?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match cli.log_format {
        LogFormat::Text => logs.init(),
        LogFormat::Json => logs.json().init(),
    }
    Ok(())
}

const EXAMPLES: &str = "\
Examples:
  bellwether check --config config/runtime.toml      is the configuration right, all errors at once
  bellwether replay events.ndjson.zst --out out      a file of events through the engine

Exit codes: 0 done, 2 usage or configuration, 3 input unreadable, 4 fenced by another instance,
5 digest mismatch, 1 anything else.";

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
