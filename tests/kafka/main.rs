//! The pipeline on genuine Apache Kafka: the real binary, read back by a client that knows nothing of it.
//!
//! Kafka's jars come from Maven Central into `target/`, once. Without a JDK 17 or Maven the tests that need them are
//! skipped loudly; with `KAFKA=required` or `CI` set, that is a failure. All tests share one broker per process.

#![allow(
    clippy::unwrap_used,
    reason = "a test says what it expects by panicking; the lint spares only #[test] functions"
)]

mod broker;
mod client;
mod embedded;
mod history;
mod hostile;
mod mutated;
#[path = "../common/mutation.rs"]
mod mutation;
mod pipeline;
mod real;
mod stream;
mod topics;

use broker::Broker;
use libtest_mimic::{Arguments, Failed, Trial};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

type Case = fn(&Broker) -> Result<(), Failed>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let missing = broker::missing_tools();
    let required = ["KAFKA", "CI"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    if let (Some(missing), false) = (&missing, required) {
        eprintln!("\nSKIPPED: {missing}. The tests on genuine Kafka need a JDK 17 and Maven.\n");
    }
    let skip = missing.is_some() && !required;
    let cases: [(&str, Case); 14] = [
        ("one_partition_equals_replay", |broker| pipeline::equals_replay(broker, 1)),
        ("four_partitions_equal_replay", |broker| pipeline::equals_replay(broker, 4)),
        ("twelve_partitions_equal_replay", |broker| pipeline::equals_replay(broker, 12)),
        ("sigterm_in_the_middle_changes_nothing", |broker| pipeline::survives(broker, "TERM")),
        ("sigkill_in_the_middle_changes_nothing", |broker| pipeline::survives(broker, "KILL")),
        ("another_model_is_refused", pipeline::another_model_is_refused),
        ("a_second_instance_fences_the_first", pipeline::a_second_instance_fences_the_first),
        ("an_idle_instance_is_fenced_by_its_next_commit", pipeline::an_idle_instance_is_fenced_by_its_next_commit),
        ("missing_topics_are_named_at_once", topics::missing),
        ("a_wrong_policy_is_named_with_its_remedy", topics::wrong_policy),
        ("rejects_keep_bytes_and_headers", hostile::rejects_keep_bytes_and_headers),
        ("history_of_another_digest_is_refused", history::another_digest_is_refused),
        ("history_that_the_log_lost_is_refused", history::a_log_that_reaches_back_no_longer_is_refused),
        ("mutated_records_harm_no_other", mutated::harm_no_other),
    ];
    let shared: Arc<OnceLock<Result<Broker, String>>> = Arc::default();
    let mut trials: Vec<Trial> = cases
        .into_iter()
        .map(|(name, case)| {
            let shared = Arc::clone(&shared);
            let run = move || match shared.get_or_init(Broker::start) {
                Ok(broker) => case(broker),
                Err(why) => Err(Failed::from(format!("no Kafka: {why}"))),
            };
            Trial::test(name, run).with_ignored_flag(skip)
        })
        .collect();
    if let Ok(path) = std::env::var("BELLWETHER_TEST_EVENTS") {
        for partitions in [1, 4, 12] {
            let (shared, path) = (Arc::clone(&shared), path.clone());
            let run = move || match shared.get_or_init(Broker::start) {
                Ok(broker) => real::equals_replay(broker, &path, partitions),
                Err(why) => Err(Failed::from(format!("no Kafka: {why}"))),
            };
            trials.push(Trial::test(format!("real_file_with_{partitions}_partitions_equals_replay"), run));
        }
    }
    trials.push(Trial::test("embedded_broker_carries_the_pipeline", embedded::carries_the_pipeline));
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Held by the tests' closures until now; dropping it ends Kafka.
    drop(shared);
    conclusion.exit_code()
}
