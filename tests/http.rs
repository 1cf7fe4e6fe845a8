//! The HTTP interface over a real socket: answers, problems, the token, the stream, metrics, OpenAPI.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is how a failure is told")]

use bellwether::engine::{Effects, Engine, Params, Totals};
use bellwether::event::*;
use bellwether::http::{Health, Phase, ROUTES, Server, start};
use bellwether::metrics::{EpochFigures, Metrics, OutputFigures};
use bellwether::view::{AsOf, Delta, View};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::sync::Arc;
use std::time::Duration;

/// A server over a view of two epochs: customers `c1` to `c30` (`c7` with a slash: `c/7`), and one cascade `c1` → `c2` → `c3`.
struct Fixture {
    server: Server,
    view: Arc<View>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
}

impl Fixture {
    fn new(token: Option<&str>) -> Fixture {
        let view = Arc::new(View::new(10, 3));
        let metrics = Arc::new(Metrics::new("rules-test"));
        let health = Arc::new(Health::default());
        let server =
            start("127.0.0.1:0", token.map(str::to_owned), view.clone(), metrics.clone(), health.clone()).unwrap();
        let fixture = Fixture { server, view, metrics, health };
        let mut effects = Effects::default();
        effects
            .outputs
            .extend((1..=30).map(|customer| Output::Score(Box::new(score(customer, 1, 100 * customer as u16)))));
        fixture.publish(&effects, 1);
        let mut effects = Effects::default();
        effects.outputs.push(Output::Score(Box::new(score(1, 2, 9000))));
        effects.outputs.push(Output::Cascade(Box::new(cascade(0xabc, CascadeStatus::Detected))));
        for (customer, parent) in [(1, None), (2, Some(1)), (3, Some(2)), (4, Some(1))] {
            let (customer, parent) = (CustomerId(customer), parent.map(CustomerId));
            effects.joins.push(CascadeJoin { cascade: 0xabc, customer, parent, depth: 1, at: Time(5) });
        }
        fixture.publish(&effects, 2);
        fixture
    }

