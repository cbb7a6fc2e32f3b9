//! The HTTP server: reads a call, meets its fault, carries it out, answers.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, Response, Uri};

use crate::connection::{Cut, CuttableListener};
use crate::control;
use crate::faults::{FaultKind, FaultRule};
use crate::identity::{Caller, Scope};
use crate::services::{Call, CommonErrors, Outcome, Refusal, Routed, route};
use crate::wire::{Failure, Protocol, respond};
use crate::world::World;

/// Room for the largest payloads that raised limits let through.
const MAX_BODY: usize = 8 * 1024 * 1024;

/// Serves AWS calls and the control API until `stopped`.
pub(crate) async fn serve(
    listener: CuttableListener,
    world: Arc<World>,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let router = Router::new()
        .nest("/__fake", control::router())
        .fallback(aws_call)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(world);
    axum::serve(listener, router.into_make_service_with_connect_info::<Cut>())
        .with_graceful_shutdown(stopped)
        .await
}

async fn aws_call(
    State(world): State<Arc<World>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let request_id = world.request_id();
    match identify(&world, &method, &uri, &headers, &body) {
        Ok((caller, routed)) => {
            let Effect { outcome, answered, delay } = carry_out(&world, &caller, &routed, &body);
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            if !answered {
                cut.now();
            }
            respond(routed.model.protocol, routed.operation.name, &request_id, outcome)
        }
        Err(refusal) => respond(refusal.protocol, "", &request_id, Err(refusal.failure)),
    }
}

/// Whose call it is, and which.
fn identify(
    world: &World,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(Arc<Caller>, Routed), Box<Refusal>> {
    let refuse = |protocol, failure| Box::new(Refusal { protocol, failure });
    let scope = Scope::of(headers).map_err(|failure| refuse(Protocol::RestJson, failure))?;
    let routed = route(&scope, method, uri.path(), headers, body)?;
    let caller = world.callers.identify(&scope).map_err(|failure| refuse(routed.model.protocol, failure))?;
    Ok((caller, routed))
}

/// What became of a call.
struct Effect {
    outcome: Outcome,
    /// Whether the peer learns of it.
    answered: bool,
    delay: Duration,
}

fn carry_out(world: &World, caller: &Arc<Caller>, routed: &Routed, body: &[u8]) -> Effect {
    let now_ms = world.clock.now_ms();
    let Routed { model, operation, input } = routed;
    // The body was read as JSON or as a form, so it is text where an operation looks at it again.
    let body = std::str::from_utf8(body).unwrap_or_default();
    let call = Call { world, caller, model, operation, input, body, now_ms };
    world.calls.arrived(caller, operation, model.service, call.item_count(), now_ms);
    let fault = world.faults.lock().take(&call.subject(), now_ms);
    let delay = fault.as_ref().map_or(Duration::ZERO, |fault| Duration::from_secs_f64(fault.delay));
    let answered = !matches!(&fault, Some(f) if matches!(f.kind, FaultKind::Reset | FaultKind::LostAnswer));
    let faulty = fault.is_some();
    let outcome = match fault {
        None => (operation.run)(&call),
        Some(fault) => suffer(fault, &model.errors, &call),
    };
    if faulty || outcome.is_err() {
        world.calls.went_wrong(caller, operation, model.service, faulty, outcome.is_err());
    }
    Effect { outcome, answered, delay }
}

/// The outcome of a call that meets a fault.
fn suffer(fault: FaultRule, errors: &CommonErrors, call: &Call<'_>) -> Outcome {
    let (status, code, message) = match fault.kind {
        FaultKind::LostAnswer | FaultKind::Latency => return (call.operation.run)(call),
        FaultKind::Answer => return Ok(fault.body.unwrap_or_default()),
        FaultKind::Throttle => errors.throttled,
        FaultKind::ServerError | FaultKind::Reset => errors.internal,
        FaultKind::Denied => errors.denied,
        FaultKind::Error => (400, "ClientException", "injected"),
    };
    let mut failure = Failure::new(fault.status.unwrap_or(status), code, message);
    if let Some(code) = fault.code {
        failure.code = code.into();
    }
    if let Some(message) = fault.message {
        failure.message = message.into();
    }
    Err(failure)
}
