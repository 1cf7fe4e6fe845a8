//! What every request passes before it is answered: size limits, the token, the number of requests at once, a deadline.

use super::problem::Problem;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// No request has a use for a body; some clients send a small one all the same.
const BODY_MAX_BYTES: u64 = 16 * 1024;
/// Names and values of all headers together.
const HEADERS_MAX_BYTES: usize = 16 * 1024;
/// Answers are computed from memory; more at once than this would only wait for the two cores.
const REQUESTS_MAX: usize = 64;
/// An answer takes milliseconds; whoever waits longer should ask again.
const DEADLINE: Duration = Duration::from_secs(10);
/// Open for everybody: an orchestrator has no token.
const OPEN_PATHS: [&str; 2] = ["/livez", "/readyz"];

/// The state of the gate.
pub(super) struct Gate {
    /// Accepted values of the `Authorization` header; `None` lets everybody in.
    accepted: Option<[String; 2]>,
    permits: Semaphore,
    deadline: Duration,
}

impl Gate {
    /// With a token, `Authorization: Bearer TOKEN` is required, or Basic with the user `bellwether` and the token as password.
    pub fn new(token: Option<&str>) -> Gate {
        let accepted =
            token.map(|token| [format!("bearer {token}"), format!("basic {}", base64(&format!("bellwether:{token}")))]);
        Gate { accepted, permits: Semaphore::new(REQUESTS_MAX), deadline: DEADLINE }
    }

    fn check(&self, path: &str, headers: &HeaderMap) -> Result<(), Problem> {
        let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if bytes > HEADERS_MAX_BYTES {
            let detail = format!("headers have {bytes} bytes, at most {HEADERS_MAX_BYTES} are accepted");
            return Err(Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, detail));
        }
        let body = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if body.is_some_and(|bytes| bytes > BODY_MAX_BYTES) || headers.contains_key(header::TRANSFER_ENCODING) {
            let detail = format!("a body may have at most {BODY_MAX_BYTES} bytes, told by Content-Length");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        let Some(accepted) = self.accepted.as_ref().filter(|_| !OPEN_PATHS.contains(&path)) else { return Ok(()) };
        let given = headers.get(header::AUTHORIZATION).map_or(&b""[..], |value| value.as_bytes());
        // The scheme's case does not matter (RFC 9110, 11.1); the rest is compared in constant time.
        let scheme = given.iter().position(|&byte| byte == b' ').unwrap_or(0);
        let mut given = given.to_vec();
        given[..scheme].make_ascii_lowercase();
        // `|`, not `||`: both are always compared.
        if same(&given, accepted[0].as_bytes()) | same(&given, accepted[1].as_bytes()) {
            return Ok(());
        }
        let detail = if given.is_empty() { "a bearer token is required" } else { "this token is not accepted" };
        Err(Problem::new(StatusCode::UNAUTHORIZED, detail))
    }
}

/// Lets a request pass or answers it with a problem. A stream's body comes after its response, so the deadline does not end it.
pub(super) async fn pass(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    if let Err(problem) = gate.check(request.uri().path(), request.headers()) {
        return problem.into_response();
    }
    let Ok(_permit) = gate.permits.try_acquire() else {
        let detail = format!("{REQUESTS_MAX} requests are being answered, ask again later");
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response();
    };
    match timeout(gate.deadline, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(StatusCode::GATEWAY_TIMEOUT, "no answer in time").into_response(),
    }
}

/// Compares in a time that depends on the lengths only.
fn same(given: &[u8], expected: &[u8]) -> bool {
    let difference = given.iter().zip(expected).fold(0, |difference, (a, b)| black_box(difference | (a ^ b)));
    given.len() == expected.len() && difference == 0
}

/// RFC 4648 with padding.
fn base64(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::with_capacity(text.len().div_ceil(3) * 4);
    for three in text.as_bytes().chunks(3) {
        let bits = three.iter().fold(0, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - three.len()));
        for digit in 0..4 {
            let sextet = (bits >> (18 - 6 * digit)) & 63;
            encoded.push(if digit <= three.len() { char::from(ALPHABET[sextet as usize]) } else { '=' });
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use axum::{Router, middleware};
    use std::io::{Read, Write};

    #[test]
    fn base64_is_the_standard_one() {
        let cases =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("ü?>", "w7w/Pg==")];
        for (text, encoded) in cases {
            assert_eq!(base64(text), encoded);
        }
    }

    #[test]
    fn same_means_same() {
        assert!(same(b"token", b"token"));
        for given in [&b""[..], b"toke", b"tokens", b"Token"] {
            assert!(!same(given, b"token"));
        }
    }

    /// A gate with a deadline of no time at all and a route that never answers.
    #[test]
    fn a_late_answer_is_a_problem() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = runtime.block_on(async {
            let gate = Arc::new(Gate { deadline: Duration::ZERO, ..Gate::new(None) });
            let router: Router = Router::new()
                .route("/never", get(std::future::pending::<()>))
                .layer(middleware::from_fn_with_state(gate, pass));
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async { axum::serve(listener, router).await });
            tokio::task::spawn_blocking(move || {
                let mut socket = std::net::TcpStream::connect(address).unwrap();
                socket.write_all(b"GET /never HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
                let mut answer = String::new();
                socket.read_to_string(&mut answer).unwrap();
                answer
            })
            .await
            .unwrap()
        });
        assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
    }
}
