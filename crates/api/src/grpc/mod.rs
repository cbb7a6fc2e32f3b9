//! `newel.v1.WorkflowsService`: the same operations as messages; `newel.v1.IntegrationsService` in a module of its own.

mod convert;
mod event;
mod integrations;
mod members;
mod watch;

use std::time::{Duration, Instant};

use newel_engine::request::Tenant;
use newel_proto::v1::workflows_service_server::WorkflowsService;
use newel_proto::v1::{self as pb};
use newel_runtime::propagation::{TRACEPARENT, set_parent};
use newel_value::Object;
use tokio::time::timeout;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};
use tracing::Instrument as _;

pub(crate) use integrations::Integrations;

use crate::GrpcAuth;
use crate::metrics::Metrics;
use crate::model::{Input, Operation};
use crate::refusal::Refusal;
use crate::service::Service;

/// The service. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Workflows {
    service: Service,
    auth: GrpcAuth,
    metrics: Metrics,
    call_timeout: Duration,
}

impl Workflows {
    pub(crate) const fn new(
        service: Service,
        auth: GrpcAuth,
        metrics: Metrics,
        call_timeout: Duration,
    ) -> Self {
        Self { service, auth, metrics, call_timeout }
    }

    /// Carries out an operation: who, shape, meaning, answer. `call` gets what the first two give.
    async fn call<T>(
        &self,
        operation: Operation,
        metadata: &MetadataMap,
        members: Object,
        call: impl AsyncFnOnce(&Service, &Tenant, &Input) -> Result<T, Refusal>,
    ) -> Result<Response<T>, Status> {
        let begun = Instant::now();
        let tenant = self.auth.client(metadata)?;
        let span = tracing::info_span!(
            "grpc",
            operation = operation.name(),
            account = &*tenant.account,
            region = &*tenant.region
        );
        if let Some(parent) = metadata.get(TRACEPARENT).and_then(|value| value.to_str().ok()) {
            set_parent(&span, parent);
        }
        let answered = async {
            let input = Input::new(operation, members, self.service.limits())?;
            self.service.admit(&tenant, operation, &input).await?;
            let limit = self.service.call_timeout(Some(operation), self.call_timeout);
            let Ok(result) = timeout(limit, call(&self.service, &tenant, &input)).await else {
                return Err(Refusal::new("RequestTimeoutException", "The request took too long"));
            };
            result
        }
        .instrument(span)
        .await;
        let outcome = answered.as_ref().map_or_else(|refusal| refusal.name, |_| "ok");
        self.metrics.call("grpc", operation.name(), outcome, begun.elapsed());
        answered.map(Response::new).map_err(Status::from)
    }
}

/// Methods that differ in their operation, their call and how its answer is converted.
macro_rules! unary {
    ($self:ident, $request:ident, $operation:ident, |$service:ident, $tenant:ident, $input:ident| $answer:expr) => {{
        let (metadata, _, message) = $request.into_parts();
        $self
            .call(
                Operation::$operation,
                &metadata,
                members::Members::members(message),
                async |$service, $tenant, $input| Ok($answer),
            )
            .await
    }};
}

#[tonic::async_trait]
impl WorkflowsService for Workflows {
    type WatchExecutionStream = watch::Stream;

    async fn create_state_machine(
        &self,
        request: Request<pb::CreateStateMachineRequest>,
    ) -> Result<Response<pb::CreateStateMachineResponse>, Status> {
        unary!(self, request, CreateStateMachine, |service, tenant, input| {
            let created = service.create_state_machine(tenant, input).await?;
            pb::CreateStateMachineResponse {
                state_machine_arn: created.arn.to_string(),
                creation_date: Some(convert::instant(created.created_at)),
                state_machine_version_arn: created.version_arn.as_deref().map(str::to_owned),
            }
        })
    }

    async fn update_state_machine(
        &self,
        request: Request<pb::UpdateStateMachineRequest>,
    ) -> Result<Response<pb::UpdateStateMachineResponse>, Status> {
        unary!(self, request, UpdateStateMachine, |service, tenant, input| {
            let updated = service.update_state_machine(tenant, input).await?;
            pb::UpdateStateMachineResponse {
                update_date: Some(convert::instant(updated.updated_at)),
                revision_id: updated.revision_id.as_deref().map(str::to_owned),
                state_machine_version_arn: updated.version_arn.as_deref().map(str::to_owned),
            }
        })
    }

    async fn describe_state_machine(
        &self,
        request: Request<pb::DescribeStateMachineRequest>,
    ) -> Result<Response<pb::DescribeStateMachineResponse>, Status> {
        unary!(self, request, DescribeStateMachine, |service, tenant, input| {
            let (machine, definition) = service.describe_state_machine(tenant, input).await?;
            convert::machine(&machine, definition)
        })
    }

