//! The simulated market: reproducible, well-formed, in order, and its truth is true.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is how a failure is told")]

use bellwether::event::{Chunk, DAY_MS, Position, Topic};
use bellwether::simulate::{
    Options, SimBody, SimEvent, SimulateArgs, Truth, events, simulate_command, write_line, write_value,
};
use bellwether::wire::{DecodeOptions, Decoder, RawRecord};
use clap::Parser;
use std::collections::{HashMap, HashSet};

fn market(options: &Options) -> (Vec<SimEvent>, Truth) {
    let mut market = events(options).unwrap();
    let events = market.by_ref().collect();
    (events, market.truth())
}

fn bytes(options: &Options) -> Vec<u8> {
    let mut out = Vec::new();
    for event in events(options).unwrap() {
        write_line(&event, &mut out);
    }
    out
}

/// Events without their repeats.
fn distinct(events: &[SimEvent]) -> Vec<&SimEvent> {
    let mut seen = HashSet::new();
    events.iter().filter(|e| seen.insert(e.number)).collect()
}

#[test]
fn a_seed_determines_every_byte() {
    let options = Options::demo();
    let first = bytes(&options);
    assert!(first == bytes(&options), "the same seed gave other bytes");
    assert!(first != bytes(&Options { seed: options.seed + 1, ..options }), "another seed gave the same bytes");
}

/// A change of this number means that every market ever published with a seed is another market now.
#[test]
fn the_bytes_of_a_seed_are_those_of_every_machine() {
    let hash = xxhash_rust::xxh3::xxh3_64(&bytes(&Options::demo()));
    assert_eq!(format!("{hash:016x}"), "b5009a8a9fa59f68");
}

#[test]
fn events_come_in_the_order_of_their_times() {
    let options = Options { disorder_rate: 0.0, duplicate_rate: 0.0, ..Options::demo() };
    let (events, _) = market(&options);
    assert!(events.windows(2).all(|pair| pair[0].at <= pair[1].at), "out of order without being asked for it");
}

#[test]
fn disorder_stays_within_two_seconds() {
    let (events, truth) = market(&Options { disorder_rate: 0.05, duplicate_rate: 0.02, ..Options::demo() });
    let mut newest = events[0].at;
    let mut behind = 0;
    for event in &events {
        behind += u64::from(event.at < newest);
        assert!(newest.since(event.at) <= 2_000, "{event:?} is {} ms late", newest.since(event.at));
        newest = newest.max(event.at);
    }
    assert!(behind > 0 && truth.counts.out_of_order > 0, "no disorder at all");
}

#[test]
fn every_value_decodes() {
    let decoder = Decoder::new(&DecodeOptions {
        reporting_currency: "EUR".to_owned(),
        future_tolerance_ms: DAY_MS,
        max_value_bytes: 1 << 20,
        ..DecodeOptions::default()
    })
    .unwrap();
    let (events, truth) = market(&Options::demo());
    let (mut chunk, mut value) = (Chunk::default(), Vec::new());
    for (offset, event) in events.iter().enumerate() {
        value.clear();
        write_value(event, &mut value);
        let position = Position { topic: event.topic(), partition: 0, offset: offset as i64 };
        let raw = RawRecord { position, key: None, value: Some(&value), headers: Vec::new(), timestamp_ms: None };
        if let Err(reject) = decoder.decode(&raw, &mut chunk) {
            panic!("{reject:?}: {}", String::from_utf8_lossy(&value));
        }
    }
    assert_eq!(chunk.records.len(), events.len());
    let counts = truth.counts;
    for count in [counts.mentions, counts.reviews, counts.refunds, counts.duplicates, counts.unfollows] {
        assert!(count > 0, "a kind of event is missing: {counts:?}");
    }
}

