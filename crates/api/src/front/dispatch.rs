//! Which operation answers how.

use newel_engine::request::Tenant;

use super::render;
use crate::model::{Input, Operation};
use crate::refusal::Refusal;
use crate::service::Service;

/// Carries out an operation and writes its answer.
pub(crate) async fn dispatch(
    service: &Service,
    operation: Operation,
    tenant: &Tenant,
    input: &Input,
) -> Result<String, Refusal> {
    Ok(match operation {
        Operation::CreateStateMachine => render::created(&service.create_state_machine(tenant, input).await?),
        Operation::UpdateStateMachine => render::updated(&service.update_state_machine(tenant, input).await?),
        Operation::DescribeStateMachine => {
            let (machine, definition) = service.describe_state_machine(tenant, input).await?;
            render::machine(&machine, definition)
        }
        Operation::DescribeStateMachineForExecution => {
            let (machine, definition) = service.describe_state_machine_for_execution(tenant, input).await?;
            render::machine_of_execution(&machine, definition)
        }
        Operation::DeleteStateMachine => {
            service.delete_state_machine(tenant, input).await?;
            render::nothing()
        }
        Operation::ListStateMachines => render::machines(&service.list_state_machines(tenant, input).await?),
        Operation::StartExecution => render::started(&service.start_execution(tenant, input).await?),
        Operation::StartSyncExecution => {
            let (execution, data) = service.start_sync_execution(tenant, input).await?;
            render::sync(&execution, data)
        }
        Operation::DescribeExecution => {
            let (execution, data) = service.describe_execution(tenant, input).await?;
            render::execution(&execution, data)
        }
        Operation::StopExecution => render::stopped(service.stop_execution(tenant, input).await?),
        Operation::RedriveExecution => render::redriven(service.redrive_execution(tenant, input).await?),
        Operation::DescribeMapRun => render::map_run(&service.describe_map_run(tenant, input).await?),
        Operation::ListMapRuns => render::map_runs(&service.list_map_runs(tenant, input).await?),
        Operation::UpdateMapRun => {
            service.update_map_run(tenant, input).await?;
            render::nothing()
        }
        Operation::ListExecutions => render::executions(&service.list_executions(tenant, input).await?),
        Operation::GetExecutionHistory => {
            render::history(&service.get_execution_history(tenant, input).await?)
        }
        Operation::SendTaskSuccess => {
            service.send_task_success(tenant, input).await?;
            render::nothing()
        }
        Operation::SendTaskFailure => {
            service.send_task_failure(tenant, input).await?;
            render::nothing()
        }
        Operation::SendTaskHeartbeat => {
            service.send_task_heartbeat(tenant, input).await?;
            render::nothing()
        }
        Operation::TestState => {
            let (tested, level) = service.test_state(tenant, input).await?;
            render::tested(&tested, level)
        }
        Operation::ValidateStateMachineDefinition => {
            render::verdict(&service.validate_definition(tenant, input).await?)
        }
        Operation::TagResource => {
            service.tag_resource(tenant, input).await?;
            render::nothing()
        }
        Operation::UntagResource => {
            service.untag_resource(tenant, input).await?;
            render::nothing()
        }
        Operation::ListTagsForResource => render::tags(&service.list_tags_for_resource(tenant, input).await?),
        Operation::PublishStateMachineVersion => {
            render::published(&service.publish_state_machine_version(tenant, input).await?)
        }
        Operation::ListStateMachineVersions => {
            render::versions(&service.list_state_machine_versions(tenant, input).await?)
        }
        Operation::DeleteStateMachineVersion => {
            service.delete_state_machine_version(tenant, input).await?;
            render::nothing()
        }
        Operation::CreateStateMachineAlias => {
            render::created_alias(&service.create_state_machine_alias(tenant, input).await?)
        }
        Operation::UpdateStateMachineAlias => {
            render::changed(service.update_state_machine_alias(tenant, input).await?)
        }
        Operation::DescribeStateMachineAlias => {
            render::alias(&service.describe_state_machine_alias(tenant, input).await?)
        }
        Operation::DeleteStateMachineAlias => {
            service.delete_state_machine_alias(tenant, input).await?;
            render::nothing()
        }
        Operation::ListStateMachineAliases => {
            render::aliases(&service.list_state_machine_aliases(tenant, input).await?)
        }
        Operation::CreateActivity => render::created_activity(&service.create_activity(tenant, input).await?),
        Operation::DescribeActivity => render::activity(&service.describe_activity(tenant, input).await?),
        Operation::DeleteActivity => {
            service.delete_activity(tenant, input).await?;
            render::nothing()
        }
        Operation::ListActivities => render::activities(&service.list_activities(tenant, input).await?),
        Operation::GetActivityTask => {
            render::activity_task(service.get_activity_task(tenant, input).await?.as_ref())
        }
    })
}
