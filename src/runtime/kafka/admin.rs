//! Topics as the broker sees them: existence, partitions, policies; and their creation.

use super::{ASK, BrokerError, RETRY_PAUSE, client, settle};
use crate::config::Kafka;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use std::time::Instant;

/// What happens to old records of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CleanupPolicy {
    Delete,
    Compact,
}

impl CleanupPolicy {
    /// As the broker's configuration spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            CleanupPolicy::Delete => "delete",
            CleanupPolicy::Compact => "compact",
        }
    }
}

/// A topic that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicState {
    pub partitions: i32,
    /// `cleanup.policy` and `retention.ms`; `None` if the broker does not tell.
    pub cleanup_policy: Option<String>,
    pub retention_ms: Option<String>,
}

/// Asks about and creates topics.
pub struct Admin {
    client: AdminClient<DefaultClientContext>,
    runtime: tokio::runtime::Runtime,
}

impl Admin {
    pub fn open(kafka: &Kafka) -> Result<Admin, BrokerError> {
        let client = client(kafka, &[], &[("allow.auto.create.topics", "false")])
            .create()
            .map_err(|error| BrokerError::Fatal(format!("cannot make an admin client: {error}")))?;
        // The client's answers are futures; nothing but waiting for them runs here.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|error| BrokerError::Fatal(format!("cannot wait for the admin client: {error}")))?;
        Ok(Admin { client, runtime })
    }

    /// The state of each topic, in the order asked; `None` for those that do not exist.
    pub fn topics(&self, names: &[&str]) -> Result<Vec<Option<TopicState>>, BrokerError> {
        let mut states = Vec::with_capacity(names.len());
        for name in names {
            states.push(self.partitions(name)?.map(|partitions| TopicState {
                partitions,
                cleanup_policy: None,
                retention_ms: None,
            }));
        }
        let present: Vec<_> = (0..names.len()).filter(|number| states[*number].is_some()).collect();
        let asked: Vec<_> = present.iter().map(|number| ResourceSpecifier::Topic(names[*number])).collect();
        if asked.is_empty() {
            return Ok(states);
        }
        let answers = self
            .runtime
            .block_on(self.client.describe_configs(&asked, &options()))
            .map_err(|error| BrokerError::Fatal(format!("asking for topic configurations: {error}")))?;
        for (number, answer) in present.into_iter().zip(answers) {
            let Some(state) = &mut states[number] else { continue };
            // Not every operator lets a service read configurations; then there is nothing to compare.
            if let Ok(resource) = answer {
                let value = |key| resource.get(key).and_then(|entry| entry.value.clone());
                state.cleanup_policy = value("cleanup.policy");
                state.retention_ms = value("retention.ms");
            }
        }
        Ok(states)
    }

    /// Creates a topic. It is no error if it exists.
    pub fn create(
        &self,
        name: &str,
        partitions: i32,
        replication: i32,
        settings: &[(&str, &str)],
    ) -> Result<(), BrokerError> {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(replication));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let answers = self
            .runtime
            .block_on(self.client.create_topics([&topic], &options()))
            .map_err(|error| BrokerError::Fatal(format!("creating {name}: {error}")))?;
        for answer in answers {
            match answer {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((_, code)) => return Err(BrokerError::Fatal(format!("creating {name}: {code}"))),
            }
        }
        Ok(())
    }

    /// Waits until every broker's answer shows the topics: creation is acknowledged before it is known everywhere.
    pub fn wait_for(&self, names: &[&str]) -> Result<(), BrokerError> {
        let deadline = Instant::now() + ASK;
        for name in names {
            while self.partitions(name)?.is_none() {
                if Instant::now() > deadline {
                    return Err(BrokerError::Fatal(format!("topic {name} was created but does not show")));
                }
                std::thread::sleep(RETRY_PAUSE);
            }
        }
        Ok(())
    }

    fn partitions(&self, name: &str) -> Result<Option<i32>, BrokerError> {
        let metadata =
            settle(&format!("asking for {name}"), ASK, || self.client.inner().fetch_metadata(Some(name), ASK));
        let metadata = match metadata {
            Err(BrokerError::Input(_)) => return Ok(None),
            other => other?,
        };
        Ok(metadata
            .topics()
            .first()
            .filter(|topic| topic.error().is_none() && !topic.partitions().is_empty())
            .map(|topic| topic.partitions().len() as i32))
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ASK)).operation_timeout(Some(ASK))
}
