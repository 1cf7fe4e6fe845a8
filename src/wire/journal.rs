//! What one epoch's transaction says of itself on the journal topic.

use crate::event::{Time, Topic};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Running proof of all outputs: `chain` folds topic, key and value (not headers) of every output but the rejects, in order, so
/// that it does not depend on where epochs end; `rejects` adds up the hashes of the rejects' values, whose order is the arrival's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    pub chain: u128,
    pub rejects: u128,
}

/// What one epoch's transaction says of itself on the journal topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    pub epoch: u64,
    /// Per input topic role and partition: the next offset to read. Read back in order of topic and partition.
    pub ends: Vec<(Topic, i32, i64)>,
    pub watermark: Time,
    pub digest: Digest,
    /// Outputs since the beginning, rejects included.
    pub outputs: u64,
    /// Fingerprint of everything that changes history.
    pub model: String,
}

/// The JSON on the topic. Digests are hexadecimal text: JSON's numbers do not hold 128 bits.
#[derive(Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(title = "influence.journal", description = "Internal: one record per epoch.")]
pub(super) struct JournalValue {
    pub epoch: u64,
    /// Topic role → partition → next offset to read.
    pub ends: BTreeMap<String, BTreeMap<i32, i64>>,
    /// Event time in ms up to which everything was applied.
    pub watermark: i64,
    /// Running hash over all outputs but rejects.
    pub digest: String,
    /// Sum of the hashes of all rejects.
    pub rejects_digest: String,
    /// Outputs since the beginning.
    pub outputs: u64,
    pub model: String,
}

impl JournalEntry {
    /// The value on the journal topic.
    pub(super) fn value(&self) -> Vec<u8> {
        let mut ends: BTreeMap<String, BTreeMap<i32, i64>> = BTreeMap::new();
        for &(topic, partition, offset) in &self.ends {
            ends.entry(topic.name().to_owned()).or_default().insert(partition, offset);
        }
        let value = JournalValue {
            epoch: self.epoch,
            ends,
            watermark: self.watermark.0,
            digest: format!("{:032x}", self.digest.chain),
            rejects_digest: format!("{:032x}", self.digest.rejects),
            outputs: self.outputs,
            model: self.model.clone(),
        };
        serde_json::to_vec(&value).expect("maps with integer keys and text are JSON")
    }

    /// Reads a journal record back. Errors say what is wrong with it.
    pub fn parse(value: &[u8]) -> Result<JournalEntry, String> {
        let value: JournalValue =
            serde_json::from_slice(value).map_err(|error| format!("not a journal record: {error}"))?;
        let mut ends = Vec::new();
        for (name, partitions) in &value.ends {
            let topic = Topic::ALL.into_iter().find(|topic| topic.name() == name);
            let topic =
                topic.ok_or_else(|| format!("journal record of epoch {}: unknown topic {name}", value.epoch))?;
            ends.extend(partitions.iter().map(|(&partition, &offset)| (topic, partition, offset)));
        }
        ends.sort_unstable();
        let hex = |text: &str| {
            u128::from_str_radix(text, 16)
                .map_err(|_| format!("journal record of epoch {}: bad digest {text}", value.epoch))
        };
        Ok(JournalEntry {
            epoch: value.epoch,
            ends,
            watermark: Time(value.watermark),
            digest: Digest { chain: hex(&value.digest)?, rejects: hex(&value.rejects_digest)? },
            outputs: value.outputs,
            model: value.model,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back() {
        let entry = JournalEntry {
            epoch: 7,
            ends: vec![(Topic::Follows, 0, 12), (Topic::Follows, 10, 1), (Topic::Purchases, 2, 5)],
            watermark: Time::MIN,
            digest: Digest { chain: u128::MAX, rejects: 1 },
            outputs: 3,
            model: "rules-0".to_owned(),
        };
        assert_eq!(JournalEntry::parse(&entry.value()), Ok(entry.clone()));
        for bad in [&b""[..], b"{}", b"[]"] {
            assert!(JournalEntry::parse(bad).is_err());
        }
        let foreign = String::from_utf8(entry.value()).unwrap().replace("social.follows", "social.likes");
        assert!(JournalEntry::parse(foreign.as_bytes()).unwrap_err().contains("social.likes"));
    }
}
