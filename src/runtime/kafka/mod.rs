//! The broker: the only room that names rdkafka. Everything here blocks, and everything that can fail ends in a
//! [`BrokerError`], whose variants are the fates that an error can have.

mod admin;
mod embedded;
mod publisher;
mod sink;
mod source;

pub use admin::{Admin, CleanupPolicy, TopicState};
pub use embedded::EmbeddedBroker;
pub use publisher::Publisher;
pub use sink::Sink;
pub use source::{LogProbe, Slot, Source, read_journal};

use crate::config::Kafka;
use crate::failure::Failure;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::time::{Duration, Instant};

/// What a call to the broker may end in after retries. None of them is recovered in place: state and log are in doubt
/// relative to each other, and a restart settles it from the journal.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// Another instance with the same `transactional_id` took over. Nothing more may be written.
    #[error("{0}")]
    Fenced(String),
    /// The transaction was given up; nothing of the epoch is visible. A restart resumes from the journal.
    #[error("the transaction was aborted: {0}")]
    Aborted(String),
    /// An input that cannot be read: it does not exist (any more), or access is denied.
    #[error("{0}")]
    Input(String),
    /// Nobody answered for as long as the call may take.
    #[error("{0}")]
    Unanswered(String),
    #[error("{0}")]
    Fatal(String),
}

impl From<BrokerError> for Failure {
    fn from(error: BrokerError) -> Failure {
        match error {
            BrokerError::Fenced(text) => Failure::Fenced(text),
            BrokerError::Input(text) => Failure::Input(text),
            BrokerError::Aborted(_) => Failure::Other(format!("{error}; a restart resumes from the journal")),
            BrokerError::Unanswered(text) | BrokerError::Fatal(text) => Failure::Other(text),
        }
    }
}

/// What is to be done about an error of the client library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It passes by itself: call again.
    Retry,
    /// The transaction cannot be committed any more.
    Abort,
    Fenced,
    Input,
    Fatal,
}

/// The one place that decides the fate of an error.
fn fate(error: &KafkaError) -> Fate {
    use RDKafkaErrorCode as Code;
    if let KafkaError::Transaction(transaction) = error {
        return match transaction.code() {
            Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch => Fate::Fenced,
            _ if transaction.is_fatal() => Fate::Fatal,
            _ if transaction.txn_requires_abort() => Fate::Abort,
            _ if transaction.is_retriable() => Fate::Retry,
            _ => Fate::Fatal,
        };
    }
    match error.rdkafka_error_code() {
        Some(Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch) => Fate::Fenced,
        Some(
            Code::AllBrokersDown
            | Code::BrokerTransportFailure
            | Code::OperationTimedOut
            | Code::TimedOutQueue
            | Code::RequestTimedOut
            | Code::Resolve
            | Code::QueueFull
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::NetworkException
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::WaitingForCoordinator
            | Code::Retry,
        ) => Fate::Retry,
        Some(
            Code::OffsetOutOfRange
            | Code::AutoOffsetReset
            | Code::UnknownTopicOrPartition
            | Code::UnknownTopic
            | Code::UnknownPartition
            | Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed,
        ) => Fate::Input,
        _ => Fate::Fatal,
    }
}

/// Calls until it succeeds, its fate is not to retry, or `limit` has passed.
fn settle<T>(what: &str, limit: Duration, mut call: impl FnMut() -> Result<T, KafkaError>) -> Result<T, BrokerError> {
    let deadline = Instant::now() + limit;
    loop {
        let error = match call() {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let text = format!("{what}: {error}");
        match fate(&error) {
            Fate::Retry if Instant::now() < deadline => std::thread::sleep(RETRY_PAUSE),
            Fate::Retry => return Err(BrokerError::Unanswered(format!("{text} (tried for {limit:?})"))),
            Fate::Abort => return Err(BrokerError::Aborted(text)),
            Fate::Fenced => return Err(BrokerError::Fenced(text)),
            Fate::Input => return Err(BrokerError::Input(text)),
            Fate::Fatal => return Err(BrokerError::Fatal(text)),
        }
    }
}

/// Between two tries of a call that may pass by itself.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// How long a single question to the broker may take.
const ASK: Duration = Duration::from_secs(15);

/// A client's configuration: `ours` are defaults, the operator's pass-through overrides them, `fixed` is what
/// correctness rests on and cannot be overridden.
fn client(kafka: &Kafka, ours: &[(&str, &str)], fixed: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("client.id", "bellwether");
    // A first connection that fails must not wait for seconds; later ones back off.
    config.set("reconnect.backoff.ms", "50").set("reconnect.backoff.max.ms", "2000");
    for (key, value) in ours {
        config.set(*key, *value);
    }
    for (key, value) in &kafka.client {
        config.set(key, value);
    }
    for (key, value) in fixed {
        config.set(*key, *value);
    }
    config.set("bootstrap.servers", &kafka.brokers);
    config
}

#[cfg(test)]
mod tests {
    use super::*;
    use RDKafkaErrorCode as Code;

    #[test]
    fn every_error_has_a_fate() {
        for (code, expected) in [
            (Code::BrokerTransportFailure, Fate::Retry),
            (Code::CoordinatorLoadInProgress, Fate::Retry),
            (Code::InvalidProducerEpoch, Fate::Fenced),
            (Code::OffsetOutOfRange, Fate::Input),
            (Code::TopicAuthorizationFailed, Fate::Input),
            (Code::InvalidRecord, Fate::Fatal),
        ] {
            assert_eq!(fate(&KafkaError::MessageConsumption(code)), expected, "{code:?}");
        }
    }

    #[test]
    fn settling_retries_what_passes_and_nothing_else() {
        let passing = KafkaError::MessageConsumption(Code::LeaderNotAvailable);
        let mut errors = vec![passing.clone(), passing];
        let settled = settle("asking", Duration::from_secs(60), || errors.pop().map_or(Ok(7), Err));
        assert_eq!(settled.ok(), Some(7));
        let mut calls = 0;
        let fenced = settle("asking", Duration::from_secs(60), || {
            calls += 1;
            Err::<(), _>(KafkaError::MessageConsumption(Code::ProducerFenced))
        });
        assert!(matches!(fenced, Err(BrokerError::Fenced(_))));
        assert_eq!(calls, 1);
    }
}
