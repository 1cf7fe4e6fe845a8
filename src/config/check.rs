//! `bellwether check`: the effective configuration and where each changed setting comes from, or all that is wrong.

use super::reader::Source;
use super::{Config, Setting, engine, process_environment, runtime};
use super::{SHIPPED, SHIPPED_ENGINE, SHIPPED_RUNTIME};
use crate::failure::Failure;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Flags of `bellwether check`.
#[derive(Clone, Debug, clap::Args)]
pub struct CheckArgs {
    /// Runtime file; it names the engine file [default: config/runtime.toml if it exists, else what is compiled in]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Show the settings that are at their default, too
    #[arg(long)]
    pub all: bool,
}

/// Prints the effective configuration and "configuration ok".
///
/// # Errors
/// [`Failure::Usage`] listing everything that is wrong.
pub fn check_command(args: &CheckArgs) -> Result<(), Failure> {
    let loaded = Config::inspect(args.config.as_deref(), process_environment());
    let (config, settings) = loaded.map_err(|errors| Failure::Usage(super::listed(&errors)))?;
    let defaults = shipped_settings();
    let is_default = |setting: &Setting| defaults.iter().any(|d| d.path == setting.path && d.value == setting.value);
    let is_given = |setting: &Setting| matches!(setting.source, Source::Environment(_));
    let shown: Vec<&Setting> = settings.iter().filter(|s| args.all || is_given(s) || !is_default(s)).collect();
    print!("{}", summary(&config, &shown));
    Ok(())
}

fn shipped_settings() -> Vec<Setting> {
    let (_, _, mut found) = runtime::read(SHIPPED, SHIPPED_RUNTIME, Path::new(""), Default::default());
    found.settings.append(&mut engine::read(SHIPPED, SHIPPED_ENGINE).2.settings);
    found.settings
}

fn summary(config: &Config, settings: &[&Setting]) -> String {
    let mut text = String::new();
    let width = settings.iter().map(|setting| setting.path.len()).max().unwrap_or(0);
    let mut source = None;
    for setting in sorted_by_source(settings) {
        if source != Some(&setting.source) {
            let heading = match &setting.source {
                Source::Default => "default",
                Source::File(file) => file,
                Source::Environment(_) => "environment",
            };
            // All variables share a heading; each line names its own.
            let both = matches!((source, &setting.source), (Some(Source::Environment(_)), Source::Environment(_)));
            if !both {
                let _ = writeln!(text, "{heading}");
            }
            source = Some(&setting.source);
        }
        let variable = match &setting.source {
            Source::Environment(variable) => format!("   ({variable})"),
            _ => String::new(),
        };
        let _ = writeln!(text, "  {:width$}  {}{variable}", setting.path, setting.value);
    }
    let _ = writeln!(text, "model        rules-{}", config.fingerprint);
    let _ = writeln!(text, "brokers      {}", config.runtime.kafka.brokers);
    let _ = writeln!(text, "http         {}", config.runtime.http.listen);
    let _ = writeln!(text, "configuration ok");
    text
}

fn sorted_by_source<'a>(settings: &[&'a Setting]) -> Vec<&'a Setting> {
    let rank = |setting: &Setting| match &setting.source {
        Source::Default => (0, String::new()),
        Source::File(file) => (1, file.clone()),
        Source::Environment(_) => (2, String::new()),
    };
    let mut sorted = settings.to_vec();
    sorted.sort_by_key(|setting| rank(setting));
    sorted
}
