//! What a replay came to: `summary.json` for programs, a table for people.

use super::progress::{date, grouped};
use crate::engine::Totals;
use crate::event::{Credit, Layer, Time, Topic};
use crate::wire::Digest;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// Counts by reason.
pub type Reasons = BTreeMap<&'static str, u64>;

/// The figures of a whole replay.
#[derive(Debug, Default)]
pub struct Summary {
    /// Records read, by topic.
    pub read: [u64; 4],
    /// By topic: rejected by the wire or the engine.
    pub rejected: [Reasons; 4],
    /// Lines that were no records.
    pub lines_rejected: Reasons,
    pub totals: Totals,
    pub digest: Digest,
    pub model: String,
    pub currency: String,
    pub newest: Option<Time>,
    pub elapsed: Duration,
}

impl Summary {
    /// Records read.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.read.iter().sum()
    }

    /// Whether there were lines, and none of them was a record of a known topic.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        self.events() == 0 && !self.lines_rejected.is_empty()
    }

    /// The document. Credit and money are decimal text, exact: direct + organic = adoptions, and likewise the revenue.
    #[must_use]
    pub fn json(&self) -> Value {
        let t = &self.totals;
        let events: Map<String, Value> =
            Topic::ALL.into_iter().map(|topic| (topic.name().to_owned(), self.fates(topic))).collect();
        let layers: Map<String, Value> =
            Layer::ALL.into_iter().map(|layer| (layer.name().to_owned(), t.layers[layer as usize].into())).collect();
        json!({
            "model": self.model,
            "events": events,
            "lines_rejected": self.lines_rejected,
            "event_time_reached": self.newest.map(date),
            "score_changes": t.score_changes,
            "customers": t.customers,
            "edges": t.edges,
            "products": t.products,
            "layers": layers,
            "adoptions": t.adoptions,
            "adoptions_withdrawn": t.withdrawn,
            "credit": {
                "direct": exact(t.credit_direct),
                "indirect": exact(t.credit_indirect),
                "organic": exact(t.credit_organic),
                "truncated": exact(t.credit_truncated),
            },
            "revenue": {
                "currency": self.currency,
                "total": t.revenue.to_string(),
                "direct": t.revenue_direct.to_string(),
                "indirect": t.revenue_indirect.to_string(),
                "organic": t.revenue_organic.to_string(),
            },
            "cascades": { "detected": t.cascades_detected, "open": t.cascades_open },
            "limits_hit": {
                "followees": t.limit_followees,
                "dedupe": t.limit_dedupe,
                "credited": t.limit_credited,
                "depth": t.limit_depth,
            },
            "digest": format!("{:032x}", self.digest.chain),
            "rejects_digest": format!("{:032x}", self.digest.rejects),
            "elapsed_seconds": (self.elapsed.as_secs_f64() * 1e3).round() / 1e3,
            "events_per_second": self.rate(),
            "peak_memory_bytes": peak_memory_bytes(),
        })
    }

    fn fates(&self, topic: Topic) -> Value {
        let (t, i) = (&self.totals, topic as usize);
        json!({
            "read": self.read[i],
            "applied": t.applied[i],
            "late": t.late[i],
            "duplicate": t.duplicates[i],
            "too_late": t.too_late[i],
            "rejected": self.rejected[i],
        })
    }

    fn rate(&self) -> u64 {
        (self.events() as f64 / self.elapsed.as_secs_f64().max(1e-6)) as u64
    }

    /// The closing table.
    #[must_use]
    pub fn table(&self) -> String {
        let t = &self.totals;
        let mut text = String::new();
        let _ = writeln!(
            text,
            "{:<20}{:>13}{:>13}{:>11}{:>9}{:>11}",
            "topic", "read", "applied", "duplicate", "late", "rejected"
        );
        for topic in Topic::ALL {
            let i = topic as usize;
            let rejected = self.rejected[i].values().sum();
            let [read, applied, duplicate, late, rejected] =
                [self.read[i], t.applied[i], t.duplicates[i], t.late[i], rejected].map(grouped);
            let _ = writeln!(text, "{:<20}{read:>13}{applied:>13}{duplicate:>11}{late:>9}{rejected:>11}", topic.name());
        }
        for (reason, count) in self.reasons() {
            let _ = writeln!(text, "  rejected, {reason:<42}{:>25}", grouped(count));
        }
        let percent = |credit: Credit| 100.0 * credit.adoptions() / (t.adoptions.max(1) as f64);
        let rows = [
            ("customers", grouped(t.customers)),
            ("follows held", grouped(t.edges)),
            ("score changes", grouped(t.score_changes)),
            ("cascades detected", grouped(t.cascades_detected)),
            ("adoptions", grouped(t.adoptions)),
            ("  persuaded", format!("{:.2}  ({:.1}%)", t.credit_direct.adoptions(), percent(t.credit_direct))),
            ("  organic", format!("{:.2}  ({:.1}%)", t.credit_organic.adoptions(), percent(t.credit_organic))),
            ("revenue", format!("{} {}", t.revenue, self.currency)),
            ("  persuaded", format!("{} {}", t.revenue_direct, self.currency)),
            ("  organic", format!("{} {}", t.revenue_organic, self.currency)),
            ("speed", format!("{} events/s, {:.1} s", grouped(self.rate()), self.elapsed.as_secs_f64())),
            (
                "peak memory",
                peak_memory_bytes().map_or("-".to_owned(), |bytes| format!("{} MiB", grouped(bytes >> 20))),
            ),
            ("digest", format!("{:032x}", self.digest.chain)),
            ("model", self.model.clone()),
        ];
        for (name, value) in rows {
            let _ = writeln!(text, "{name:<20}{value}");
        }
        if t.too_late.iter().any(|count| *count > 0) {
            text.push_str(
                "hint: events came too late to count (too_late): what came before them was dated later. Pass one file per\n\
                 \x20     topic (files are merged by event time), sort a file that is not in the order of event time, or\n\
                 \x20     look for a record that is dated ahead of its neighbours. order.lateness_seconds allows for more.\n",
            );
        }
        text
    }

    fn reasons(&self) -> Reasons {
        let mut all = self.lines_rejected.clone();
        for (reason, count) in self.rejected.iter().flatten() {
            *all.entry(reason).or_default() += count;
        }
        all
    }
}

/// All nine decimals.
fn exact(credit: Credit) -> String {
    let sign = if credit.0 < 0 { "-" } else { "" };
    let (one, magnitude) = (Credit::ONE.0.unsigned_abs(), credit.0.unsigned_abs());
    format!("{sign}{}.{:09}", magnitude / one, magnitude % one)
}

/// The most memory that this process held; `None` where the system does not tell.
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credit_is_printed_exactly() {
        for (credit, expected) in
            [(0, "0.000000000"), (1, "0.000000001"), (2_500_000_000, "2.500000000"), (-1, "-0.000000001")]
        {
            assert_eq!(exact(Credit(credit)), expected);
        }
    }
}
