//! The values of the output topics, field by field in the order in which they are published. Their schemas are in `outputs.rs`;
//! a test holds the two together.

use super::json;
use super::time::push_rfc3339;
use crate::engine::Engine;
use crate::event::{CascadeChange, CategoryId, Cause, Credit, CustomerId, Factor, Money, ProductId, ScoreChange, Time};
use std::io::Write;

/// Turns the engine's numbers back into ids.
pub trait Names {
    fn customer(&self, customer: CustomerId) -> &str;
    fn product(&self, product: ProductId) -> &str;
    fn category(&self, category: CategoryId) -> &str;
}

impl Names for Engine {
    fn customer(&self, customer: CustomerId) -> &str {
        self.customer_name(customer)
    }

    fn product(&self, product: ProductId) -> &str {
        self.product_name(product)
    }

    fn category(&self, category: CategoryId) -> &str {
        self.category_name(category)
    }
}

/// What every value says besides what happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Common<'a> {
    pub model: &'a str,
    pub currency: &'a str,
}

/// Writes the value for `influence.score-changes` and returns where the part begins that `influence.scores` shares.
pub(super) fn score_change(out: &mut Vec<u8>, change: &ScoreChange, names: &impl Names, common: Common<'_>) -> usize {
    head(out, change, names);
    out.extend_from_slice(b",\"previous_score\":");
    json::decimal(out, change.previous_score.0.into(), 2);
    out.extend_from_slice(b",\"delta\":");
    json::decimal(out, i64::from(change.score.0) - i64::from(change.previous_score.0), 2);
    out.extend_from_slice(b",\"layer\":\"");
    out.extend_from_slice(change.layer.name().as_bytes());
    out.extend_from_slice(b"\",\"previous_layer\":\"");
    out.extend_from_slice(change.previous_layer.name().as_bytes());
    out.push(b'"');
    factors(out, change, true);
    let shared = out.len();
    tail(out, change, names, common);
    shared
}

/// Writes the value for `influence.scores`; `shared` is the part after the factors that [`score_change`] wrote.
pub(super) fn score(out: &mut Vec<u8>, change: &ScoreChange, names: &impl Names, shared: std::ops::Range<usize>) {
    head(out, change, names);
    out.extend_from_slice(b",\"layer\":\"");
    out.extend_from_slice(change.layer.name().as_bytes());
    out.push(b'"');
    factors(out, change, false);
    out.extend_from_within(shared);
}

fn head(out: &mut Vec<u8>, change: &ScoreChange, names: &impl Names) {
    out.extend_from_slice(b"{\"customer_id\":");
    json::string(out, names.customer(change.customer));
    out.extend_from_slice(b",\"sequence\":");
    json::unsigned(out, change.sequence.into());
    out.extend_from_slice(b",\"score\":");
    json::decimal(out, change.score.0.into(), 2);
}

fn factors(out: &mut Vec<u8>, change: &ScoreChange, with_previous: bool) {
    out.extend_from_slice(b",\"factors\":");
    for (factor, points) in Factor::ALL.iter().zip(&change.factors) {
        out.extend_from_slice(if *factor == Factor::ALL[0] { b"{\"" } else { b",\"" });
        out.extend_from_slice(factor.name().as_bytes());
        out.extend_from_slice(b"\":{\"points\":");
        json::decimal(out, points.points.0.into(), 2);
        if with_previous {
            out.extend_from_slice(b",\"previous_points\":");
            json::decimal(out, points.previous.0.into(), 2);
        }
        out.push(b'}');
    }
    out.push(b'}');
}

fn tail(out: &mut Vec<u8>, change: &ScoreChange, names: &impl Names, common: Common<'_>) {
    traits(out, change, names);
    out.extend_from_slice(b",\"polarity\":");
    json::decimal(out, change.polarity.into(), 2);
    out.extend_from_slice(b",\"percentile\":");
    json::decimal(out, change.percentile.into(), 1);
    out.extend_from_slice(b",\"categories\":[");
    for (index, category) in change.categories.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"{\"category\":" } else { b",{\"category\":" });
        json::string(out, names.category(category.category));
        out.extend_from_slice(b",\"score\":");
        json::decimal(out, category.score.0.into(), 2);
        out.extend_from_slice(b",\"credit\":");
        json::decimal(out, json::scaled(category.credit, 9), 9);
        out.push(b'}');
    }
    out.extend_from_slice(b"],\"total_value\":{\"own\":\"");
    money(out, change.value.own);
    out.extend_from_slice(b"\",\"influenced_direct\":\"");
    money(out, change.value.influenced_direct);
    out.extend_from_slice(b"\",\"influenced_indirect\":\"");
    money(out, change.value.influenced_indirect);
    out.extend_from_slice(b"\",\"currency\":");
    json::string(out, common.currency);
    out.extend_from_slice(b"},\"credit\":{\"direct\":");
    credit(out, change.credit.direct);
    out.extend_from_slice(b",\"indirect\":");
    credit(out, change.credit.indirect);
    out.extend_from_slice(b"},\"followers\":");
    json::unsigned(out, change.followers.into());
    out.extend_from_slice(b",\"audience\":");
    json::unsigned(out, change.audience);
    end(out, &change.cause, change.at, common.model);
}