#[test]
fn the_truth_counts_what_was_written() {
    let options = Options { duplicate_rate: 0.01, ..Options::demo() };
    let (events, truth) = market(&options);
    let distinct = distinct(&events);
    let count = |kind: fn(&SimBody) -> bool| distinct.iter().filter(|e| kind(&e.body)).count() as u64;
    let counts = truth.counts;
    assert_eq!(count(|b| matches!(b, SimBody::Follow { follows: true, .. })), counts.follows);
    assert_eq!(count(|b| matches!(b, SimBody::Follow { follows: false, .. })), counts.unfollows);
    assert_eq!(count(|b| matches!(b, SimBody::Mention(_))), counts.mentions);
    assert_eq!(count(|b| matches!(b, SimBody::Review { .. })), counts.reviews);
    assert_eq!(count(|b| matches!(b, SimBody::Purchase { .. })), counts.purchases);
    assert_eq!(count(|b| matches!(b, SimBody::Refund { .. })), counts.refunds);
    assert_eq!((events.len() - distinct.len()) as u64, counts.duplicates);
    assert_eq!((counts.follows, counts.purchases), (options.follows, options.purchases));
    let cents = |part: fn(&SimBody) -> Option<i64>| distinct.iter().filter_map(|e| part(&e.body)).sum::<i64>();
    let bought = cents(|b| if let SimBody::Purchase { cents, .. } = b { Some(*cents) } else { None });
    let refunded = cents(|b| if let SimBody::Refund { cents, .. } = b { Some(*cents) } else { None });
    assert_eq!(truth.revenue, format!("{}.{:02}", bought / 100, bought % 100));
    assert_eq!(truth.refunded, format!("{}.{:02}", refunded / 100, refunded % 100));
}

#[test]
fn repeats_are_equal_and_refunds_name_real_orders() {
    let (events, truth) = market(&Options { duplicate_rate: 0.01, ..Options::demo() });
    let mut first: HashMap<u64, &SimEvent> = HashMap::new();
    let mut orders = HashMap::new();
    let (mut repeats, mut partial) = (0, 0);
    for event in &events {
        if let Some(earlier) = first.insert(event.number, event) {
            assert_eq!(earlier, event, "the same event_id with another content");
            repeats += 1;
            continue;
        }
        match event.body {
            SimBody::Purchase { customer, order, product, cents, .. } => {
                assert!(orders.insert(order, (customer, product, cents, event.at)).is_none(), "order {order} twice");
            }
            SimBody::Refund { customer, order, product, cents, .. } => {
                let (buyer, bought, paid, at) = orders[&order];
                assert_eq!((customer, product), (buyer, bought));
                assert!(0 < cents && cents <= paid, "{cents} of {paid}");
                assert!(event.at.since(at) >= DAY_MS - 2_000);
                partial += u64::from(cents < paid);
            }
            _ => {}
        }
    }
    assert_eq!(repeats, truth.counts.duplicates);
    assert!(0 < partial && partial < truth.counts.refunds, "{partial} of {} refunds are partial", truth.counts.refunds);
}

#[test]
fn follows_are_distinct_and_heavy_tailed() {
    let options = Options { posts: false, ..Options::of_size(20_000) };
    let mut market = events(&options).unwrap();
    let (mut seen, mut followers) = (HashSet::new(), vec![0u64; options.customers as usize]);
    for event in distinct(&market.by_ref().collect::<Vec<_>>()) {
        if let SimBody::Follow { follower, followee, follows: true } = event.body {
            assert_ne!(follower, followee);
            assert!(seen.insert((follower, followee)), "c{follower} follows c{followee} twice");
            followers[followee as usize] += 1;
        }
    }
    followers.sort_unstable_by(|a, b| b.cmp(a));
    let total: u64 = followers.iter().sum();
    let top: u64 = followers[..options.customers as usize / 100].iter().sum();
    assert!(followers[0] > 1_000, "no super connector: the largest audience is {}", followers[0]);
    assert!(top * 10 > total, "one per cent of the customers have only {top} of {total} followers");
}

