//! The topics that Bellwether reads and writes: what they must be like, creating them, checking them.

use super::kafka::{Admin, CleanupPolicy, TopicState};
use crate::config::Config;
use crate::event::Topic;
use crate::failure::Failure;
use crate::wire::OutTopic;
use std::path::PathBuf;

/// `bellwether topics`.
#[derive(Clone, Debug, clap::Args)]
pub struct TopicsArgs {
    /// Runtime file; it names the engine file [default: config/runtime.toml if it exists, else what is compiled in]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Create the topics that are missing; those that exist are left alone
    #[arg(long, conflicts_with = "check", required_unless_present = "check")]
    pub create: bool,
    /// Report missing topics and wrong policies, change nothing
    #[arg(long)]
    pub check: bool,
    /// Partitions of the topics to create (the journal always has one)
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(i32).range(1..))]
    pub partitions: i32,
    /// Copies of each; −1 takes the brokers' default
    #[arg(long, default_value_t = -1, allow_negative_numbers = true)]
    pub replication: i32,
}

/// Runs `bellwether topics`.
///
/// # Errors
/// [`Failure::Usage`] for the configuration, or with all that is wrong with the topics.
pub fn topics_command(args: &TopicsArgs) -> Result<(), Failure> {
    let config = Config::load_or_fail(args.config.as_deref())?;
    if args.create {
        create_topics(&config, args.partitions, args.replication)?;
    }
    check_topics(&config)?;
    eprintln!("{} topics are as they must be", wanted(&config).len());
    Ok(())
}

/// What a topic must be like.
struct Wanted<'a> {
    name: &'a str,
    /// Inputs belong to the platform: their policy is the platform's affair.
    policy: Option<CleanupPolicy>,
    journal: bool,
    rejects: bool,
}

/// A reject is the original and its reason: where the broker takes no larger records than from the platform's producers,
/// one that only just fitted would come back too large, and end the pipeline at every start. As large as the sink sends.
const REJECT_BYTES: &str = "8388608";

fn wanted(config: &Config) -> Vec<Wanted<'_>> {
    let topics = &config.runtime.topics;
    let inputs = Topic::ALL.map(|topic| Wanted {
        name: &topics.inputs[topic as usize],
        policy: None,
        journal: false,
        rejects: false,
    });
    let outputs = OutTopic::ALL.map(|topic| Wanted {
        name: &topics.outputs[topic as usize],
        policy: Some(match topic {
            OutTopic::Scores => CleanupPolicy::Compact,
            _ => CleanupPolicy::Delete,
        }),
        journal: topic == OutTopic::Journal,
        rejects: topic == OutTopic::Rejects,
    });
    inputs.into_iter().chain(outputs).collect()
}

/// Creates what is missing. The journal gets one partition and keeps its records for ever: it is the history.
pub fn create_topics(config: &Config, partitions: i32, replication: i32) -> Result<(), Failure> {
    let admin = Admin::open(&config.runtime.kafka)?;
    let wanted = wanted(config);
    for topic in &wanted {
        let mut settings = vec![("cleanup.policy", topic.policy.unwrap_or(CleanupPolicy::Delete).name())];
        if topic.journal {
            settings.extend([("retention.ms", "-1"), ("retention.bytes", "-1")]);
        }
        if topic.rejects {
            settings.push(("max.message.bytes", REJECT_BYTES));
        }
        admin.create(topic.name, if topic.journal { 1 } else { partitions }, replication, &settings)?;
    }
    let names: Vec<_> = wanted.iter().map(|topic| topic.name).collect();
    Ok(admin.wait_for(&names)?)
}

/// All that is wrong with the topics at once, with the commands that mend it.
pub fn check_topics(config: &Config) -> Result<(), Failure> {
    let wanted = wanted(config);
    let names: Vec<_> = wanted.iter().map(|topic| topic.name).collect();
    let states = Admin::open(&config.runtime.kafka)?.topics(&names)?;
    let brokers = &config.runtime.kafka.brokers;
    let problems: Vec<_> =
        wanted.iter().zip(&states).flat_map(|(topic, state)| problems(topic, state.as_ref(), brokers)).collect();
    if problems.is_empty() {
        return Ok(());
    }
    let mut text = problems.join("\n");
    if states.contains(&None) {
        text.push_str("\nmissing topics are created by: bellwether topics --create");
    }
    Err(Failure::Usage(text))
}

fn problems(wanted: &Wanted<'_>, state: Option<&TopicState>, brokers: &str) -> Vec<String> {
    let name = wanted.name;
    let Some(state) = state else { return vec![format!("topic {name} does not exist")] };
    let mend = |setting: &str| {
        format!(
            "kafka-configs.sh --bootstrap-server {brokers} --alter --entity-type topics --entity-name {name} --add-config {setting}"
        )
    };
    let mut found = Vec::new();
    if let (Some(policy), Some(is)) = (wanted.policy, &state.cleanup_policy)
        && is != policy.name()
    {
        let setting = format!("cleanup.policy={}", policy.name());
        found.push(format!("topic {name} has cleanup.policy={is}, needs {}: {}", policy.name(), mend(&setting)));
    }
    if wanted.journal {
        if state.retention_ms.as_deref().is_some_and(|retention| retention != "-1") {
            found.push(format!("topic {name} forgets the history it keeps: {}", mend("retention.ms=-1")));
        }
        if state.partitions != 1 {
            found.push(format!("topic {name} has {} partitions, must have one: create it anew", state.partitions));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCORES: Wanted<'static> =
        Wanted { name: "scores", policy: Some(CleanupPolicy::Compact), journal: false, rejects: false };
    const JOURNAL: Wanted<'static> =
        Wanted { name: "journal", policy: Some(CleanupPolicy::Delete), journal: true, rejects: false };

    fn state(partitions: i32, policy: &str, retention: &str) -> TopicState {
        TopicState { partitions, cleanup_policy: Some(policy.into()), retention_ms: Some(retention.into()) }
    }

    fn check(wanted: &Wanted<'_>, state: Option<TopicState>, expected: &[&str]) {
        let found = problems(wanted, state.as_ref(), "b:1");
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found} should contain {expected}");
        }
    }

    #[test]
    fn every_problem_is_found_with_its_remedy() {
        check(&SCORES, None, &["topic scores does not exist"]);
        check(&SCORES, Some(state(3, "compact", "604800000")), &[]);
        check(&SCORES, Some(state(3, "delete", "-1")), &["--entity-name scores --add-config cleanup.policy=compact"]);
        check(&JOURNAL, Some(state(1, "delete", "-1")), &[]);
        check(
            &JOURNAL,
            Some(state(2, "compact", "604800000")),
            &["needs delete", "--add-config retention.ms=-1", "must have one"],
        );
        let untold = TopicState { partitions: 3, cleanup_policy: None, retention_ms: None };
        check(&SCORES, Some(untold), &[]);
    }
}
