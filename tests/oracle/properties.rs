//! What must hold after any sequence of events, whatever the figures.

use crate::common::event::{Event, What};
use crate::common::run::{Run, engine};
use crate::common::text::Epoch;
use crate::{at_once, lines, stream};
use bellwether::event::DAY_MS;
use proptest::prelude::*;
use std::collections::HashMap;

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn credit_and_revenue_are_conserved((params, events) in (stream::params(), stream::stream(80))) {
        let totals = engine(&params, &at_once(&events)).totals;
        prop_assert_eq!(totals.credit_direct.0 + totals.credit_organic.0, totals.adoptions as i64 * 1_000_000_000);
        prop_assert_eq!(totals.revenue_direct.0 + totals.revenue_organic.0, totals.revenue.0);
        prop_assert!(totals.credit_direct.0 >= 0 && totals.credit_organic.0 >= 0 && totals.revenue_organic.0 >= 0);
    }

    #[test]
    fn refunding_everything_takes_all_credit_back((mut params, events) in (stream::params(), stream::stream(60))) {
        params.review_adopts = false; // an adoption by review has nothing to refund
        params.adoption_memory_ms = 10_000 * DAY_MS;
        let mut left: HashMap<(String, String, String), i64> = HashMap::new();
        let rejected: Vec<String> = engine(&params, &at_once(&events)).rejects.into_iter().map(|r| r.0).collect();
        let mut seen = std::collections::HashSet::new();
        for event in events.iter().filter(|e| !rejected.contains(&e.id) && seen.insert((e.topic(), e.id.clone()))) {
            match &event.what {
                What::Purchase { order, product, amount, .. } => {
                    *left.entry((event.who.clone(), order.clone(), product.clone())).or_default() += amount;
                }
                What::Refund { order, product, amount } => {
                    *left.entry((event.who.clone(), order.clone(), product.clone())).or_default() -= amount;
                }
                _ => {}
            }
        }
        let mut all = events.clone();
        let at = events.last().map_or(0, |e| e.at) + 1;
        let mut left: Vec<_> = left.into_iter().filter(|(_, left)| *left > 0).collect();
        left.sort();
        for (n, ((who, order, product), amount)) in left.into_iter().enumerate() {
            let what = What::Refund { order, product, amount };
            all.push(Event { at, id: format!("back{n}"), partition: 1, offset: n as i64, who, what });
        }
        let totals = engine(&params, &at_once(&all)).totals;
        let held = (totals.adoptions, totals.credit_direct.0, totals.credit_indirect.0, totals.credit_organic.0);
        prop_assert_eq!(held, (0, 0, 0, 0), "over\n{}", lines(&all));
        prop_assert_eq!((totals.revenue.0, totals.revenue_direct.0, totals.revenue_indirect.0), (0, 0, 0));
    }

    /// `step(a ++ b)` equals `step(a); step(b)`, and a watermark that nothing is late for changes nothing.
    #[test]
    fn epochs_do_not_show(
        (params, events) in (stream::params(), stream::stream(60)),
        cuts in proptest::collection::vec(0..60usize, 0..12),
        watermarks in proptest::collection::vec(any::<bool>(), 60),
    ) {
        let whole = engine(&params, &at_once(&events));
        let mut epochs: Vec<Epoch> = Vec::new();
        let mut begin = 0;
        let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(events.len())).collect();
        cuts.sort_unstable();
        for cut in cuts {
            let passed = events[cut.saturating_sub(1)].at;
            let watermark = if watermarks[cut.min(59)] && cut > 0 { passed } else { i64::MIN };
            epochs.push(Epoch { events: events[begin..cut].to_vec(), watermark });
            begin = cut;
        }
        epochs.push(Epoch { events: events[begin..].to_vec(), watermark: at_once(&events)[0].watermark });
        prop_assert_eq!(brief(&engine(&params, &epochs)), brief(&whole), "over\n{}", lines(&events));
    }

    /// With the watermark only after all, neither the order of arrival nor the partition matters.
    #[test]
    fn arrival_does_not_show(
        (params, events) in (stream::params(), stream::stream(60)),
        keys in proptest::collection::vec(any::<u32>(), 60),
    ) {
        let whole = engine(&params, &at_once(&events));
        let mut shuffled: Vec<(u32, Event)> = keys.into_iter().zip(events.clone()).collect();
        shuffled.sort_by_key(|s| s.0);
        let shuffled: Vec<Event> =
            shuffled.into_iter().map(|(key, event)| Event { partition: (key % 4) as i32, ..event }).collect();
        prop_assert_eq!(brief(&engine(&params, &at_once(&shuffled))), brief(&whole), "over\n{}", lines(&events));
    }

    /// Whatever comes too late, twice or wrong is counted, and what is applied late is credited like the rest.
    #[test]
    fn nothing_vanishes(
        (params, events) in (stream::params(), stream::stream(60)),
        delays_ms in proptest::collection::vec(prop_oneof![Just(0i64), 0..120_000i64, 0..10 * DAY_MS], 60),
    ) {
        let mut arrivals: Vec<(i64, Event)> =
            events.iter().zip(delays_ms).map(|(event, delay)| (event.at + delay, event.clone())).collect();
        arrivals.sort_by_key(|arrival| arrival.0);
        let mut epochs: Vec<Epoch> = arrivals
            .chunks(3)
            .map(|some| Epoch {
                events: some.iter().map(|arrival| arrival.1.clone()).collect(),
                watermark: some[some.len() - 1].0 - 30_000,
            })
            .collect();
        epochs.push(Epoch { events: Vec::new(), watermark: at_once(&events)[0].watermark });
        let run = engine(&params, &epochs);
        let t = &run.totals;
        let sum = |counts: &[u64; 4]| counts.iter().sum::<u64>();
        let fates = sum(&t.applied) + sum(&t.duplicates) + sum(&t.too_late) + t.refunds_rejected;
        prop_assert_eq!(fates, events.len() as u64);
        prop_assert_eq!(run.rejects.len() as u64, sum(&t.too_late) + t.refunds_rejected);
        prop_assert_eq!(t.credit_direct.0 + t.credit_organic.0, t.adoptions as i64 * 1_000_000_000);
        prop_assert_eq!(t.revenue_direct.0 + t.revenue_organic.0, t.revenue.0);
    }

    #[test]
    fn changes_chain_without_gaps((params, events) in (stream::params(), stream::stream(80))) {
        let run = engine(&params, &at_once(&events));
        let mut last: HashMap<String, (u32, u16, &str, [u16; 7])> = HashMap::new();
        for change in run.scores() {
            let before = last.get(&change.customer).copied().unwrap_or((0, 0, "member", [0; 7]));
            let told = (change.sequence - 1, change.previous_score, change.previous_layer, change.previous_factors);
            prop_assert_eq!(told, before, "of {:#?}", change);
            prop_assert_eq!(change.factors.iter().sum::<u16>(), change.score, "of {:#?}", change);
            let moved = change.score.abs_diff(change.previous_score) >= params.step.0;
            prop_assert!(moved || change.layer != change.previous_layer, "for nothing: {:#?}", change);
            last.insert(change.customer.clone(), (change.sequence, change.score, change.layer, change.factors));
        }
        prop_assert_eq!(run.totals.score_changes, run.scores().count() as u64);
        prop_assert_eq!(run.totals.layers.iter().sum::<u64>(), last.len() as u64);
    }
}

/// A run as text, so that a difference shows as one. Equal to the last bit, floats included.
fn brief(run: &Run) -> String {
    format!("{:#?}\n{:#?}\n{:#?}\n{:#?}", run.seen, run.rejects, run.joins, run.totals)
}