    async fn delete_state_machine(
        &self,
        request: Request<pb::DeleteStateMachineRequest>,
    ) -> Result<Response<pb::DeleteStateMachineResponse>, Status> {
        unary!(self, request, DeleteStateMachine, |service, tenant, input| {
            service.delete_state_machine(tenant, input).await?;
            pb::DeleteStateMachineResponse {}
        })
    }

    async fn publish_state_machine_version(
        &self,
        request: Request<pb::PublishStateMachineVersionRequest>,
    ) -> Result<Response<pb::PublishStateMachineVersionResponse>, Status> {
        unary!(self, request, PublishStateMachineVersion, |service, tenant, input| {
            convert::published(&service.publish_state_machine_version(tenant, input).await?)
        })
    }

    async fn list_state_machine_versions(
        &self,
        request: Request<pb::ListStateMachineVersionsRequest>,
    ) -> Result<Response<pb::ListStateMachineVersionsResponse>, Status> {
        unary!(self, request, ListStateMachineVersions, |service, tenant, input| {
            convert::versions(service.list_state_machine_versions(tenant, input).await?)
        })
    }

    async fn delete_state_machine_version(
        &self,
        request: Request<pb::DeleteStateMachineVersionRequest>,
    ) -> Result<Response<pb::DeleteStateMachineVersionResponse>, Status> {
        unary!(self, request, DeleteStateMachineVersion, |service, tenant, input| {
            service.delete_state_machine_version(tenant, input).await?;
            pb::DeleteStateMachineVersionResponse {}
        })
    }

    async fn create_state_machine_alias(
        &self,
        request: Request<pb::CreateStateMachineAliasRequest>,
    ) -> Result<Response<pb::CreateStateMachineAliasResponse>, Status> {
        unary!(self, request, CreateStateMachineAlias, |service, tenant, input| {
            convert::created_alias(&service.create_state_machine_alias(tenant, input).await?)
        })
    }

    async fn update_state_machine_alias(
        &self,
        request: Request<pb::UpdateStateMachineAliasRequest>,
    ) -> Result<Response<pb::UpdateStateMachineAliasResponse>, Status> {
        unary!(self, request, UpdateStateMachineAlias, |service, tenant, input| {
            let at = service.update_state_machine_alias(tenant, input).await?;
            pb::UpdateStateMachineAliasResponse { update_date: Some(convert::instant(at)) }
        })
    }

    async fn describe_state_machine_alias(
        &self,
        request: Request<pb::DescribeStateMachineAliasRequest>,
    ) -> Result<Response<pb::DescribeStateMachineAliasResponse>, Status> {
        unary!(self, request, DescribeStateMachineAlias, |service, tenant, input| {
            convert::alias(service.describe_state_machine_alias(tenant, input).await?)
        })
    }

    async fn delete_state_machine_alias(
        &self,
        request: Request<pb::DeleteStateMachineAliasRequest>,
    ) -> Result<Response<pb::DeleteStateMachineAliasResponse>, Status> {
        unary!(self, request, DeleteStateMachineAlias, |service, tenant, input| {
            service.delete_state_machine_alias(tenant, input).await?;
            pb::DeleteStateMachineAliasResponse {}
        })
    }

    async fn list_state_machine_aliases(
        &self,
        request: Request<pb::ListStateMachineAliasesRequest>,
    ) -> Result<Response<pb::ListStateMachineAliasesResponse>, Status> {
        unary!(self, request, ListStateMachineAliases, |service, tenant, input| {
            convert::aliases(service.list_state_machine_aliases(tenant, input).await?)
        })
    }

    async fn create_activity(
        &self,
        request: Request<pb::CreateActivityRequest>,
    ) -> Result<Response<pb::CreateActivityResponse>, Status> {
        unary!(self, request, CreateActivity, |service, tenant, input| {
            let activity = service.create_activity(tenant, input).await?;
            pb::CreateActivityResponse {
                activity_arn: activity.arn.to_string(),
                creation_date: Some(convert::instant(activity.created_at)),
            }
        })
    }

    async fn describe_activity(
        &self,
        request: Request<pb::DescribeActivityRequest>,
    ) -> Result<Response<pb::DescribeActivityResponse>, Status> {
        unary!(self, request, DescribeActivity, |service, tenant, input| {
            convert::activity(&service.describe_activity(tenant, input).await?)
        })
    }

