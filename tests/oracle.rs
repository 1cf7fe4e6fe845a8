//! The engine against an oracle that recomputes everything from the whole history, over random streams.

mod common;
#[path = "oracle/mod.rs"]
mod model;
#[path = "oracle/properties.rs"]
mod properties;
#[path = "oracle/stream.rs"]
mod stream;

use bellwether::engine::Params;
use bellwether::event::DAY_MS;
use common::event::Event;
use common::run::{Cascade, Run, Score, Seen, engine};
use common::text::Epoch;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use std::cell::Cell;

/// Figures this close to the boundary of their last place may round either way, since the engine's powers of two are
/// exact to about 1e-12 only and sums are taken in another order.
const NEAR: f64 = 1e-6;

/// All events in one epoch, and time enough afterwards for much to decay.
pub fn at_once(events: &[Event]) -> Vec<Epoch> {
    let last = events.iter().map(|e| e.at).max().unwrap_or(0);
    vec![Epoch { events: events.to_vec(), watermark: last + 20 * DAY_MS + 17 }]
}

/// The events as a scenario's text.
pub fn lines(events: &[Event]) -> String {
    events.iter().map(|e| format!("{e}\n")).collect()
}

#[test]
fn the_engine_agrees_with_the_oracle() {
    const CASES: u32 = 300;
    let skipped = Cell::new(0);
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let agreed = runner.run(&(stream::params(), stream::stream(60)), |(params, events)| {
        let epochs = at_once(&events);
        let (seen, expected) = (engine(&params, &epochs), model::oracle(&params, &epochs));
        match difference(&seen, &expected) {
            Some(_) if expected.margin < NEAR => skipped.set(skipped.get() + 1),
            Some(difference) => {
                let text = format!("{difference}\nwith {:?} over\n{}", brief(&params), lines(&events));
                return Err(TestCaseError::fail(text));
            }
            None => {}
        }
        Ok(())
    });
    match agreed {
        Err(TestError::Fail(reason, _)) => panic!("{reason}"), // the stream is in it, as a scenario's text
        Err(TestError::Abort(reason)) => panic!("gave up: {reason}"),
        Ok(()) => {}
    }
    assert!(skipped.get() <= CASES / 20, "{} of {CASES} cases hung on a rounding boundary", skipped.get());
}

fn brief(params: &Params) -> impl std::fmt::Debug {
    (params.attribution, params.review_adopts, params.step)
}

/// Where two runs differ first.
fn difference(seen: &Run, expected: &Run) -> Option<String> {
    if seen.rejects != expected.rejects {
        return Some(format!("rejects {:?}\n   want {:?}", seen.rejects, expected.rejects));
    }
    for (n, pair) in seen.seen.iter().zip(&expected.seen).enumerate() {
        let alike = match pair {
            (Seen::Score(a), Seen::Score(b)) => same_score(a, b),
            (Seen::Cascade(a), Seen::Cascade(b)) => same_cascade(a, b),
            _ => false,
        };
        if !alike {
            return Some(format!("output {n}:\n{}\nall of it {:?}", unlike(pair.0, pair.1), pair.0));
        }
    }
    if seen.seen.len() != expected.seen.len() {
        let longer = if seen.seen.len() > expected.seen.len() { &seen.seen } else { &expected.seen };
        let at = seen.seen.len().min(expected.seen.len());
        return Some(format!("{} outputs, wanted {}: {:#?}", seen.seen.len(), expected.seen.len(), longer[at]));
    }
    let (mut totals, want) = (seen.totals.clone(), &expected.totals);
    let close = [
        near_to(totals.credit_direct.0, want.credit_direct.0),
        near_to(totals.credit_indirect.0, want.credit_indirect.0),
        near_to(totals.credit_organic.0, want.credit_organic.0),
        near_to(totals.credit_truncated.0, want.credit_truncated.0),
        near_to(totals.revenue_direct.0, want.revenue_direct.0),
        near_to(totals.revenue_indirect.0, want.revenue_indirect.0),
        near_to(totals.revenue_organic.0, want.revenue_organic.0),
    ];
    totals.credit_direct = want.credit_direct;
    totals.credit_indirect = want.credit_indirect;
    totals.credit_organic = want.credit_organic;
    totals.credit_truncated = want.credit_truncated;
    totals.revenue_direct = want.revenue_direct;
    totals.revenue_indirect = want.revenue_indirect;
    totals.revenue_organic = want.revenue_organic;
    (close != [true; 7] || totals != *want).then(|| format!("totals:\n{}", unlike(&seen.totals, want)))
}

/// The lines in which two values differ.
fn unlike(seen: &impl std::fmt::Debug, expected: &impl std::fmt::Debug) -> String {
    let (seen, expected) = (format!("{seen:#?}"), format!("{expected:#?}"));
    let mut text = String::new();
    let mut place = "";
    for (a, b) in seen.lines().zip(expected.lines()) {
        if a.ends_with(['(', '[', '{']) {
            place = a.trim();
        }
        if a != b {
            text.push_str(&format!("  {place} {} wanted {}\n", a.trim(), b.trim()));
        }
    }
    text
}

/// Shares are floored, so sums of them may differ by one unit for each share.
fn near_to(a: i64, b: i64) -> bool {
    a.abs_diff(b) <= 60
}

fn same_score(a: &Score, b: &Score) -> bool {
    let close = near_to(a.direct, b.direct)
        && near_to(a.indirect, b.indirect)
        && near_to(a.influenced_direct, b.influenced_direct)
        && near_to(a.influenced_indirect, b.influenced_indirect)
        && a.polarity.abs_diff(b.polarity) <= 1
        && a.categories.len() == b.categories.len()
        && a.categories.iter().zip(&b.categories).all(|(a, b)| (&a.0, a.1) == (&b.0, b.1) && (a.2 - b.2).abs() < 1e-6);
    close
        && Score {
            direct: b.direct,
            indirect: b.indirect,
            influenced_direct: b.influenced_direct,
            influenced_indirect: b.influenced_indirect,
            polarity: b.polarity,
            categories: b.categories.clone(),
            ..a.clone()
        } == *b
}

fn same_cascade(a: &Cascade, b: &Cascade) -> bool {
    (a.virality - b.virality).abs() < 1e-9 && Cascade { virality: b.virality, ..a.clone() } == *b
}
