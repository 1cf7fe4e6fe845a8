//! `/v1/stream`: changes as server-sent events.

use super::Api;
use super::answers::{AsOfAnswer, CascadeStreamed, CascadeSummary, ScoreStreamed};
use super::problem::Problem;
use crate::view::{Change, Streamed};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::{self, StreamExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::error::RecvError;

/// Streams open at once; each costs a socket and a task.
pub(super) const STREAMS_MAX: usize = 64;
/// Proxies cut connections that are silent for a minute.
const HEARTBEAT: Duration = Duration::from_secs(15);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamQuery {
    customer: Option<String>,
}

/// The event `lagged`: the reader was too slow, and some changes are not on this stream. Their effect is in the other answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Lagged {
    pub missed: u64,
}

/// Events `score` and `cascade` with ids `epoch-index`, from now on; the first is `as_of`. A stream cannot be resumed: a reader that
/// needs every change reads the topic `influence.score-changes`.
pub(super) async fn stream(
    State(api): State<Arc<Api>>,
    query: Result<Query<StreamQuery>, QueryRejection>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let Query(query) = query.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let permit = api.streams.clone().try_acquire_owned().map_err(|_| {
        let detail = format!("{STREAMS_MAX} streams are open, ask again later");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    })?;
    let receiver = api.view.subscribe();
    let hello = event("as_of", &AsOfAnswer::from(api.view.as_of()));
    let reader = Reader { api: api.clone(), receiver, customer: query.customer, _permit: permit };
    let events = stream::iter([hello]).chain(stream::unfold(reader, Reader::next)).map(Ok);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

struct Reader {
    api: Arc<Api>,
    receiver: tokio::sync::broadcast::Receiver<Streamed>,
    customer: Option<String>,
    _permit: OwnedSemaphorePermit,
}

impl Reader {
    /// The next event for this reader; `None` ends the stream, when the server stops.
    async fn next(mut self) -> Option<(Event, Reader)> {
        let mut stop = self.api.stop.clone();
        loop {
            let received = tokio::select! {
                received = self.receiver.recv() => received,
                _ = stop.wait_for(|stop| *stop) => return None,
            };
            match received {
                Ok(streamed) if self.wants(&streamed.change) => return Some((change_event(&streamed), self)),
                Ok(_) => {}
                Err(RecvError::Lagged(missed)) => {
                    self.api.view.missed(missed);
                    return Some((event("lagged", &Lagged { missed }), self));
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// With `?customer=`: that customer's score changes, and changes of cascades that the customer started.
    fn wants(&self, change: &Change) -> bool {
        let Some(wanted) = self.customer.as_deref() else { return true };
        match change {
            Change::Score(changed) => *changed.customer == *wanted,
            Change::Cascade(changed) => *changed.root == *wanted,
        }
    }
}

fn change_event(streamed: &Streamed) -> Event {
    let as_of = streamed.as_of;
    let event = match &streamed.change {
        Change::Score(changed) => event("score", &ScoreStreamed::new(streamed, changed)),
        Change::Cascade(changed) => {
            event("cascade", &CascadeStreamed { as_of: as_of.into(), summary: CascadeSummary::new(changed) })
        }
    };
    event.id(format!("{}-{}", as_of.epoch, streamed.index))
}

fn event(name: &str, answer: &impl Serialize) -> Event {
    let json = serde_json::to_string(answer).expect("answers are plain structs with string keys");
    Event::default().event(name).data(json)
}
