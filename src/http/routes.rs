//! The routes, once, for the router and for `/openapi.json`.

use super::answers::{
    self, CascadeAnswer, CascadeSummary, CascadesAnswer, CustomerAnswer, LeaderboardAnswer, RankedAnswer,
};
use super::problem::Problem;
use super::{Api, Phase, gate, openapi, stream};
use crate::view::Rank;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use axum::{Json, Router, middleware};
use schemars::{Schema, SchemaGenerator};
use serde::Deserialize;
use std::sync::Arc;

/// Rows in an answer: by default, and at most.
const LIMIT_DEFAULT: usize = 20;
const LIMIT_MAX: usize = 1000;

type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// One row of the route table.
pub struct Route {
    pub path: &'static str,
    pub summary: &'static str,
    /// Name, schema as JSON, what it means. A name that occurs in `path` is a path parameter, the others are query parameters.
    pub parameters: &'static [(&'static str, &'static str, &'static str)],
    /// Media type and, for JSON, the schema of a good answer.
    pub(super) answer: (&'static str, Option<SchemaOf>),
    pub(super) serve: fn() -> MethodRouter<Arc<Api>>,
}

const LIMIT: (&str, &str, &str) =
    ("limit", r#"{"type":"integer","minimum":1,"maximum":1000,"default":20}"#, "Most rows in the answer");

/// All routes. There are no others.
pub const ROUTES: &[Route] = &[
    Route {
        path: "/",
        summary: "The console: a page for people",
        parameters: &[],
        answer: ("text/html", None),
        serve: || get(async || Html(include_str!("console.html"))),
    },
    Route {
        path: "/livez",
        summary: "200 while the process lives; needs no token",
        parameters: &[],
        answer: ("text/plain", None),
        serve: || get(async || "live\n"),
    },
    Route {
        path: "/readyz",
        summary: "200 when epochs are being committed, 503 before that; needs no token",
        parameters: &[],
        answer: ("text/plain", None),
        serve: || get(ready),
    },
    Route {
        path: "/metrics",
        summary: "Prometheus text format",
        parameters: &[],
        answer: ("text/plain", None),
        serve: || get(metrics),
    },
    Route {
        path: "/v1/customers/{id}",
        summary: "The latest published state of a customer, with recent causes",
        parameters: &[("id", r#"{"type":"string"}"#, "The customer's id, percent-encoded")],
        answer: ("application/json", Some(SchemaGenerator::subschema_for::<CustomerAnswer>)),
        serve: || get(customer),
    },
    Route {
        path: "/v1/leaderboard",
        summary: "The first customers by some measure",
        parameters: &[
            (
                "by",
                r#"{"enum":["score","persuasion","credit","influenced_value","followers"],"default":"score"}"#,
                "The measure. Customers in whom it is zero are left out",
            ),
            (
                "category",
                r#"{"type":"string"}"#,
                "Order by standing in this category; only with by=score or by=credit, which order alike",
            ),
            (
                "layer",
                r#"{"enum":["member","micro_influencer","macro_influencer","core_advocate"]}"#,
                "Only customers of this layer",
            ),
            LIMIT,
        ],
        answer: ("application/json", Some(SchemaGenerator::subschema_for::<LeaderboardAnswer>)),
        serve: || get(leaderboard),
    },
    Route {
        path: "/v1/cascades",
        summary: "The latest cascades: open ones first, each with the latest change first",
        parameters: &[("status", r#"{"enum":["open","closed"]}"#, "Only these"), LIMIT],
        answer: ("application/json", Some(SchemaGenerator::subschema_for::<CascadesAnswer>)),
        serve: || get(cascades),
    },
    Route {
        path: "/v1/cascades/{id}",
        summary: "A cascade with its tree",
        parameters: &[("id", r#"{"type":"string","pattern":"^[0-9a-f]{16}$"}"#, "The cascade's id")],
        answer: ("application/json", Some(SchemaGenerator::subschema_for::<CascadeAnswer>)),
        serve: || get(cascade),
    },
    Route {
        path: "/v1/stream",
        summary: "Score changes and cascades as server-sent events: as_of, then score, cascade, lagged",
        parameters: &[(
            "customer",
            r#"{"type":"string"}"#,
            "Only changes of this customer, and of cascades it started",
        )],
        answer: ("text/event-stream", None),
        serve: || get(stream::stream),
    },
    Route {
        path: "/openapi.json",
        summary: "This description",
        parameters: &[],
        answer: ("application/json", None),
        serve: || get(async || Json(openapi::document())),
    },
];

/// The table as a router, behind the gate.
pub(super) fn router(api: Arc<Api>) -> Router {
    let table = ROUTES.iter().fold(Router::new(), |router, route| router.route(route.path, (route.serve)()));
    table
        .fallback(async || Problem::not_found("there is no such route; /openapi.json lists them"))
        .method_not_allowed_fallback(async || Problem::new(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD"))
        .layer(middleware::from_fn_with_state(api.gate.clone(), gate::pass))
        .with_state(api)
}

async fn ready(State(api): State<Arc<Api>>) -> Response {
    let detail = match api.health.phase() {
        Phase::Ready => return "ready\n".into_response(),
        Phase::Starting => "starting: nothing has been committed yet",
        Phase::Restoring => "restoring: history is being stepped through again",
        Phase::Stopping => "stopping",
    };
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response()
}

async fn metrics(State(api): State<Arc<Api>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], api.metrics.render(api.view.limits()))
}

async fn customer(
    State(api): State<Arc<Api>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<CustomerAnswer>, Problem> {
    let Path(id) = id.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let (as_of, customer) = api.view.customer(&id);
    let customer = customer.ok_or_else(|| Problem::not_found(format!("no score was published for customer {id:?}")))?;
    Ok(Json(CustomerAnswer::new(as_of, &customer)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LeaderboardQuery {
    by: Option<String>,
    category: Option<String>,
    layer: Option<String>,
    limit: Option<usize>,
}

async fn leaderboard(
    State(api): State<Arc<Api>>,
    query: Result<Query<LeaderboardQuery>, QueryRejection>,
) -> Result<Json<LeaderboardAnswer>, Problem> {
    let Query(query) = query.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let by = query.by.as_deref().unwrap_or(Rank::Score.name());
    let rank = Rank::ALL.into_iter().find(|rank| rank.name() == by).ok_or_else(|| {
        let names = Rank::ALL.map(Rank::name).join(", ");
        Problem::bad_request(format!("by: {by:?} is none of {names}"))
    })?;
    if query.category.is_some() && !matches!(rank, Rank::Score | Rank::Credit) {
        return Err(Problem::bad_request("category: goes with by=score and by=credit only"));
    }
    let layer = query.layer.map(|name| {
        answers::layer(&name).ok_or_else(|| Problem::bad_request(format!("layer: {name:?} is not a layer")))
    });
    let limit = limit(query.limit)?;
    let (as_of, customers) = api.view.leaderboard(rank, query.category.as_deref(), layer.transpose()?, limit);
    let customers = customers.iter().zip(1..).map(|(customer, rank)| RankedAnswer::new(rank, customer)).collect();
    Ok(Json(LeaderboardAnswer { as_of: as_of.into(), by: rank.name(), customers }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CascadesQuery {
    status: Option<String>,
    limit: Option<usize>,
}

async fn cascades(
    State(api): State<Arc<Api>>,
    query: Result<Query<CascadesQuery>, QueryRejection>,
) -> Result<Json<CascadesAnswer>, Problem> {
    let Query(query) = query.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let open = match query.status.as_deref() {
        None => None,
        Some("open") => Some(true),
        Some("closed") => Some(false),
        Some(other) => return Err(Problem::bad_request(format!("status: {other:?} is neither open nor closed"))),
    };
    let (as_of, cascades) = api.view.cascades(open, limit(query.limit)?);
    let cascades = cascades.iter().map(|changed| CascadeSummary::new(changed)).collect();
    Ok(Json(CascadesAnswer { as_of: as_of.into(), cascades }))
}

async fn cascade(
    State(api): State<Arc<Api>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<CascadeAnswer>, Problem> {
    let Path(id) = id.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let number = u64::from_str_radix(&id, 16).ok().filter(|_| id.len() == 16 && !id.starts_with('+'));
    let number = number.ok_or_else(|| Problem::bad_request(format!("id: {id:?} is not 16 hexadecimal digits")))?;
    let (as_of, cascade) = api.view.cascade(number);
    let cascade =
        cascade.ok_or_else(|| Problem::not_found(format!("cascade {id} is not among those that are kept")))?;
    Ok(Json(CascadeAnswer::new(as_of, &cascade)))
}

fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    match asked.unwrap_or(LIMIT_DEFAULT) {
        limit @ 1..=LIMIT_MAX => Ok(limit),
        other => Err(Problem::bad_request(format!("limit: {other} is not between 1 and {LIMIT_MAX}"))),
    }
}
