//! Why somebody is an advocate, in words.

use super::past::{Followed, Past};
use super::screen::Screen;
use crate::event::{Cause, CauseKind, Factor, Layer, Money, Time};
use crate::simulate::{CATEGORIES, Planted, SimBody, SimEvent, write_id};
use crate::view::{Customer, State};
use std::cmp::Reverse;

/// Width of a full bar, in characters; half characters are drawn.
const BAR: usize = 20;
const HOUR_MS: i64 = 3_600_000;
/// Factors shown: those that moved, and the largest.
const FACTORS: usize = 4;
/// Smallest movement shown, in hundredths of a point.
const SHOWN: i32 = 5;

/// Tells who became what and why, with the truth beside it. No line is longer than 80 columns.
pub fn tell(screen: &Screen, changed: &Customer, planted: Option<&Planted>, past: &Past) {
    let (name, change) = (changed.id.as_str(), &changed.state);
    let became = match change.layer {
        Layer::CoreAdvocate => "just became a core advocate",
        _ => "has the highest score",
    };
    screen.say(&format!("{} {} {became}, on {}", screen.good("●"), screen.strong(name), day_and_hour(change.at)));
    screen.say(&format!(
        "  score {} of 100 {}, among the first {:.1} % of all customers",
        screen.bold(&format!("{:.1}", change.score.value())),
        screen.faint(&format!("(was {:.1})", change.previous_score.value())),
        f64::from(1000 - change.percentile.min(999)) / 10.0
    ));
    for line in bars(screen, change) {
        screen.say(&line);
    }
    for (label, text) in reasons(name, change, past) {
        screen.say(&format!("  {label:<7}  {text}"));
    }
    screen.say(&format!("  truth    {}\n", truth(screen, planted)));
}

/// What to try now.
pub fn next_steps(screen: &Screen, address: &str, brokers: &str, name: &str) {
    screen.say(&format!("Look at {}/ and ask, in another terminal:", screen.strong(address)));
    screen.say(&format!("  curl -s {address}/v1/customers/{name}"));
    screen.say(&format!("  curl -s '{address}/v1/leaderboard?by=persuasion&limit=5'"));
    screen.say(&format!("  kcat -C -b {brokers} -t influence.score-changes -o end -u"));
    screen.say(&format!("  kafka-console-consumer.sh --bootstrap-server {brokers} \\"));
    screen.say("    --topic influence.score-changes --from-beginning");
}

/// The moment, in UTC.
pub fn day_and_hour(at: Time) -> String {
    jiff::Timestamp::from_millisecond(at.0)
        .map_or_else(|_| String::new(), |at| at.strftime("%-d %b %Y, %H:%M").to_string())
}

fn bars(screen: &Screen, change: &State) -> Vec<String> {
    let mut shown = Factor::ALL;
    let points = |factor: &Factor| change.factors[*factor as usize];
    let moved = |factor: &Factor| i32::from(points(factor).points.0) - i32::from(points(factor).previous.0);
    shown.sort_by_key(|factor| (moved(factor).abs() < SHOWN, Reverse(points(factor).points)));
    let mut shown = shown[..FACTORS].to_vec();
    shown.sort_by_key(|factor| Reverse(points(factor).points));
    let line = |factor: &Factor| {
        let (points, moved) = (points(factor), moved(factor));
        let moved = match moved {
            _ if moved.abs() < SHOWN => String::new(),
            0.. => screen.good(&format!("  {:+.1}", f64::from(moved) / 100.0)),
            _ => screen.bad(&format!("  {:+.1}", f64::from(moved) / 100.0)),
        };
        let bar = bar(points.points.value());
        format!("  {:<12} {:>5.1}  {}{moved}", factor.name(), points.points.value(), screen.strong(&bar))
    };
    shown.iter().map(line).collect()
}

/// One character for two points.
fn bar(points: f64) -> String {
    let halves = (points.round() as usize).min(2 * BAR);
    let mut bar = "━".repeat(halves / 2);
    if halves % 2 == 1 {
        bar.push('╸');
    }
    bar
}

