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
        Operation::CreateActivity
        | Operation::CreateStateMachineAlias
        | Operation::DeleteActivity
        | Operation::DeleteStateMachineAlias
        | Operation::DeleteStateMachineVersion
        | Operation::DescribeActivity
        | Operation::DescribeMapRun
        | Operation::DescribeStateMachineAlias
        | Operation::GetActivityTask
        | Operation::ListActivities
        | Operation::ListMapRuns
        | Operation::ListStateMachineAliases
        | Operation::ListStateMachineVersions
        | Operation::PublishStateMachineVersion
        | Operation::RedriveExecution
        | Operation::UpdateMapRun
        | Operation::UpdateStateMachineAlias => {
            let message = format!("Newel does not serve {} yet", operation.name());
            return Err(Refusal::new("UnknownOperationException", message));
        }
    })
}