/// Of the followers and of as many of the influencer's neighbours who do not follow, the buyers in the fortnight after each action.
#[test]
fn followers_of_planted_influencers_buy_more_than_their_neighbours() {
    let options = Options { duplicate_rate: 0.0, disorder_rate: 0.0, unfollow_rate: 0.0, ..Options::demo() };
    let (mut following, mut strangers) = (0, 0);
    let (with, truth) = market(&options);
    let planted: HashSet<u32> = truth.influencers.iter().map(|id| id[1..].parse().unwrap()).collect();
    let mut followers: HashMap<u32, HashSet<u32>> = HashMap::new();
    let mut purchases: HashMap<u32, Vec<(i64, u32)>> = HashMap::new();
    for event in &with {
        match event.body {
            SimBody::Follow { follower, followee, follows: true } if planted.contains(&followee) => {
                followers.entry(followee).or_default().insert(follower);
            }
            SimBody::Purchase { customer, product, .. } => {
                purchases.entry(product).or_default().push((event.at.0, customer));
            }
            _ => {}
        }
    }
    let categories: HashMap<&str, &str> = truth.planted.iter().map(|p| (p.customer_id.as_str(), p.category)).collect();
    for event in &with {
        let (actor, product, category) = match &event.body {
            SimBody::Mention(m) => (m.author, m.product, m.category),
            SimBody::Review { customer, product, category, .. }
            | SimBody::Purchase { customer, product, category, .. } => (*customer, *product, *category),
            _ => continue,
        };
        let name = bellwether::simulate::CATEGORIES[usize::from(category)];
        if !planted.contains(&actor) || categories[format!("c{actor}").as_str()] != name {
            continue;
        }
        let mine = &followers[&actor];
        // Neighbours in the numbering are of the same community: the same tastes, without the follow.
        let control: HashSet<u32> = (1..options.customers)
            .flat_map(|d| [actor.checked_add(d), actor.checked_sub(d)])
            .flatten()
            .filter(|c| *c < options.customers && !mine.contains(c))
            .take(mine.len())
            .collect();
        assert_eq!(control.len(), mine.len());
        let window = event.at.0 + 1..event.at.0 + 14 * DAY_MS;
        for (at, customer) in &purchases[&product] {
            if window.contains(at) {
                following += u64::from(mine.contains(customer));
                strangers += u64::from(control.contains(customer));
            }
        }
    }
    assert!(following > 300 && following > 2 * strangers, "{following} followers bought, {strangers} neighbours");
    assert!(truth.persuaded.direct > 100, "only {} were persuaded", truth.persuaded.direct);
}

#[test]
fn without_beta_nobody_is_persuaded() {
    let (_, truth) = market(&Options { beta: 0.0, ..Options::demo() });
    assert_eq!((truth.persuaded.direct, truth.persuaded.onward), (0, 0));
    assert!(truth.planted.iter().any(|p| p.actions > 0), "the influencers did nothing");
}

#[test]
fn cascades_start_early_in_the_demo() {
    let options = Options::demo();
    let (events, _) = market(&options);
    let soon = options.start.plus(5 * DAY_MS);
    let referred = events
        .iter()
        .filter(|e| e.at < soon)
        .filter(|e| matches!(e.body, SimBody::Purchase { code: Some(_), .. }))
        .count();
    assert!(referred >= 5, "only {referred} purchases with a code in the first five days");
}

#[test]
fn rings_strike_together() {
    let (events, truth) = market(&Options { rings: 5, ..Options::demo() });
    let events = distinct(&events);
    assert!(truth.campaigns.len() > truth.rings.len(), "{} campaigns", truth.campaigns.len());
    for campaign in &truth.campaigns {
        let ring: HashSet<u32> =
            truth.rings[campaign.ring as usize].iter().map(|id| id[1..].parse().unwrap()).collect();
        let praised: HashSet<u32> = events
            .iter()
            .filter(|e| (campaign.at - 2_000..campaign.at + 3_600_000).contains(&e.at.0))
            .filter_map(|e| match e.body {
                SimBody::Review { customer, product, rating: 5, .. } if format!("p{product}") == campaign.product => {
                    Some(customer)
                }
                _ => None,
            })
            .collect();
        assert!(ring.is_subset(&praised), "only some of ring {} reviewed {}", campaign.ring, campaign.product);
    }
    let mates: HashSet<(u32, u32)> = events
        .iter()
        .filter_map(|e| match e.body {
            SimBody::Follow { follower, followee, follows: true } => Some((follower, followee)),
            _ => None,
        })
        .collect();
    let ids: Vec<u32> = truth.rings[0].iter().map(|id| id[1..].parse().unwrap()).collect();
    assert!(
        ids.iter().all(|a| ids.iter().all(|b| a == b || mates.contains(&(*a, *b)))),
        "mates do not follow each other"
    );
}