fn traits(out: &mut Vec<u8>, change: &ScoreChange, names: &impl Names) {
    out.extend_from_slice(b",\"traits\":[");
    let start = out.len();
    let separate = |out: &mut Vec<u8>| {
        if out.len() > start {
            out.push(b',');
        }
    };
    if change.traits.super_connector {
        out.extend_from_slice(b"\"super_connector\"");
    }
    if change.traits.critic {
        separate(out);
        out.extend_from_slice(b"\"critic\"");
    }
    for &category in &change.traits.experts {
        separate(out);
        out.extend_from_slice(b"\"expert:");
        json::escaped(out, names.category(category));
        out.push(b'"');
    }
    out.push(b']');
}

/// Writes the value for `influence.cascades`.
pub(super) fn cascade(out: &mut Vec<u8>, change: &CascadeChange, names: &impl Names, common: Common<'_>) {
    out.extend_from_slice(b"{\"cascade_id\":\"");
    json::hex64(out, change.cascade);
    out.extend_from_slice(b"\",\"product_id\":");
    json::string(out, names.product(change.product));
    out.extend_from_slice(b",\"category\":");
    json::string(out, names.category(change.category));
    out.extend_from_slice(b",\"status\":\"");
    out.extend_from_slice(change.status.name().as_bytes());
    out.extend_from_slice(b"\",\"root\":");
    json::string(out, names.customer(change.root));
    for (name, count) in
        [(&b",\"size\":"[..], change.size), (b",\"depth\":", change.depth), (b",\"breadth\":", change.breadth)]
    {
        out.extend_from_slice(name);
        json::unsigned(out, count.into());
    }
    out.extend_from_slice(b",\"virality\":");
    json::decimal(out, json::scaled(change.virality, 6), 6);
    out.extend_from_slice(b",\"revenue\":\"");
    money(out, change.revenue);
    out.extend_from_slice(b"\",\"currency\":");
    json::string(out, common.currency);
    out.extend_from_slice(b",\"withdrawn\":");
    json::unsigned(out, change.withdrawn.into());
    out.extend_from_slice(b",\"started_at\":\"");
    push_rfc3339(change.started_at, out);
    out.extend_from_slice(b"\",\"last_adoption_at\":\"");
    push_rfc3339(change.last_adoption_at, out);
    out.push(b'"');
    end(out, &change.cause, change.at, common.model);
}

/// Cause, time and model end every value. The cause's position is in a header: it differs between a file and a broker.
fn end(out: &mut Vec<u8>, cause: &Cause, at: Time, model: &str) {
    match cause {
        Cause::Decay => out.extend_from_slice(b",\"cause\":{\"type\":\"decay\"}"),
        Cause::Event { kind, event_id, position } => {
            out.extend_from_slice(b",\"cause\":{\"topic\":\"");
            out.extend_from_slice(position.topic.name().as_bytes());
            out.extend_from_slice(b"\",\"event_id\":");
            json::string(out, event_id);
            out.extend_from_slice(b",\"type\":\"");
            out.extend_from_slice(kind.name().as_bytes());
            out.extend_from_slice(b"\"}");
        }
    }
    out.extend_from_slice(b",\"occurred_at\":\"");
    push_rfc3339(at, out);
    out.extend_from_slice(b"\",\"model\":");
    json::string(out, model);
    out.push(b'}');
}

fn money(out: &mut Vec<u8>, amount: Money) {
    write!(out, "{amount}").expect("a Vec takes all bytes");
}

fn credit(out: &mut Vec<u8>, credit: Credit) {
    json::decimal(out, credit.0, 9);
}
