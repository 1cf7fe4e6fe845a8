//! A history that cannot be repeated is refused at the start, each cause with its own exit code; nothing is written.

use crate::broker::Broker;
use crate::client::{self, Producing};
use crate::pipeline::Deployment;
use crate::stream;
use libtest_mimic::Failed;

/// A deployment that read everything and was stopped.
fn stopped(broker: &Broker) -> Result<Deployment, Failed> {
    let deployment = Deployment::new(broker);
    deployment.create_topics(1);
    let events = stream::events(23, 1_000);
    deployment.produce(&events);
    let mut running = deployment.start();
    deployment.wait_for_all(&mut running, &events)?;
    assert_eq!(running.end("TERM"), Some(0), "{}", running.log());
    Ok(deployment)
}

/// The journal says that an epoch had other outputs than the one that the same input gives.
pub fn another_digest_is_refused(broker: &Broker) -> Result<(), Failed> {
    let deployment = stopped(broker)?;
    let mut entry = deployment.journal().pop().ok_or("no journal")?;
    entry["epoch"] = (entry["epoch"].as_u64().unwrap() + 1).into();
    entry["digest"] = "00000000000000000000000000000001".into();
    let producing = Producing::new(&deployment.address);
    let journal = deployment.topic("influence.journal");
    producing.send(&journal, None, Some(entry.to_string().as_bytes()), &[]);
    producing.finish();
    refused(&deployment, 5, "digest mismatch")
}

/// Retention, or somebody, removed what the history begins with.
pub fn a_log_that_reaches_back_no_longer_is_refused(broker: &Broker) -> Result<(), Failed> {
    let deployment = stopped(broker)?;
    client::delete_records(&deployment.address, &deployment.topic("commerce.purchases"), 10);
    refused(&deployment, 3, "the log no longer reaches back")
}

fn refused(deployment: &Deployment, code: i32, why: &str) -> Result<(), Failed> {
    let before = deployment.journal();
    let output = deployment.command(&["run"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(why), "{said}");
    assert_eq!(deployment.journal(), before, "nothing more may be written");
    Ok(())
}
