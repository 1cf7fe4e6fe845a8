//! What cannot be used comes back on the rejects topic as it was.

use crate::broker::Broker;
use crate::client::Producing;
use crate::pipeline::{Deployment, read};
use libtest_mimic::Failed;

/// A record as it is sent: key, value, headers, and the reason that is expected.
type Case =
    (Option<&'static [u8]>, Option<&'static [u8]>, &'static [(&'static str, Option<&'static [u8]>)], &'static str);

const CASES: [Case; 6] = [
    (Some(b"k1"), Some(b"\xff\xfe not text"), &[], "not_utf8"),
    (None, Some(b"{\"event_id\":"), &[("trace", Some(b"abc")), ("empty", None)], "not_json"),
    (Some(b"\x00\xff"), Some(b"[1,2]"), &[("twice", Some(b"1")), ("twice", Some(b"\xff"))], "not_an_object"),
    (Some(b"k4"), None, &[("why", Some(b"tombstone"))], "tombstone"),
    (Some(b"k5"), Some(b""), &[], "empty_value"),
    (Some(b"k6"), Some(b"{\"event_id\":\"e\",\"occurred_at\":1704067200000}"), &[], "missing_field"),
];

pub fn rejects_keep_bytes_and_headers(broker: &Broker) -> Result<(), Failed> {
    let deployment = Deployment::new(broker);
    deployment.create_topics(2);
    let producing = Producing::new(&broker.address);
    for (key, value, headers, _) in CASES {
        producing.send(&deployment.topic("commerce.reviews"), key, value, headers);
    }
    producing.finish();
    let mut running = deployment.start();
    deployment.wait(&mut running, |entry| read(entry) == CASES.len() as i64)?;
    assert_eq!(running.end("TERM"), Some(0), "{}", running.log());

    let rejects = deployment.read("influence.rejects");
    assert_eq!(rejects.len(), CASES.len());
    for (key, value, headers, reason) in CASES {
        let own = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        let found = rejects.iter().find(|record| record.key == own(key) && record.value == own(value));
        let found = found.ok_or_else(|| format!("no reject with {key:?} and {value:?}"))?;
        let sent: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), own(*value))).collect();
        assert_eq!(found.headers[..sent.len()], sent, "original headers come first, in their order");
        let header = |name: &str| {
            let value = found.headers.iter().find(|(of, _)| of == name).and_then(|(_, value)| value.clone());
            String::from_utf8(value.unwrap_or_default()).unwrap()
        };
        assert_eq!(header("bellwether.reject.reason"), reason);
        assert_eq!(header("bellwether.reject.topic"), deployment.topic("commerce.reviews"));
        assert!(header("bellwether.reject.offset").parse::<i64>().is_ok());
    }
    Ok(())
}