    async fn delete_activity(
        &self,
        request: Request<pb::DeleteActivityRequest>,
    ) -> Result<Response<pb::DeleteActivityResponse>, Status> {
        unary!(self, request, DeleteActivity, |service, tenant, input| {
            service.delete_activity(tenant, input).await?;
            pb::DeleteActivityResponse {}
        })
    }

    async fn list_activities(
        &self,
        request: Request<pb::ListActivitiesRequest>,
    ) -> Result<Response<pb::ListActivitiesResponse>, Status> {
        unary!(self, request, ListActivities, |service, tenant, input| {
            convert::activities(service.list_activities(tenant, input).await?)
        })
    }

    async fn get_activity_task(
        &self,
        request: Request<pb::GetActivityTaskRequest>,
    ) -> Result<Response<pb::GetActivityTaskResponse>, Status> {
        unary!(self, request, GetActivityTask, |service, tenant, input| {
            let task = service.get_activity_task(tenant, input).await?;
            pb::GetActivityTaskResponse {
                task_token: task.as_ref().map(|task| task.token.to_string()),
                input: task.map(|task| task.input.text().to_owned()),
            }
        })
    }

    async fn list_state_machines(
        &self,
        request: Request<pb::ListStateMachinesRequest>,
    ) -> Result<Response<pb::ListStateMachinesResponse>, Status> {
        unary!(self, request, ListStateMachines, |service, tenant, input| {
            convert::machines(service.list_state_machines(tenant, input).await?)
        })
    }

    async fn validate_state_machine_definition(
        &self,
        request: Request<pb::ValidateStateMachineDefinitionRequest>,
    ) -> Result<Response<pb::ValidateStateMachineDefinitionResponse>, Status> {
        unary!(self, request, ValidateStateMachineDefinition, |service, tenant, input| {
            convert::verdict(service.validate_definition(tenant, input).await?)
        })
    }

    async fn test_state(
        &self,
        request: Request<pb::TestStateRequest>,
    ) -> Result<Response<pb::TestStateResponse>, Status> {
        unary!(self, request, TestState, |service, tenant, input| {
            let (tested, level) = service.test_state(tenant, input).await?;
            convert::tested(&tested, level)
        })
    }

    async fn start_execution(
        &self,
        request: Request<pb::StartExecutionRequest>,
    ) -> Result<Response<pb::StartExecutionResponse>, Status> {
        unary!(self, request, StartExecution, |service, tenant, input| {
            let started = service.start_execution(tenant, input).await?;
            pb::StartExecutionResponse {
                execution_arn: started.arn.to_string(),
                start_date: Some(convert::instant(started.started_at)),
            }
        })
    }

    async fn start_sync_execution(
        &self,
        request: Request<pb::StartSyncExecutionRequest>,
    ) -> Result<Response<pb::StartSyncExecutionResponse>, Status> {
        unary!(self, request, StartSyncExecution, |service, tenant, input| {
            let (execution, data) = service.start_sync_execution(tenant, input).await?;
            convert::sync(execution, data)
        })
    }

    async fn describe_execution(
        &self,
        request: Request<pb::DescribeExecutionRequest>,
    ) -> Result<Response<pb::DescribeExecutionResponse>, Status> {
        unary!(self, request, DescribeExecution, |service, tenant, input| {
            let (execution, data) = service.describe_execution(tenant, input).await?;
            convert::execution(&execution, data)
        })
    }

    async fn describe_state_machine_for_execution(
        &self,
        request: Request<pb::DescribeStateMachineForExecutionRequest>,
    ) -> Result<Response<pb::DescribeStateMachineForExecutionResponse>, Status> {
        unary!(self, request, DescribeStateMachineForExecution, |service, tenant, input| {
            let (machine, definition) = service.describe_state_machine_for_execution(tenant, input).await?;
            convert::machine_of_execution(&machine, definition)
        })
    }

    async fn stop_execution(
        &self,
        request: Request<pb::StopExecutionRequest>,
    ) -> Result<Response<pb::StopExecutionResponse>, Status> {
        unary!(self, request, StopExecution, |service, tenant, input| {
            let at = service.stop_execution(tenant, input).await?;
            pb::StopExecutionResponse { stop_date: Some(convert::instant(at)) }
        })
    }

    async fn redrive_execution(
        &self,
        request: Request<pb::RedriveExecutionRequest>,
    ) -> Result<Response<pb::RedriveExecutionResponse>, Status> {
        unary!(self, request, RedriveExecution, |service, tenant, input| {
            let at = service.redrive_execution(tenant, input).await?;
            pb::RedriveExecutionResponse { redrive_date: Some(convert::instant(at)) }
        })
    }