    fn publish(&self, effects: &Effects, epoch: u64) {
        let delta = Delta::with_names(
            effects,
            |CustomerId(number)| if number == 7 { "c/7".into() } else { format!("c{number}").into() },
            |ProductId(number)| format!("p{number}").into(),
            |CategoryId(number)| ["books", "music"][usize::from(number)].into(),
        );
        let as_of = AsOf { epoch, watermark: Time(1_700_000_000_000 + epoch as i64) };
        self.view.publish(delta, &Totals::default(), as_of);
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address())
    }

    /// Status, content type and body of a GET.
    fn fetch(&self, path: &str, authorization: Option<&str>) -> (u16, String, String) {
        let mut request = agent().get(self.url(path));
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        read(request.call().unwrap())
    }

    fn json(&self, path: &str) -> Value {
        let (status, media, body) = self.fetch(path, None);
        assert_eq!((status, media.as_str()), (200, "application/json"), "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// A GET that must fail with a problem document; returns its detail.
    fn problem(&self, path: &str, status: u16) -> String {
        problem(self.fetch(path, None), status)
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().new_agent()
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> (u16, String, String) {
    let media = response.headers()["content-type"].to_str().unwrap().to_owned();
    (response.status().as_u16(), media, response.body_mut().read_to_string().unwrap())
}

fn problem((status, media, body): (u16, String, String), expected: u16) -> String {
    assert_eq!((status, media.as_str()), (expected, "application/problem+json"), "{body}");
    let problem: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(problem["status"], expected);
    assert!(problem["title"].is_string() && problem["type"] == "about:blank", "{problem}");
    problem["detail"].as_str().unwrap().to_owned()
}

fn score(customer: u32, sequence: u32, points: u16) -> ScoreChange {
    let mut factors = [FactorPoints::default(); 7];
    factors[Factor::Persuasion as usize].points = Points(points.min(4000));
    ScoreChange {
        customer: CustomerId(customer),
        sequence,
        score: Points(points),
        previous_score: Points(0),
        layer: if customer.is_multiple_of(2) { Layer::MicroInfluencer } else { Layer::Member },
        previous_layer: Layer::Member,
        traits: Traits { super_connector: true, critic: false, experts: vec![CategoryId(0)] },
        polarity: -50,
        percentile: 995,
        factors,
        categories: vec![CategoryScore { category: CategoryId(0), score: Points(1234), credit: f64::from(customer) }],
        value: TotalValue { own: Money(125_000), ..TotalValue::default() },
        credit: CreditHeld { direct: Credit(i64::from(customer) * 500_000_000), indirect: Credit(0) },
        followers: 1000 - customer,
        audience: 5,
        cause: Cause::Event {
            kind: CauseKind::Credited,
            event_id: "e-1".into(),
            position: Position { topic: Topic::Purchases, partition: 3, offset: 42 },
        },
        at: Time(1_699_999_999_000),
    }
}

fn cascade(id: u64, status: CascadeStatus) -> CascadeChange {
    CascadeChange {
        cascade: id,
        product: ProductId(1),
        category: CategoryId(1),
        status,
        root: CustomerId(1),
        size: 4,
        depth: 2,
        breadth: 2,
        virality: 1.5,
        revenue: Money(10_000),
        withdrawn: 0,
        started_at: Time(0),
        last_adoption_at: Time(5),
        cause: Cause::Decay,
        at: Time(5),
    }
}

fn ids(answer: &Value) -> Vec<&str> {
    answer["customers"].as_array().unwrap().iter().map(|customer| customer["customer_id"].as_str().unwrap()).collect()
}

#[test]
fn health_follows_the_pipeline() {
    let fixture = Fixture::new(None);
    assert_eq!(fixture.fetch("/livez", None).0, 200);
    assert!(fixture.problem("/readyz", 503).starts_with("starting"));
    fixture.health.set(Phase::Restoring);
    assert!(fixture.problem("/readyz", 503).starts_with("restoring"));
    fixture.health.set(Phase::Ready);
    assert_eq!(fixture.fetch("/readyz", None).0, 200);
}

#[test]
fn a_customer_with_causes() {
    let fixture = Fixture::new(None);
    let c1 = fixture.json("/v1/customers/c1");
    assert_eq!(c1["as_of"]["epoch"], 2);
    assert_eq!(c1["as_of"]["watermark"], "2023-11-14T22:13:20.002Z");
    assert_eq!((c1["score"].as_f64(), c1["sequence"].as_u64()), (Some(90.0), Some(2)));
    assert_eq!(c1["traits"], serde_json::json!(["super_connector", "expert:books"]));
    assert_eq!(c1["total_value"]["own"], "12.50");
    assert_eq!((c1["polarity"].as_f64(), c1["percentile"].as_f64()), (Some(-0.5), Some(99.5)));
    assert_eq!(c1["factors"]["persuasion"]["points"], 40.0);
    assert_eq!(c1["cause"]["position"], "commerce.purchases/3/42");
    let scores: Vec<_> = c1["recent"].as_array().unwrap().iter().map(|recent| &recent["score"]).collect();
    assert_eq!(scores, [90.0, 1.0], "newest first");
    assert_eq!(fixture.json("/v1/customers/c%2F7")["customer_id"], "c/7");
    assert!(fixture.problem("/v1/customers/nobody", 404).contains("nobody"));
}

#[test]
fn recent_changes_are_bounded() {
    let fixture = Fixture::new(None);
    for sequence in 2..20 {
        let mut effects = Effects::default();
        effects.outputs.push(Output::Score(Box::new(score(5, sequence, 500 + sequence as u16))));
        fixture.publish(&effects, u64::from(sequence) + 1);
    }
    let c5 = fixture.json("/v1/customers/c5");
    let recent = c5["recent"].as_array().unwrap();
    assert_eq!((recent.len(), &recent[0]["score"]), (8, &c5["score"]));
}

#[test]
fn leaderboards() {
    let fixture = Fixture::new(None);
    let cases: [(&str, &[&str]); 8] = [
        ("?limit=3", &["c1", "c30", "c29"]),
        ("?by=score&layer=micro_influencer&limit=2", &["c30", "c28"]),
        ("?by=credit&limit=2", &["c30", "c29"]),
        ("?by=followers&limit=2", &["c1", "c2"]),
        ("?by=persuasion&limit=1", &["c1"]),
        ("?by=influenced_value", &[]),
        ("?category=books&limit=2", &["c30", "c29"]),
        ("?category=garden", &[]),
    ];
    for (query, expected) in cases {
        let answer = fixture.json(&format!("/v1/leaderboard{query}"));
        assert_eq!(ids(&answer), expected, "{query}");
        assert_eq!(answer["as_of"]["epoch"], 2);
    }
    assert_eq!(ids(&fixture.json("/v1/leaderboard")).len(), 20);
    assert_eq!(ids(&fixture.json("/v1/leaderboard?limit=1000")).len(), 30);
    assert_eq!(fixture.json("/v1/leaderboard?limit=2")["customers"][1]["rank"], 2);
}

#[test]
fn cascades_and_a_tree() {
    let fixture = Fixture::new(None);
    let list = fixture.json("/v1/cascades?status=open");
    assert_eq!(list["cascades"][0]["cascade_id"], "0000000000000abc");
    assert_eq!(fixture.json("/v1/cascades?status=closed")["cascades"], serde_json::json!([]));
    let one = fixture.json("/v1/cascades/0000000000000abc");
    assert_eq!((&one["root"], &one["category"], &one["status"]), (&"c1".into(), &"music".into(), &"detected".into()));
    let parents: Vec<_> = one["tree"].as_array().unwrap().iter().map(|node| node["parent"].as_u64()).collect();
    assert_eq!(parents, [None, Some(0), Some(1)]);
    assert_eq!(one["left_out"], 1, "the view keeps three customers of a tree");
    assert!(fixture.problem("/v1/cascades/0000000000000000", 404).contains("not among"));
}

#[test]
fn closed_cascades_are_forgotten_first() {
    let fixture = Fixture::new(None);
    let mut effects = Effects::default();
    for id in 1..=11 {
        let status = if id == 5 { CascadeStatus::Closed } else { CascadeStatus::Grew };
        effects.outputs.push(Output::Cascade(Box::new(cascade(id, status))));
    }
    fixture.publish(&effects, 3);
    fixture.problem("/v1/cascades/0000000000000005", 404);
    fixture.problem("/v1/cascades/0000000000000abc", 404);
    let list = fixture.json("/v1/cascades?limit=100");
    assert_eq!(list["cascades"].as_array().unwrap().len(), 10);
    assert_eq!(list["cascades"][0]["cascade_id"], "000000000000000b", "the latest change first");
    let metrics = fixture.fetch("/metrics", None).2;
    assert!(metrics.contains("bellwether_limits_hit_total{limit=\"view_cascades\"} 2"), "{metrics}");
}

#[test]
fn what_makes_no_sense_is_a_problem() {
    let fixture = Fixture::new(None);
    let cases = [
        ("/v1/leaderboard?limit=0", 400, "limit"),
        ("/v1/leaderboard?limit=1001", 400, "limit"),
        ("/v1/leaderboard?limit=many", 400, "limit"),
        ("/v1/leaderboard?by=fame", 400, "by"),
        ("/v1/leaderboard?layer=king", 400, "layer"),
        ("/v1/leaderboard?by=followers&category=books", 400, "category"),
        ("/v1/leaderboard?limt=5", 400, "limt"),
        ("/v1/cascades?status=grew", 400, "status"),
        ("/v1/cascades/xyz", 400, "hexadecimal"),
        ("/v1/cascades/%2B00000000000abc1", 400, "hexadecimal"),
        ("/v1/customers/%FF", 400, "UTF-8"),
        ("/v1/stream?who=c1", 400, "who"),
        ("/v1/communities", 404, "openapi"),
        ("/nowhere", 404, "openapi"),
    ];
    for (path, status, word) in cases {
        let detail = fixture.problem(path, status);
        assert!(detail.contains(word), "{path}: {detail}");
    }
    problem(read(agent().post(fixture.url("/v1/cascades")).send_empty().unwrap()), 405);
    problem(read(agent().post(fixture.url("/livez")).send(vec![0u8; 20_000]).unwrap()), 413);
    let long = "x".repeat(17_000);
    problem(read(agent().get(fixture.url("/livez")).header("x-long", &long).call().unwrap()), 431);
}

#[test]
fn the_token_opens_everything_and_health_needs_none() {
    let fixture = Fixture::new(Some("s3cret"));
    fixture.health.set(Phase::Ready);
    for route in ROUTES {
        let path = route.path.replace("{id}", "c1");
        if path == "/livez" || path == "/readyz" {
            assert_eq!(fixture.fetch(&path, None).0, 200, "{path}");
        } else {
            for wrong in [None, Some("Bearer s3cre"), Some("Bearer s3cret1"), Some("s3cret"), Some("Bearer S3cret")] {
                problem(fixture.fetch(&path, wrong), 401);
            }
        }
    }
    problem(fixture.fetch("/nowhere", None), 401);
    assert_eq!(fixture.fetch("/v1/customers/c1", Some("Bearer s3cret")).0, 200);
    // Basic, user "bellwether": what a browser sends for the console.
    assert_eq!(fixture.fetch("/", Some("Basic YmVsbHdldGhlcjpzM2NyZXQ=")).0, 200);
}

#[test]
fn no_token_no_foreign_address() {
    let parts = || (Arc::new(View::new(1, 1)), Arc::new(Metrics::new("m")), Arc::new(Health::default()));
    let (view, metrics, health) = parts();
    let error = start("0.0.0.0:0", None, view, metrics, health).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("token"), "{error}");
    let (view, metrics, health) = parts();
    assert_eq!(start("nowhere", None, view, metrics, health).unwrap_err().exit_code(), 2);
}

/// Lines of a stream up to the end of the `count`-th event that is not a comment.
fn events(fixture: &Fixture, query: &str, count: usize, then: impl FnOnce()) -> Vec<String> {
    let agent = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(20))).build().new_agent();
    let mut response = agent.get(fixture.url(&format!("/v1/stream{query}"))).call().unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    // The response has come, so the subscription is there.
    then();
    let reader = BufReader::new(response.body_mut().as_reader());
    let mut events = vec![String::new()];
    for line in reader.lines().map(Result::unwrap) {
        if line.is_empty() {
            if events.len() == count {
                break;
            }
            events.push(String::new());
        } else if let Some(event) = events.last_mut() {
            event.push_str(&line);
            event.push('\n');
        }
    }
    events
}