/// Labelled lines: what caused the change, whom others followed into buying, and what came of it.
fn reasons(name: &str, change: &State, past: &Past) -> Vec<(&'static str, String)> {
    let number = name.strip_prefix('c').and_then(|number| number.parse().ok()).unwrap_or(u32::MAX);
    let mut lines = Vec::new();
    let mut followed = None;
    if let Cause::Event { kind, event_id, .. } = &change.cause
        && let Some(event) = past.event(event_id)
    {
        if matches!(kind, CauseKind::Credited | CauseKind::Referred) {
            followed = past.led_to(number, event);
        }
        lines.push(("why now", deed(event)));
        if let Some(followed) = &followed {
            lines.push(("", after(name, followed)));
        }
    }
    if followed.is_none()
        && let Some(followed) = past.last_followed(number, change.at)
    {
        lines.push(("example", deed(followed.purchase)));
        lines.push(("", after(name, &followed)));
    }
    let adoptions = change.credit.direct.adoptions() + change.credit.indirect.adoptions();
    let revenue = change.value.influenced_direct.0 + change.value.influenced_indirect.0;
    let cents = revenue / (Money::UNIT / 100);
    lines.push((
        "so far",
        format!("{adoptions:.1} adoptions of others, {}.{:02} EUR, are owed to {name}", cents / 100, cents % 100),
    ));
    lines
}

/// Who did what.
fn deed(event: &SimEvent) -> String {
    let who = id('c', u64::from(event.customer()));
    match &event.body {
        SimBody::Follow { followee, follows, .. } => {
            let verb = if *follows { "followed" } else { "stopped following" };
            format!("{who} {verb} {}", id('c', u64::from(*followee)))
        }
        SimBody::Mention(mention) => {
            format!("{who} posted about {}", item(mention.product, mention.category))
        }
        SimBody::Review { product, category, rating, .. } => {
            format!("{who} gave {} {rating} of 5 stars", item(*product, *category))
        }
        SimBody::Purchase { product, category, cents, code, .. } => {
            let code = code.map_or_else(String::new, |owner| format!(" with code {}", id('R', u64::from(owner))));
            format!("{who} bought {} for {}.{:02} EUR{code}", item(*product, *category), cents / 100, cents % 100)
        }
        SimBody::Refund { product, category, .. } => format!("{who} gave back {}", item(*product, *category)),
    }
}

fn after(name: &str, followed: &Followed<'_>) -> String {
    let verb = match &followed.before.body {
        SimBody::Mention(_) => "posted about it",
        SimBody::Review { .. } => "reviewed it",
        _ => "bought it",
    };
    let when = match followed.purchase.at.since(followed.before.at) / HOUR_MS {
        0 => "minutes".to_owned(),
        1 => "an hour".to_owned(),
        hours @ 2..48 => format!("{hours} hours"),
        hours => format!("{} days", hours / 24),
    };
    format!("{when} after {name}, whom they follow, {verb}")
}

fn truth(screen: &Screen, planted: Option<&Planted>) -> String {
    match planted {
        Some(planted) => format!(
            "{}: each act persuades {:.0} % of its followers, in {}",
            screen.good("planted"),
            planted.beta * 100.0,
            planted.category
        ),
        None => format!("{}: the simulator made nobody follow this customer", screen.bad("not planted")),
    }
}

fn item(product: u32, category: u16) -> String {
    format!("{} ({})", id('p', u64::from(product)), CATEGORIES[usize::from(category)])
}

fn id(letter: char, number: u64) -> String {
    let mut id = Vec::new();
    write_id(letter as u8, number, &mut id);
    String::from_utf8(id).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_points_are_one_character() {
        for (points, drawn) in [(0.0, ""), (1.0, "╸"), (2.2, "━"), (4.6, "━━╸"), (40.0, "━━━━━━━━━━━━━━━━━━━━")]
        {
            assert_eq!(bar(points), drawn);
        }
    }
}
