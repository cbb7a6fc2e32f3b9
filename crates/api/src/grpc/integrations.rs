//! `newel.v1.IntegrationsService`: what workers serve.

use std::sync::Arc;
use std::time::Instant;

use newel_engine::{Pattern, Registration, Workflows};
use newel_proto::v1::integrations_service_server::IntegrationsService;
use newel_proto::v1::{self as pb};
use tonic::{Request, Response, Status};

use crate::GrpcAuth;
use crate::metrics::Metrics;
use crate::refusal::Refusal;

/// The service. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Integrations {
    engine: Arc<dyn Workflows>,
    auth: GrpcAuth,
    metrics: Metrics,
}

impl Integrations {
    pub(crate) const fn new(engine: Arc<dyn Workflows>, auth: GrpcAuth, metrics: Metrics) -> Self {
        Self { engine, auth, metrics }
    }

    async fn remove(&self, request: &pb::RemoveIntegrationRequest) -> Result<Vec<Registration>, Refusal> {
        if request.service.is_empty() || request.action.as_ref().is_some_and(String::is_empty) {
            return Err(Refusal::validation("Name a service, and an action or none"));
        }
        Ok(self.engine.remove_registrations(&request.service, request.action.as_deref()).await?)
    }
}

fn arn(registration: &Registration) -> String {
    format!("arn:aws:states:::{}:{}", registration.service, registration.action)
}

const fn pattern(pattern: Pattern) -> pb::IntegrationPattern {
    match pattern {
        Pattern::RequestResponse => pb::IntegrationPattern::RequestResponse,
        Pattern::Job(_) => pb::IntegrationPattern::Sync,
        Pattern::Callback => pb::IntegrationPattern::WaitForTaskToken,
    }
}

#[tonic::async_trait]
impl IntegrationsService for Integrations {
    async fn list_integrations(
        &self,
        request: Request<pb::ListIntegrationsRequest>,
    ) -> Result<Response<pb::ListIntegrationsResponse>, Status> {
        let begun = Instant::now();
        self.auth.client(request.metadata())?;
        let served = self.engine.served();
        let families = served.families.iter().map(|known| pb::WorkerFamily {
            family: known.family.to_string(),
            workers: u32::try_from(known.workers).unwrap_or(u32::MAX),
            queued: known.queued as u64,
        });
        let resources = served.registered.iter().map(|known| pb::RegisteredResource {
            resource: arn(known),
            family: known.family.to_string(),
            patterns: known.patterns.iter().map(|&known| pattern(known).into()).collect(),
            parameters_schema: known.schema.to_string(),
        });
        let answer =
            pb::ListIntegrationsResponse { families: families.collect(), resources: resources.collect() };
        self.metrics.call("grpc", "ListIntegrations", "ok", begun.elapsed());
        Ok(Response::new(answer))
    }

    async fn remove_integration(
        &self,
        request: Request<pb::RemoveIntegrationRequest>,
    ) -> Result<Response<pb::RemoveIntegrationResponse>, Status> {
        let begun = Instant::now();
        self.auth.operator(request.metadata())?;
        let removed = self.remove(request.get_ref()).await;
        let outcome = removed.as_ref().map_or_else(|refusal| refusal.name, |_| "ok");
        self.metrics.call("grpc", "RemoveIntegration", outcome, begun.elapsed());
        let resources = removed?.iter().map(arn).collect();
        Ok(Response::new(pb::RemoveIntegrationResponse { resources }))
    }
}