    async fn describe_map_run(
        &self,
        request: Request<pb::DescribeMapRunRequest>,
    ) -> Result<Response<pb::DescribeMapRunResponse>, Status> {
        unary!(self, request, DescribeMapRun, |service, tenant, input| {
            convert::map_run(&service.describe_map_run(tenant, input).await?)
        })
    }

    async fn list_map_runs(
        &self,
        request: Request<pb::ListMapRunsRequest>,
    ) -> Result<Response<pb::ListMapRunsResponse>, Status> {
        unary!(self, request, ListMapRuns, |service, tenant, input| {
            convert::map_runs(service.list_map_runs(tenant, input).await?)
        })
    }

    async fn update_map_run(
        &self,
        request: Request<pb::UpdateMapRunRequest>,
    ) -> Result<Response<pb::UpdateMapRunResponse>, Status> {
        unary!(self, request, UpdateMapRun, |service, tenant, input| {
            service.update_map_run(tenant, input).await?;
            pb::UpdateMapRunResponse {}
        })
    }

    async fn list_executions(
        &self,
        request: Request<pb::ListExecutionsRequest>,
    ) -> Result<Response<pb::ListExecutionsResponse>, Status> {
        unary!(self, request, ListExecutions, |service, tenant, input| {
            convert::executions(service.list_executions(tenant, input).await?)
        })
    }

    async fn get_execution_history(
        &self,
        request: Request<pb::GetExecutionHistoryRequest>,
    ) -> Result<Response<pb::GetExecutionHistoryResponse>, Status> {
        unary!(self, request, GetExecutionHistory, |service, tenant, input| {
            let history = service.get_execution_history(tenant, input).await?;
            pb::GetExecutionHistoryResponse {
                events: history.page.items.iter().map(|e| event::event(e, history.include_data)).collect(),
                next_token: history.page.next,
            }
        })
    }

    async fn watch_execution(
        &self,
        request: Request<pb::WatchExecutionRequest>,
    ) -> Result<Response<Self::WatchExecutionStream>, Status> {
        let (metadata, _, message) = request.into_parts();
        let (after, data) = (message.after_event_id, message.include_execution_data.unwrap_or(true));
        let members = members::execution_arn(message.execution_arn);
        self.call(Operation::GetExecutionHistory, &metadata, members, async |service, tenant, input| {
            let arn = input.text("executionArn");
            Ok(watch::stream(service.watch_execution(tenant, &arn, after).await?, data))
        })
        .await
    }

    async fn send_task_success(
        &self,
        request: Request<pb::SendTaskSuccessRequest>,
    ) -> Result<Response<pb::SendTaskSuccessResponse>, Status> {
        unary!(self, request, SendTaskSuccess, |service, tenant, input| {
            service.send_task_success(tenant, input).await?;
            pb::SendTaskSuccessResponse {}
        })
    }

    async fn send_task_failure(
        &self,
        request: Request<pb::SendTaskFailureRequest>,
    ) -> Result<Response<pb::SendTaskFailureResponse>, Status> {
        unary!(self, request, SendTaskFailure, |service, tenant, input| {
            service.send_task_failure(tenant, input).await?;
            pb::SendTaskFailureResponse {}
        })
    }

    async fn send_task_heartbeat(
        &self,
        request: Request<pb::SendTaskHeartbeatRequest>,
    ) -> Result<Response<pb::SendTaskHeartbeatResponse>, Status> {
        unary!(self, request, SendTaskHeartbeat, |service, tenant, input| {
            service.send_task_heartbeat(tenant, input).await?;
            pb::SendTaskHeartbeatResponse {}
        })
    }

    async fn tag_resource(
        &self,
        request: Request<pb::TagResourceRequest>,
    ) -> Result<Response<pb::TagResourceResponse>, Status> {
        unary!(self, request, TagResource, |service, tenant, input| {
            service.tag_resource(tenant, input).await?;
            pb::TagResourceResponse {}
        })
    }

    async fn untag_resource(
        &self,
        request: Request<pb::UntagResourceRequest>,
    ) -> Result<Response<pb::UntagResourceResponse>, Status> {
        unary!(self, request, UntagResource, |service, tenant, input| {
            service.untag_resource(tenant, input).await?;
            pb::UntagResourceResponse {}
        })
    }

    async fn list_tags_for_resource(
        &self,
        request: Request<pb::ListTagsForResourceRequest>,
    ) -> Result<Response<pb::ListTagsForResourceResponse>, Status> {
        unary!(self, request, ListTagsForResource, |service, tenant, input| {
            convert::tags(service.list_tags_for_resource(tenant, input).await?)
        })
    }
}
