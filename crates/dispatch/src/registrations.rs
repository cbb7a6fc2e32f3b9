//! The resources that a worker brings along in its Hello.

use std::sync::Arc;

use newel_engine::{Error, ErrorKind, Pattern, Registration};
use newel_proto::worker::v1 as wire;
use newel_value::Str;
use tonic::Status;

use crate::hub::Hub;

/// The wire's patterns and the language's, in the order in which they are kept.
const PATTERNS: [(wire::TaskPattern, Pattern); 3] = [
    (wire::TaskPattern::RequestResponse, Pattern::RequestResponse),
    (wire::TaskPattern::Sync, Pattern::Job(1)),
    (wire::TaskPattern::WaitForTaskToken, Pattern::Callback),
];

/// What a family's worker registers. Patterns that a later release may have are passed over.
pub(crate) fn registrations(family: &Str, hello: &mut wire::Hello) -> Vec<Registration> {
    let registration = |resource: wire::ResourceRegistration| {
        let named: Vec<_> = resource.patterns().collect();
        Registration {
            service: resource.service.into(),
            action: resource.action.into(),
            family: Arc::clone(family),
            patterns: PATTERNS.into_iter().filter(|(wire, _)| named.contains(wire)).map(|(_, p)| p).collect(),
            schema: resource.parameters_schema.into(),
        }
    };
    std::mem::take(&mut hello.registrations).into_iter().map(registration).collect()
}

/// What a worker is told whose registration is refused.
fn refused(error: Error) -> Status {
    match error.kind {
        ErrorKind::Validation => Status::invalid_argument(error.message),
        ErrorKind::Conflict => Status::already_exists(error.message),
        ErrorKind::ServiceQuotaExceeded => Status::resource_exhausted(error.message),
        _ => Status::unavailable(error.message),
    }
}

impl Hub {
    /// Has the engine keep what a worker brings along.
    pub(crate) async fn register(&self, registrations: Vec<Registration>) -> Result<(), Status> {
        if registrations.is_empty() {
            return Ok(());
        }
        let Some(engine) = self.engine() else {
            return Err(Status::unavailable("the orchestrator is starting or stopping"));
        };
        engine.register(registrations).await.map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_kept_once_and_in_order_and_unknown_ones_are_passed_over() {
        let (sync, call) = (wire::TaskPattern::Sync as i32, wire::TaskPattern::RequestResponse as i32);
        let resource = wire::ResourceRegistration {
            service: "acme".into(),
            action: "render".into(),
            patterns: vec![sync, 99, call, sync],
            parameters_schema: "{}".into(),
        };
        let mut hello = wire::Hello { registrations: vec![resource], ..wire::Hello::default() };
        let found = registrations(&"acme".into(), &mut hello);
        assert_eq!(
            found,
            [Registration {
                service: "acme".into(),
                action: "render".into(),
                family: "acme".into(),
                patterns: vec![Pattern::RequestResponse, Pattern::Job(1)],
                schema: "{}".into(),
            }]
        );
    }

    #[test]
    fn a_worker_can_tell_what_to_do_about_a_refusal() {
        for (kind, code) in [
            (ErrorKind::Validation, tonic::Code::InvalidArgument),
            (ErrorKind::Conflict, tonic::Code::AlreadyExists),
            (ErrorKind::ServiceQuotaExceeded, tonic::Code::ResourceExhausted),
            (ErrorKind::Unavailable, tonic::Code::Unavailable),
        ] {
            assert_eq!(refused(Error::new(kind, "why")).code(), code);
        }
    }
}
