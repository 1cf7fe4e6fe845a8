//! One event per line of text.
//!
//! ```text
//! 0d      a follows b                 1d2h3m4.005s  a unfollows b
//! 1d      b buys p for 12.50          and any of: order o1, code X, in category
//! 2d      a reviews p 5               and any of: verified, helpful 3, incentivised, in category
//! 3d      a refunds o1 p 12.50
//! 4d      b mentions p                (or `-` for no product) and any of: sentiment 0.8, impressions 1000, likes 30,
//!                                     comments 2, shares 1, on instagram, audience 5000, code X, sponsored, in category
//! 5d      watermark                   ends an epoch: everything before is released
//! ```
//!
//! `#id` anywhere names the event; otherwise the n-th event of a text is `e<n>`. Purchases default to category `c` and to
//! order `o<n>`. Offsets count up over all topics of partition 0. Empty lines and what follows `//` are ignored.

use super::event::{Event, Said, What};
use std::str::SplitWhitespace;

/// Records that arrive together and the watermark after them.
#[derive(Clone, Debug, PartialEq)]
pub struct Epoch {
    pub events: Vec<Event>,
    pub watermark: i64,
}

/// Milliseconds of `1d2h3m4.005s`; a unit may be missing, but not all of them.
pub fn time(text: &str) -> i64 {
    let (mut ms, mut number) = (0, String::new());
    for c in text.chars() {
        let unit = match c {
            'd' => 86_400_000.0,
            'h' => 3_600_000.0,
            'm' => 60_000.0,
            's' => 1_000.0,
            _ => {
                number.push(c);
                continue;
            }
        };
        let amount: f64 = number.parse().unwrap_or_else(|_| panic!("not a time: {text}"));
        ms += (amount * unit).round() as i64;
        number.clear();
    }
    assert!(number.is_empty() && !text.is_empty(), "a time needs units: {text}");
    ms
}

/// Ten-thousandths of `12.50`.
pub fn money(text: &str) -> i64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = format!("{fraction:0<4}");
    format!("{whole}{}", &fraction[..4]).parse().unwrap_or_else(|_| panic!("not an amount: {text}"))
}

/// The events of a text in its order, in one epoch for each `watermark` line. What follows the last of them is released by
/// `end`.
pub fn epochs(text: &str, end: i64) -> Vec<Epoch> {
    let (mut epochs, mut events, mut count) = (Vec::new(), Vec::new(), 0);
    for line in text.lines().map(|l| l.split("//").next().unwrap_or("").trim()).filter(|l| !l.is_empty()) {
        let mut words = line.split_whitespace();
        let at = time(words.next().unwrap_or_default());
        if line.ends_with("watermark") {
            epochs.push(Epoch { events: std::mem::take(&mut events), watermark: at });
            continue;
        }
        count += 1;
        events.push(event(line, at, count));
    }
    epochs.push(Epoch { events, watermark: end });
    epochs
}

fn event(line: &str, at: i64, count: i64) -> Event {
    let id = line.split_whitespace().find_map(|w| w.strip_prefix('#')).map_or(format!("e{count}"), str::to_owned);
    let words: Vec<&str> = line.split_whitespace().filter(|w| !w.starts_with('#')).collect();
    let [_, who, verb, object, ..] = words[..] else { panic!("too short: {line}") };
    let tail = words[4..].join(" ");
    let mut rest = tail.split_whitespace();
    let what = match verb {
        "follows" | "unfollows" => What::Follow { followee: object.into(), follows: verb == "follows" },
        "buys" => purchase(object, &mut rest, count),
        "reviews" => review(object, &mut rest),
        "refunds" => What::Refund {
            order: object.into(),
            product: next(&mut rest, line),
            amount: money(&next::<String>(&mut rest, line)),
        },
        "mentions" => What::Mention(mention(object, &mut rest)),
        other => panic!("unknown verb {other} in: {line}"),
    };
    Event { at, id, partition: 0, offset: count - 1, who: who.into(), what }
}

fn next<T: std::str::FromStr>(words: &mut SplitWhitespace<'_>, of: &str) -> T {
    let word = words.next().unwrap_or_else(|| panic!("a word is missing after: {of}"));
    word.parse().unwrap_or_else(|_| panic!("cannot read {word} in: {of}"))
}

fn purchase(product: &str, words: &mut SplitWhitespace<'_>, count: i64) -> What {
    let (mut order, mut category, mut amount, mut code) = (format!("o{count}"), "c".to_owned(), 0, None);
    while let Some(word) = words.next() {
        match word {
            "for" => amount = money(&next::<String>(words, word)),
            "order" => order = next(words, word),
            "in" => category = next(words, word),
            "code" => code = Some(next(words, word)),
            other => panic!("unknown word of a purchase: {other}"),
        }
    }
    What::Purchase { order, product: product.into(), category, amount, code }
}

fn review(product: &str, words: &mut SplitWhitespace<'_>) -> What {
    let rating = next(words, "reviews");
    let (mut category, mut verified, mut helpful, mut incentivised) = ("c".to_owned(), false, 0, false);
    while let Some(word) = words.next() {
        match word {
            "verified" => verified = true,
            "incentivised" => incentivised = true,
            "helpful" => helpful = next(words, word),
            "in" => category = next(words, word),
            other => panic!("unknown word of a review: {other}"),
        }
    }
    What::Review { product: product.into(), category, rating, verified, helpful, incentivised }
}

fn mention(product: &str, words: &mut SplitWhitespace<'_>) -> Said {
    let mut said =
        Said { product: (product != "-").then(|| product.into()), platform: "blog".into(), ..Said::default() };
    while let Some(word) = words.next() {
        match word {
            "sentiment" => said.sentiment = Some(next(words, word)),
            "impressions" => said.impressions = Some(next(words, word)),
            "audience" => said.audience = Some(next(words, word)),
            "likes" => said.likes = next(words, word),
            "comments" => said.comments = next(words, word),
            "shares" => said.shares = next(words, word),
            "on" => said.platform = next(words, word),
            "code" => said.code = Some(next(words, word)),
            "in" => said.category = Some(next(words, word)),
            "sponsored" => said.sponsored = true,
            other => panic!("unknown word of a mention: {other}"),
        }
    }
    said
}
