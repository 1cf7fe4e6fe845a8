//! Topics that are not as they must be are refused at start, with everything that is wrong.

use crate::broker::Broker;
use crate::client;
use crate::pipeline::Deployment;
use libtest_mimic::Failed;

pub fn missing(broker: &Broker) -> Result<(), Failed> {
    let deployment = Deployment::new(broker);
    for command in [&["run"][..], &["topics", "--check"]] {
        let output = deployment.command(command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        for role in ["social.follows", "commerce.purchases", "influence.scores", "influence.journal"] {
            assert!(said.contains(&format!("topic {} does not exist", deployment.topic(role))), "{said}");
        }
        assert!(said.contains("bellwether topics --create"), "{said}");
    }
    Ok(())
}

pub fn wrong_policy(broker: &Broker) -> Result<(), Failed> {
    let deployment = Deployment::new(broker);
    let (scores, journal) = (deployment.topic("influence.scores"), deployment.topic("influence.journal"));
    client::create_topic(&broker.address, &scores, 2, &[("cleanup.policy", "delete")]);
    client::create_topic(&broker.address, &journal, 1, &[("retention.ms", "1000000")]);
    assert_eq!(
        deployment.create_missing(2).status.code(),
        Some(2),
        "creating what is missing does not mend the others"
    );
    let output = deployment.command(&["run"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for expected in [
        format!("--entity-name {scores} --add-config cleanup.policy=compact"),
        format!("--entity-name {journal} --add-config retention.ms=-1"),
    ] {
        assert!(said.contains(&expected), "{said} should contain {expected}");
    }
    Ok(())
}
