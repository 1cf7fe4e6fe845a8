//! The engine's outputs with names instead of numbers, so that they can be compared between engines.

use super::event::{Event, chunk};
use super::text::Epoch;
use bellwether::engine::{Effects, Engine, Params, Totals};
use bellwether::event::{Batch, CascadeChange, Cause, Output, Position, ScoreChange, Time};
use std::collections::HashMap;

/// A score change; points in hundredths, money in ten-thousandths, credit in billionths.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    pub customer: String,
    pub sequence: u32,
    pub score: u16,
    pub previous_score: u16,
    pub layer: &'static str,
    pub previous_layer: &'static str,
    pub traits: Vec<String>,
    pub polarity: i8,
    pub percentile: u16,
    pub factors: [u16; 7],
    pub previous_factors: [u16; 7],
    pub categories: Vec<(String, u16, f64)>,
    pub own: i64,
    pub influenced_direct: i64,
    pub influenced_indirect: i64,
    pub direct: i64,
    pub indirect: i64,
    pub followers: u32,
    pub audience: u64,
    /// `credited e3`, or `decay`.
    pub cause: String,
    pub at: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Cascade {
    pub product: String,
    pub category: String,
    pub status: &'static str,
    pub root: String,
    pub size: u32,
    pub depth: u32,
    pub breadth: u32,
    pub virality: f64,
    pub revenue: i64,
    pub withdrawn: u32,
    pub started_at: i64,
    pub last_adoption_at: i64,
    pub cause: String,
    pub at: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    Score(Score),
    Cascade(Cascade),
}

/// All that a run brought about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    pub seen: Vec<Seen>,
    /// Event id and reason.
    pub rejects: Vec<(String, String)>,
    /// Customer, parent and depth of each join of a published cascade.
    pub joins: Vec<(String, Option<String>, u32)>,
    pub totals: Totals,
    /// Smallest distance of an unrounded figure to the boundary at which it rounds the other way, in the figure's last place.
    pub margin: f64,
}

impl Run {
    pub fn scores(&self) -> impl Iterator<Item = &Score> {
        self.seen.iter().filter_map(|s| if let Seen::Score(score) = s { Some(score) } else { None })
    }

    pub fn cascades(&self) -> impl Iterator<Item = &Cascade> {
        self.seen.iter().filter_map(|s| if let Seen::Cascade(cascade) = s { Some(cascade) } else { None })
    }
}

/// Runs the engine over the epochs, each in one step.
pub fn engine(params: &Params, epochs: &[Epoch]) -> Run {
    let mut engine = Engine::new(params.clone());
    let mut effects = Effects::default();
    let mut run = Run::default();
    let mut ids: HashMap<Position, &str> = HashMap::new();
    for epoch in epochs {
        ids.extend(epoch.events.iter().map(|e: &Event| (e.position(), e.id.as_str())));
        let chunks = [chunk(&epoch.events)];
        engine.step(&Batch { chunks: &chunks, watermark: Time(epoch.watermark) }, &mut effects);
        for output in &effects.outputs {
            run.seen.push(match output {
                Output::Score(change) => Seen::Score(score(&engine, change)),
                Output::Cascade(change) => Seen::Cascade(cascade(&engine, change)),
            });
        }
        for reject in &effects.rejects {
            run.rejects.push((ids[&reject.position].to_owned(), format!("{:?}", reject.reason)));
        }
        for join in &effects.joins {
            let name = |c| engine.customer_name(c).to_owned();
            run.joins.push((name(join.customer), join.parent.map(name), join.depth));
        }
        effects.clear();
    }
    run.totals = engine.totals().clone();
    run
}

fn cause(cause: &Cause) -> String {
    match cause {
        Cause::Event { kind, event_id, .. } => format!("{} {event_id}", kind.name()),
        Cause::Decay => "decay".to_owned(),
    }
}

fn score(engine: &Engine, change: &ScoreChange) -> Score {
    let mut traits = Vec::new();
    traits.extend(change.traits.super_connector.then(|| "super_connector".to_owned()));
    traits.extend(change.traits.critic.then(|| "critic".to_owned()));
    traits.extend(change.traits.experts.iter().map(|c| format!("expert:{}", engine.category_name(*c))));
    Score {
        customer: engine.customer_name(change.customer).to_owned(),
        sequence: change.sequence,
        score: change.score.0,
        previous_score: change.previous_score.0,
        layer: change.layer.name(),
        previous_layer: change.previous_layer.name(),
        traits,
        polarity: change.polarity,
        percentile: change.percentile,
        factors: change.factors.map(|f| f.points.0),
        previous_factors: change.factors.map(|f| f.previous.0),
        categories: change
            .categories
            .iter()
            .map(|c| (engine.category_name(c.category).to_owned(), c.score.0, c.credit))
            .collect(),
        own: change.value.own.0,
        influenced_direct: change.value.influenced_direct.0,
        influenced_indirect: change.value.influenced_indirect.0,
        direct: change.credit.direct.0,
        indirect: change.credit.indirect.0,
        followers: change.followers,
        audience: change.audience,
        cause: cause(&change.cause),
        at: change.at.0,
    }
}

fn cascade(engine: &Engine, change: &CascadeChange) -> Cascade {
    Cascade {
        product: engine.product_name(change.product).to_owned(),
        category: engine.category_name(change.category).to_owned(),
        status: change.status.name(),
        root: engine.customer_name(change.root).to_owned(),
        size: change.size,
        depth: change.depth,
        breadth: change.breadth,
        virality: change.virality,
        revenue: change.revenue.0,
        withdrawn: change.withdrawn,
        started_at: change.started_at.0,
        last_adoption_at: change.last_adoption_at.0,
        cause: cause(&change.cause),
        at: change.at.0,
    }
}