#[test]
fn the_stream_delivers_changes() {
    let fixture = Fixture::new(None);
    let mut effects = Effects::default();
    effects.outputs.push(Output::Score(Box::new(score(2, 2, 777))));
    effects.outputs.push(Output::Cascade(Box::new(cascade(0xabc, CascadeStatus::Grew))));
    effects.outputs.push(Output::Score(Box::new(score(3, 2, 888))));
    let all = events(&fixture, "", 4, || fixture.publish(&effects, 3));
    assert!(all[0].contains("event: as_of") && all[0].contains("\"epoch\":2"), "{all:?}");
    assert!(
        all[1].contains("event: score") && all[1].contains("id: 3-0") && all[1].contains("\"score\":7.77"),
        "{all:?}"
    );
    assert!(all[2].contains("event: cascade") && all[2].contains("\"status\":\"grew\""), "{all:?}");
    assert!(all[3].contains("id: 3-2"), "{all:?}");
    let one = events(&fixture, "?customer=c3", 2, || fixture.publish(&effects, 4));
    assert!(one[1].contains("id: 4-2") && one[1].contains("\"customer_id\":\"c3\""), "{one:?}");
}

#[test]
fn stopping_ends_open_streams() {
    let fixture = Fixture::new(None);
    let mut response = agent().get(fixture.url("/v1/stream")).call().unwrap();
    let address = fixture.server.address();
    fixture.server.stop();
    // Ends instead of waiting for the next change.
    let rest = response.body_mut().read_to_string();
    assert!(rest.is_err() || rest.is_ok_and(|text| text.contains("as_of")));
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn metrics_have_names_types_and_values() {
    let fixture = Fixture::new(None);
    let mut score_histogram = [0; 101];
    (score_histogram[3], score_histogram[50], score_histogram[100]) = (7, 2, 1);
    let figures = EpochFigures {
        consumed: [1, 2, 3, 4],
        rejected: &[(Topic::Reviews, "not_json", 5)],
        latencies: &[(Topic::Follows, 0.02)],
        watermark_lag_seconds: Some(1.5),
        consumer_lag: &[(Topic::Purchases, 2, 17)],
        epoch: Duration::from_millis(100),
        commit: Duration::from_millis(3),
        outputs: OutputFigures {
            score_changes: [4, 3, 2],
            detected: (0..60).map(|number| format!("category {number}")).collect(),
        },
        score_histogram,
    };
    let mut totals = Totals { late: [1, 0, 0, 1], credit_organic: Credit(1_500_000_000), ..Totals::default() };
    totals.revenue_direct = Money(125_000);
    fixture.metrics.observe(&figures, &totals);
    totals.revenue_direct = Money(25_000);
    fixture.metrics.observe(&figures, &totals);
    fixture.metrics.restored(Duration::from_secs(2));
    let text = fixture.fetch("/metrics", None).2;
    for line in [
        "bellwether_events_consumed_total{topic=\"commerce.purchases\"} 8",
        "bellwether_events_rejected_total{reason=\"not_json\",topic=\"commerce.reviews\"} 10",
        "bellwether_events_late_total 2",
        "bellwether_epochs_total 2",
        "bellwether_consumer_lag_records{partition=\"2\",topic=\"commerce.purchases\"} 17",
        "bellwether_score_bucket{le=\"4.99\"} 7",
        "bellwether_score_bucket{le=\"59.99\"} 9",
        "bellwether_score_bucket{le=\"+Inf\"} 10",
        "bellwether_score_changes_total{direction=\"down\"} 6",
        "bellwether_cascades_detected_total{category=\"other\"} 20",
        "bellwether_adoptions_total{origin=\"organic\"} 1.5",
        "bellwether_revenue_total{origin=\"direct\"} 12.5",
        "bellwether_restore_seconds 2",
        "bellwether_build_info{model=\"rules-test\",version=\"0.1.0\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    let typed: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        assert!(name.starts_with("bellwether_"), "{line}");
        assert!(typed.iter().any(|typed| name.starts_with(typed)), "{line} has no TYPE");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}

#[test]
fn openapi_lists_exactly_the_routes() {
    let fixture = Fixture::new(None);
    fixture.health.set(Phase::Ready);
    let document = fixture.json("/openapi.json");
    assert_eq!(document["openapi"], "3.1.0");
    let mut paths: Vec<&str> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let mut routes: Vec<&str> = ROUTES.iter().map(|route| route.path).collect();
    paths.sort_unstable();
    routes.sort_unstable();
    assert_eq!(paths, routes);
    for route in ROUTES {
        let id = if route.path.contains("cascades") { "0000000000000abc" } else { "c1" };
        let response = agent().get(fixture.url(&route.path.replace("{id}", id))).call().unwrap();
        assert_eq!(response.status(), 200, "{}", route.path);
        let documented = &document["paths"][route.path]["get"]["responses"]["200"]["content"];
        let media = response.headers()["content-type"].to_str().unwrap().split(';').next().unwrap();
        assert!(documented.get(media).is_some(), "{} answers {media}, documented: {documented}", route.path);
    }
    let text = document.to_string();
    let references = text.split("\"$ref\":\"#/components/").skip(1).map(|rest| rest.split('"').next().unwrap());
    for reference in references {
        let pointer = format!("/components/{reference}");
        assert!(document.pointer(&pointer).is_some(), "{pointer} is referred to and missing");
    }
}

/// While epochs are published that give all customers the same score, no reader may see two scores.
#[test]
fn readers_see_whole_epochs() {
    let fixture = Fixture::new(None);
    let view = fixture.view.clone();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = 0;
            loop {
                let (as_of, customers) = view.leaderboard(bellwether::view::Rank::Score, None, None, 1000);
                if as_of.epoch >= 3 {
                    assert_eq!(customers.len(), 30);
                    let expected = Points(as_of.epoch as u16);
                    assert!(customers.iter().all(|customer| customer.score == expected), "half of epoch {as_of:?}");
                    seen += 1;
                }
                if as_of.epoch == 300 {
                    return seen;
                }
            }
        });
        for epoch in 3..=300 {
            let mut effects = Effects::default();
            let changes = (1..=30).map(|customer| Output::Score(Box::new(score(customer, epoch, epoch as u16))));
            effects.outputs.extend(changes);
            fixture.publish(&effects, u64::from(epoch));
        }
        assert!(reader.join().unwrap() > 0);
    });
}

