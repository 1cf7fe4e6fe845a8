//! The embedded broker: librdkafka's mock cluster over real sockets on loopback, for the demo and wiring tests.
//!
//! It is not Kafka. Aborted records are visible, offsets of transactions are dropped, nobody is fenced, there is no admin
//! interface, topics keep at most 5 MiB per partition (the oldest batches vanish), and all ends with the process.

use super::BrokerError;
use crossbeam_channel::{Sender, bounded};
use rdkafka::mocking::MockCluster;
use std::thread::JoinHandle;

/// Lives until dropped. The cluster itself is bound to one thread, which this owns.
pub struct EmbeddedBroker {
    brokers: String,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl EmbeddedBroker {
    /// Starts one broker with the given topics: name and number of partitions.
    pub fn start(topics: &[(String, i32)]) -> Result<EmbeddedBroker, BrokerError> {
        let (ready, started) = bounded(1);
        let (stop, stopped) = bounded::<()>(0);
        let topics = topics.to_vec();
        let thread = std::thread::Builder::new()
            .name("embedded-broker".into())
            .spawn(move || match cluster(&topics) {
                Ok(cluster) => {
                    let _ = ready.send(Ok(cluster.bootstrap_servers()));
                    // Ends when the sender is dropped.
                    let _ = stopped.recv();
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            })
            .map_err(|error| BrokerError::Fatal(format!("embedded broker: {error}")))?;
        let brokers =
            started.recv().map_err(|_| BrokerError::Fatal("the embedded broker ended at its start".into()))??;
        Ok(EmbeddedBroker { brokers, stop: Some(stop), thread: Some(thread) })
    }

    /// `127.0.0.1:port`, for `[kafka] brokers`.
    #[must_use]
    pub fn brokers(&self) -> &str {
        &self.brokers
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn cluster(
    topics: &[(String, i32)],
) -> Result<MockCluster<'static, rdkafka::producer::DefaultProducerContext>, BrokerError> {
    let cluster = MockCluster::new(1)
        .map_err(|error| BrokerError::Fatal(format!("cannot start the embedded broker: {error}")))?;
    for (name, partitions) in topics {
        cluster
            .create_topic(name, *partitions, 1)
            .map_err(|error| BrokerError::Fatal(format!("embedded broker: topic {name}: {error}")))?;
    }
    Ok(cluster)
}
