//! The control API under `/__fake`: scripts, faults, counts, jobs, clock. JSON in and out; errors are status 400 and text.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::routing::{get, post, put};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::millis;
use crate::faults::{FaultBook, FaultRule};
use crate::report::{self, JobQuery};
use crate::scripts::{ScriptBook, ScriptRule};
use crate::world::World;

type Shared = State<Arc<World>>;
type Answer = Result<Response<Body>, (StatusCode, String)>;

/// What `PUT /__fake/clock` and `POST /__fake/advance` take.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Freeze {
    frozen: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seconds {
    seconds: f64,
}

pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/health", get(async || json_response(&json!({"status": "ok"}))))
        .route("/scripts", get(scripts).put(put_scripts).post(post_scripts).delete(delete_scripts))
        .route("/faults", get(faults).put(put_faults).post(post_faults).delete(delete_faults))
        .route("/calls", get(calls).delete(delete_calls))
        .route("/jobs", get(jobs))
        .route("/clock", get(clock).put(put_clock))
        .route("/advance", post(advance))
        .route("/listing-lag", put(put_listing_lag))
        .route("/reset", post(reset))
}

fn json_response<T: Serialize>(value: &T) -> Answer {
    let body =
        serde_json::to_vec(value).map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

fn done() -> Answer {
    json_response(&json!({}))
}

fn bad(error: impl std::fmt::Display) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, format!("{error}\n"))
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, (StatusCode, String)> {
    serde_json::from_slice(body).map_err(bad)
}

/// A duration of the request, at most ten years.
fn read_seconds(body: &Bytes) -> Result<Duration, (StatusCode, String)> {
    let Seconds { seconds } = read(body)?;
    let in_range =
        Duration::try_from_secs_f64(seconds).ok().filter(|duration| duration.as_secs() <= 315_360_000);
    in_range.ok_or_else(|| bad("'seconds' is out of range"))
}

async fn scripts(State(world): Shared) -> Answer {
    json_response(&world.scripts.lock().rules())
}

async fn put_scripts(State(world): Shared, body: Bytes) -> Answer {
    install_scripts(&world, &body, false)
}

async fn post_scripts(State(world): Shared, body: Bytes) -> Answer {
    install_scripts(&world, &body, true)
}

fn install_scripts(world: &World, body: &Bytes, keep: bool) -> Answer {
    let rules: Vec<ScriptRule> = read(body)?;
    world.scripts.lock().install(rules, keep, world.limits.rules).map_err(bad)?;
    done()
}

async fn delete_scripts(State(world): Shared) -> Answer {
    *world.scripts.lock() = ScriptBook::new();
    done()
}

async fn faults(State(world): Shared) -> Answer {
    json_response(&world.faults.lock().rules())
}

async fn put_faults(State(world): Shared, body: Bytes) -> Answer {
    install_faults(&world, &body, false)
}

async fn post_faults(State(world): Shared, body: Bytes) -> Answer {
    install_faults(&world, &body, true)
}

fn install_faults(world: &World, body: &Bytes, keep: bool) -> Answer {
    let rules: Vec<FaultRule> = read(body)?;
    let now_ms = world.clock.now_ms();
    world.faults.lock().install(rules, keep, world.limits.rules, now_ms).map_err(bad)?;
    done()
}

async fn delete_faults(State(world): Shared) -> Answer {
    *world.faults.lock() = FaultBook::default();
    done()
}

async fn calls(State(world): Shared) -> Answer {
    json_response(&world.calls.report(&world.callers))
}

async fn delete_calls(State(world): Shared) -> Answer {
    world.calls.clear();
    done()
}

async fn jobs(State(world): Shared, RawQuery(query): RawQuery) -> Answer {
    json_response(&report::jobs(&world, &job_query(&query.unwrap_or_default())?))
}

/// `service=batch&name=n&limit=10…` as a [`JobQuery`].
fn job_query(query: &str) -> Result<JobQuery, (StatusCode, String)> {
    let mut members = crate::services::form_input(query.as_bytes());
    if let Some(Value::String(limit)) = members.get("limit") {
        let limit: u32 = limit.parse().map_err(bad)?;
        members.insert("limit".to_owned(), json!(limit));
    }
    serde_json::from_value(Value::Object(members)).map_err(bad)
}

async fn clock(State(world): Shared) -> Answer {
    json_response(&json!({"now": world.clock.now_ms()}))
}

async fn put_clock(State(world): Shared, body: Bytes) -> Answer {
    let Freeze { frozen } = read(&body)?;
    world.clock.freeze(frozen);
    done()
}

async fn advance(State(world): Shared, body: Bytes) -> Answer {
    world.clock.advance(read_seconds(&body)?);
    done()
}

async fn put_listing_lag(State(world): Shared, body: Bytes) -> Answer {
    world.set_listing_lag_ms(millis(read_seconds(&body)?));
    done()
}

async fn reset(State(world): Shared) -> Answer {
    world.reset();
    done()
}