/// What the engine makes of `c1` buying a book and, a day later, nine followers doing the same.
#[test]
fn the_engine_s_own_effects_are_seen() {
    let fixture = Fixture::new(None);
    let mut chunk = Chunk::default();
    let follows = (2..=10).map(|follower| (Topic::Follows, 0, follower));
    let purchases = (1..=10).map(|buyer| (Topic::Purchases, if buyer == 1 { 1 } else { 1 + i64::from(buyer) }, buyer));
    for ((topic, hour, customer), offset) in follows.chain(purchases).zip(0..) {
        let actor = chunk.push_text(&format!("c{customer}"));
        let other = chunk.push_text("c1");
        let [product, category] = ["b1", "books"].map(|text| chunk.push_text(text));
        let unique = chunk.push_text(&format!("e{offset}"));
        let body = match topic {
            Topic::Follows => Body::Follow { follower: actor, followee: other, follows: true },
            _ => Body::Purchase(Purchase {
                customer: actor,
                order: unique,
                product,
                category,
                amount: Money(100_000),
                referral_code: None,
            }),
        };
        let position = Position { topic, partition: 0, offset };
        let at = Time(1_700_000_000_000 + hour * 3_600_000);
        chunk.records.push(Record { position, at, event_id: unique, value: unique, origin: None, body });
    }
    let mut engine = Engine::new(Params::default());
    let mut effects = Effects::default();
    engine.step(&Batch { chunks: &[chunk], watermark: Time(1_700_000_000_000 + DAY_MS) }, &mut effects);
    let as_of = AsOf { epoch: 3, watermark: engine.watermark() };
    fixture.view.publish(Delta::new(&effects, &engine), engine.totals(), as_of);

    let c1 = fixture.json("/v1/customers/c1");
    let direct = c1["credit"]["direct"].as_f64().unwrap();
    assert!(direct > 1.0 && direct < 9.0, "{c1}");
    assert_eq!((&c1["followers"], &c1["total_value"]["own"]), (&9.into(), &"10.00".into()));
    let best = fixture.json("/v1/leaderboard?category=books&limit=100");
    assert!(ids(&best).contains(&"c1"), "{best}");
    let cascade = &fixture.json("/v1/cascades?limit=1")["cascades"][0];
    assert_eq!((&cascade["root"], &cascade["product_id"]), (&"c1".into(), &"b1".into()));
    let tree = fixture.json(&format!("/v1/cascades/{}", cascade["cascade_id"].as_str().unwrap()));
    assert_eq!((tree["tree"].as_array().unwrap().len(), &tree["left_out"]), (3, &7.into()), "{tree}");
    assert_eq!(OutputFigures::new(&effects, &engine).detected, ["books"]);
}
