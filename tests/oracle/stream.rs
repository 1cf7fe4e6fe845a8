//! Random streams: few customers and products, so that they meet often; bursts inside a tick, ties, and gaps in which
//! amounts decay and adoptions are forgotten. Plain data, so that a failing stream shrinks.

use crate::common::event::{Event, Said, What};
use bellwether::engine::{Attribution, FactorParams, Params};
use bellwether::event::{DAY_MS, Points};
use proptest::prelude::*;

/// One thing that happens, with small numbers that are taken modulo what is possible.
#[derive(Clone, Debug)]
pub struct Op {
    gap_ms: i64,
    kind: Kind,
    who: u8,
    other: u8,
    product: u8,
    flags: u8,
}

#[derive(Clone, Debug)]
enum Kind {
    Follow,
    Unfollow,
    Mention {
        sentiment: i8,
        size: u16,
    },
    Review {
        rating: u8,
    },
    Purchase {
        cents: i64,
    },
    /// Of an earlier purchase: all, half, or more than there is.
    Refund {
        pick: u8,
        part: u8,
    },
    Unknown,
    Repeat {
        pick: u8,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let gap = prop_oneof![
        4 => Just(0i64),
        6 => 1..150i64,
        6 => 1_000..3_600_000i64,
        6 => 3_600_000..DAY_MS,
        1 => DAY_MS..8 * DAY_MS,
    ];
    let kind = prop_oneof![
        6 => Just(Kind::Follow),
        1 => Just(Kind::Unfollow),
        5 => (-100..=100i8, 0..2000u16).prop_map(|(sentiment, size)| Kind::Mention { sentiment, size }),
        3 => (1..=5u8).prop_map(|rating| Kind::Review { rating }),
        10 => (1..5000i64).prop_map(|cents| Kind::Purchase { cents }),
        4 => (any::<u8>(), 0..8u8).prop_map(|(pick, part)| Kind::Refund { pick, part }),
        1 => Just(Kind::Unknown),
        1 => any::<u8>().prop_map(|pick| Kind::Repeat { pick }),
    ];
    (gap, kind, 0..6u8, 0..6u8, 0..3u8, any::<u8>()).prop_map(|(gap_ms, kind, who, other, product, flags)| Op {
        gap_ms,
        kind,
        who,
        other,
        product,
        flags,
    })
}

/// Streams in event-time order.
pub fn stream(longest: usize) -> impl Strategy<Value = Vec<Event>> {
    proptest::collection::vec(op(), 1..longest)
        .prop_map(|ops| events(&ops))
        .prop_filter("nothing happens", |events| !events.is_empty())
}

fn events(ops: &[Op]) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let mut bought: Vec<(String, String, String, i64)> = Vec::new();
    let mut at = 1_000 * DAY_MS;
    for (n, op) in ops.iter().enumerate() {
        at += op.gap_ms;
        let flag = |bit: u8| op.flags & (1 << bit) != 0;
        let (who, other) = (format!("c{}", op.who), format!("c{}", op.other));
        let (product, category) = (format!("p{}", op.product), format!("k{}", op.product % 2));
        let code = format!("code{}", op.other % 3);
        let (who, what) = match &op.kind {
            Kind::Follow | Kind::Unfollow if op.who == op.other => continue,
            Kind::Follow => (who, What::Follow { followee: other, follows: true }),
            Kind::Unfollow => (who, What::Follow { followee: other, follows: false }),
            Kind::Mention { sentiment, size } => {
                let said = Said {
                    product: flag(0).then_some(product),
                    category: flag(1).then_some(category),
                    platform: ["instagram", "youtube", "blog"][usize::from(op.other % 3)].to_owned(),
                    sentiment: flag(2).then_some(f64::from(*sentiment) / 100.0),
                    audience: flag(3).then_some(u64::from(*size) * 200),
                    impressions: flag(4).then_some(u64::from(*size)),
                    likes: u64::from(size / 10),
                    comments: u64::from(size / 50),
                    shares: u64::from(op.other),
                    code: flag(5).then_some(code),
                    sponsored: flag(6) && flag(7),
                };
                (who, What::Mention(said))
            }
            Kind::Review { rating } => {
                let (verified, incentivised, helpful) = (flag(0), flag(1) && flag(2), u64::from(op.flags >> 5));
                (who, What::Review { product, category, rating: *rating, verified, helpful, incentivised })
            }
            Kind::Purchase { cents } => {
                let order = format!("o{n}");
                bought.push((who.clone(), order.clone(), product.clone(), cents * 100));
                let code = (flag(0) && flag(1)).then_some(code);
                (who, What::Purchase { order, product, category, amount: cents * 100, code })
            }
            Kind::Refund { pick, part } => {
                if bought.is_empty() {
                    continue;
                }
                let (who, order, product, paid) = bought[usize::from(*pick) % bought.len()].clone();
                let amount = match part {
                    0 => paid + 1,
                    1 | 2 => paid / 2,
                    3 => paid - paid / 2,
                    _ => paid,
                };
                (who, What::Refund { order, product, amount })
            }
            Kind::Unknown => (who, What::Refund { order: "none".to_owned(), product, amount: 100 }),
            Kind::Repeat { pick } => {
                if events.is_empty() {
                    continue;
                }
                let mut again = events[usize::from(*pick) % events.len()].clone();
                again.offset = n as i64;
                again.at = at; // the same id in another place; the first counts
                events.push(again);
                continue;
            }
        };
        events.push(Event { at, id: format!("e{n}"), partition: 0, offset: n as i64, who, what });
    }
    events
}

/// Parameters under which much happens in a few days.
pub fn params() -> impl Strategy<Value = Params> {
    let attribution = prop_oneof![
        3 => Just(Attribution::TimeDecayed),
        1 => Just(Attribution::Equal),
        1 => Just(Attribution::LastTouch),
    ];
    (attribution, any::<bool>(), prop_oneof![Just(1u16), Just(50), Just(100)]).prop_map(
        |(attribution, review_adopts, step)| {
            let mut params = brisk();
            params.attribution = attribution;
            params.review_adopts = review_adopts;
            params.step = Points(step);
            params
        },
    )
}

fn brisk() -> Params {
    let mut params = Params {
        window_ms: 3 * DAY_MS,
        adoption_memory_ms: 10 * DAY_MS,
        tau_ms: DAY_MS,
        tau_by_category_ms: vec![("k1".to_owned(), 2 * DAY_MS)],
        background_half_life_ms: 5 * DAY_MS,
        dedupe_horizon_ms: 10_000 * DAY_MS,
        decay_tick_ms: 6 * 3_600_000,
        cascade_size: 2,
        max_credited: 3,
        category_half: 1.0,
        ..Params::default()
    };
    params.factors =
        params.factors.map(|f| FactorParams { half_life_ms: f.half_life_ms / 10, half: f.half / 3.0, ..f });
    params.layers.core_affinity = Points(300);
    params.layers.core_advocacy = Points(300);
    params.layers.core_repeats = 0.7;
    params.layers.super_connector_followers = 2;
    params
}