#[test]
fn only_sponsored_accounts_post_sponsored() {
    let (events, truth) = market(&Options::demo());
    let authors: HashSet<String> = events
        .iter()
        .filter_map(|e| match &e.body {
            SimBody::Mention(m) if m.sponsored => Some(format!("c{}", m.author)),
            _ => None,
        })
        .collect();
    assert_eq!(authors, truth.sponsored.iter().cloned().collect());
}

#[test]
fn a_shock_multiplies_the_demand_for_its_product() {
    let options = Options { influencers: 0, shocks: 4, purchases: 200_000, ..Options::of_size(5_000) };
    let (events, truth) = market(&options);
    for shock in &truth.shocks {
        let (mut during, mut else_) = (0.0, 0.0);
        for event in &events {
            if matches!(event.body, SimBody::Purchase { product, .. } if format!("p{product}") == shock.product) {
                if (shock.from..shock.to).contains(&event.at.0) { during += 1.0 } else { else_ += 1.0 }
            }
        }
        let end = options.start.plus(i64::from(options.days) * DAY_MS).0;
        let days = (shock.to.min(end) - shock.from) as f64 / DAY_MS as f64;
        let (rate, usual) = (during / days, else_ / (f64::from(options.days) - days));
        assert!(days < 0.5 || rate > 2.0 * usual, "{} sold {rate} a day in its shock, {usual} else", shock.product);
    }
}

#[test]
fn options_that_make_no_sense_are_named_together() {
    let wrong = Options { beta: 1.5, categories: 0, follows: u64::MAX, ..Options::demo() };
    let failure = events(&wrong).err().unwrap();
    assert_eq!(failure.exit_code(), 2);
    for word in ["beta", "categories", "follows"] {
        assert!(failure.to_string().contains(word), "{failure}");
    }
}

#[derive(clap::Parser)]
struct Command {
    #[command(flatten)]
    simulate: SimulateArgs,
}

fn run(line: &[&str]) {
    let args = Command::parse_from(["simulate"].iter().chain(line));
    simulate_command(&args.simulate).unwrap();
}

#[test]
fn the_command_writes_files_directories_and_the_truth() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    run(&["--demo", "--out", &path("all.ndjson"), "--truth", &path("truth.json")]);
    run(&["--demo", "--out", &path("all.ndjson.zst")]);
    run(&["--demo", "--out", &path("topics")]);
    let plain = std::fs::read(path("all.ndjson")).unwrap();
    assert!(plain == bytes(&Options::demo()));
    let compressed = std::fs::read(path("all.ndjson.zst")).unwrap();
    assert!(compressed.len() < plain.len() / 3);
    assert!(zstd::decode_all(compressed.as_slice()).unwrap() == plain);
    let mut lines = 0;
    for topic in Topic::ALL {
        let text = std::fs::read_to_string(path(&format!("topics/{}.ndjson", topic.name()))).unwrap();
        let head = format!("{{\"topic\":\"{}\",\"value\":{{", topic.name());
        assert!(text.lines().all(|line| line.starts_with(&head)));
        lines += text.lines().count();
    }
    assert_eq!(lines, plain.iter().filter(|b| **b == b'\n').count());
    let truth: serde_json::Value = serde_json::from_slice(&std::fs::read(path("truth.json")).unwrap()).unwrap();
    assert_eq!(truth["influencers"].as_array().unwrap().len(), 12);
    assert_eq!(truth["counts"]["purchases"], 24_000);
}
