//! The view against the plainest leaderboard: sort everybody.

use super::*;
use crate::engine::Effects;
use crate::event::{
    CategoryScore, Cause, Credit, CreditHeld, CustomerId, FactorPoints, Output, Points, ScoreChange, TotalValue, Traits,
};

/// Score, layer and category standing follow from `measure`.
fn change(customer: u32, sequence: u32, measure: u32) -> Output {
    let category =
        CategoryScore { category: CategoryId((customer % 3) as u16), score: Points(0), credit: f64::from(measure) };
    Output::Score(Box::new(ScoreChange {
        customer: CustomerId(customer),
        sequence,
        score: Points((measure % 10_000) as u16),
        previous_score: Points(0),
        layer: layer(measure),
        previous_layer: Layer::Member,
        traits: Traits::default(),
        polarity: 0,
        percentile: 0,
        factors: [FactorPoints::default(); 7],
        categories: vec![category],
        value: TotalValue::default(),
        credit: CreditHeld { direct: Credit(i64::from(measure)), indirect: Credit(0) },
        followers: 0,
        audience: 0,
        cause: Cause::Decay,
        at: Time(i64::from(sequence)),
    }))
}

fn layer(measure: u32) -> Layer {
    if measure.is_multiple_of(5) { Layer::MicroInfluencer } else { Layer::Member }
}

fn publish(view: &View, epoch: u64, changes: impl Iterator<Item = Output>) {
    let mut effects = Effects::default();
    effects.outputs.extend(changes);
    let name = |prefix: char, number: u32| CompactString::from(format!("{prefix}{number}"));
    let delta = Delta::with_names(
        &effects,
        |CustomerId(number)| name('c', number),
        |_| CompactString::default(),
        |CategoryId(number)| name('g', number.into()),
    );
    view.publish(delta, &Totals::default(), AsOf { epoch, watermark: Time(0) });
}

/// Ids of the first `limit` by credit among `measures`, the index being the customer.
fn sorted(measures: &[u32], keep: impl Fn(u32, u32) -> bool, limit: usize) -> Vec<String> {
    let ranked =
        (0..).zip(measures.iter().copied()).filter(|&(customer, measure)| measure > 0 && keep(customer, measure));
    let mut ids: Vec<_> = ranked.map(|(customer, measure)| (measure, format!("c{customer}"))).collect();
    ids.sort_unstable_by_key(|(measure, id)| std::cmp::Reverse((*measure, xxhash_rust::xxh3::xxh3_64(id.as_bytes()))));
    ids.into_iter().map(|(_, id)| id).take(limit).collect()
}

/// Far more customers than a board keeps rise, and the best of them fall again and again.
#[test]
fn leaderboards_are_those_of_sorting_everybody() {
    let view = View::new(1, 1);
    let count = 3 * KEPT_MAX as u32;
    let mut measures: Vec<u32> = (0..count).map(|customer| customer.wrapping_mul(2_654_435_761) >> 8).collect();
    publish(&view, 1, (0..count).map(|customer| change(customer, 1, measures[customer as usize])));
    for epoch in 2..8 {
        let ids = |category: Option<&str>, layer, limit| -> Vec<String> {
            let (as_of, rows) = view.leaderboard(Rank::Credit, category, layer, limit);
            assert_eq!(as_of.epoch, epoch - 1);
            rows.iter().map(|row| row.id.to_string()).collect()
        };
        assert_eq!(ids(None, None, 1000), sorted(&measures, |_, _| true, 1000));
        let micro = Layer::MicroInfluencer;
        assert_eq!(ids(None, Some(micro), 700), sorted(&measures, |_, measure| layer(measure) == micro, 700));
        assert_eq!(ids(Some("g1"), None, 1000), sorted(&measures, |customer, _| customer % 3 == 1, 1000));
        // Two thirds of the best fall behind all others, some to nothing.
        let mut order: Vec<u32> = (0..count).collect();
        order.sort_unstable_by_key(|&customer| std::cmp::Reverse(measures[customer as usize]));
        order.truncate(3500);
        for (index, &customer) in order.iter().enumerate().filter(|(index, _)| index % 3 != 0) {
            measures[customer as usize] = (index % 7) as u32 * (measures[customer as usize] >> 12);
        }
        publish(
            &view,
            epoch,
            order.iter().map(|&customer| change(customer, epoch as u32, measures[customer as usize])),
        );
    }
}

/// Within one epoch, a customer is published once, as it stands at its end, with all its changes in the history.
#[test]
fn an_epoch_s_changes_of_one_customer_are_one() {
    let view = View::new(1, 1);
    let mut stream = view.subscribe();
    publish(&view, 1, (1..=3).map(|sequence| change(1, sequence, sequence)));
    publish(&view, 2, (4..=11).map(|sequence| change(1, sequence, sequence)));
    for (epoch, sequence) in [(1, 3), (2, 11)] {
        let streamed = stream.try_recv().expect("one for each epoch");
        let Change::Score(customer) = streamed.change else { panic!("not a score") };
        assert_eq!((streamed.as_of.epoch, customer.state.sequence), (epoch, sequence));
    }
    assert!(stream.try_recv().is_err());
    let (_, customer) = view.customer("c1");
    let customer = customer.expect("was published");
    let times: Vec<i64> = customer.state.recent().map(|recent| recent.at.0).collect();
    assert_eq!(times, [11, 10, 9, 8, 7, 6, 5, 4]);
    assert_eq!(customer.categories[0].category, "g1");
}

/// While epochs are published that move every customer and many off the boards, rows are whole epochs, and a look-up is
/// never older than it says.
#[test]
fn what_readers_see_while_epochs_are_published() {
    const LAST: u32 = 12;
    let view = View::new(1, 1);
    let count = 2 * KEPT_MAX as u32;
    // In an odd epoch one half leads, in an even one the other: each epoch, every board loses all whom it knew.
    let measure = |customer: u32, epoch: u32| epoch + 1_000_000 * ((customer + epoch) % 2);
    publish(&view, 1, (0..count).map(|customer| change(customer, 1, measure(customer, 1))));
    std::thread::scope(|scope| {
        let boards = scope.spawn(|| {
            loop {
                let (as_of, rows) = view.leaderboard(Rank::Credit, None, None, 500);
                let same = |row: &Customer| u64::from(row.state.sequence) == as_of.epoch;
                assert!(rows.iter().all(same), "rows of another epoch than {as_of:?}");
                assert!(rows.is_sorted_by_key(|row| std::cmp::Reverse(row.state.credit.direct)));
                if as_of.epoch == u64::from(LAST) {
                    assert_eq!(rows.len(), 500);
                    return;
                }
            }
        });
        let look_ups = scope.spawn(|| {
            loop {
                let (as_of, customer) = view.customer("c77");
                let state = customer.expect("was published before").state;
                assert!(u64::from(state.sequence) >= as_of.epoch, "older than {as_of:?}");
                let expected = i64::from(measure(77, state.sequence));
                assert_eq!(state.credit.direct.0, expected, "half of a change");
                if as_of.epoch == u64::from(LAST) {
                    return;
                }
            }
        });
        for epoch in 2..=LAST {
            let changes = (0..count).map(|customer| change(customer, epoch, measure(customer, epoch)));
            publish(&view, epoch.into(), changes);
        }
        boards.join().expect("its assertions hold");
        look_ups.join().expect("its assertions hold");
    });
}
