//! Executions and their histories.

use newel_asl::Timestamp;
use newel_engine::request::{
    EventBatch, Execution, ExecutionItem, ExecutionsOf, GetHistory, ListExecutions, Page, StartExecution,
    StartedExecution, SyncExecution, Tenant,
};
use newel_machine::{Event, EventId, Fault};
use newel_store::ExecutionStatus;
use newel_value::{Payload, Str};
use tokio::sync::mpsc;

use super::machine::checked_name;
use super::{Named, Service, list, metadata_only, own, told, without_validation};
use crate::model::{Input, Operation};
use crate::refusal::Refusal;

/// A page of a history.
#[derive(Debug)]
pub(crate) struct History {
    /// The events.
    pub(crate) page: Page<Event>,
    /// Whether to tell inputs and outputs.
    pub(crate) include_data: bool,
}

impl Service {
    /// `StartExecution`
    pub(crate) async fn start_execution(
        &self,
        tenant: &Tenant,
        input: &Input,
    ) -> Result<StartedExecution, Refusal> {
        Ok(self.engine.start_execution(self.start(tenant, input)?).await?)
    }

    /// `StartSyncExecution`; the flag says whether to tell input and output.
    pub(crate) async fn start_sync_execution(
        &self,
        tenant: &Tenant,
        input: &Input,
    ) -> Result<(SyncExecution, bool), Refusal> {
        let closed = self.engine.start_sync_execution(self.start(tenant, input)?).await;
        let closed = closed.map_err(without_validation)?;
        Ok((closed, !metadata_only(input)))
    }

    /// What both kinds of start ask for.
    fn start(&self, tenant: &Tenant, input: &Input) -> Result<StartExecution, Refusal> {
        let (state_machine_arn, test_case) = self.started(input);
        own(tenant, &state_machine_arn, Named::StateMachine)?;
        Ok(StartExecution {
            tenant: tenant.clone(),
            state_machine_arn,
            name: input.optional_text("name").map(checked_name).transpose()?,
            input: self.execution_input(input.optional_text("input"))?,
            trace_header: input.optional_text("traceHeader"),
            test_case,
        })
    }

    pub(super) fn execution_input(&self, text: Option<Str>) -> Result<Payload, Refusal> {
        let text = text.as_deref().unwrap_or("{}");
        let invalid = |why: &dyn std::fmt::Display| {
            Refusal::new("InvalidExecutionInput", format!("Invalid State Machine Execution Input: '{why}'"))
        };
        if text.len() > self.limits.payload_bytes {
            return Err(invalid(&"Invalid execution input."));
        }
        Payload::parse(text).map_err(|error| invalid(&error))
    }

    /// `DescribeExecution`; the flag says whether to tell input and output.
    pub(crate) async fn describe_execution(
        &self,
        tenant: &Tenant,
        input: &Input,
    ) -> Result<(Execution, bool), Refusal> {
        let arn = input.text("executionArn");
        own(tenant, &arn, Named::Execution)?;
        let execution = self.engine.describe_execution(tenant, &arn).await?;
        let data = told(execution.withheld.as_ref(), input)?;
        Ok((execution, data))
    }

    /// `StopExecution`
    pub(crate) async fn stop_execution(&self, tenant: &Tenant, input: &Input) -> Result<Timestamp, Refusal> {
        let arn = input.text("executionArn");
        own(tenant, &arn, Named::Execution)?;
        let fault = Fault { error: input.optional_text("error"), cause: input.optional_text("cause") };
        Ok(self.engine.stop_execution(tenant, &arn, fault).await?)
    }

    /// `RedriveExecution`
    pub(crate) async fn redrive_execution(
        &self,
        tenant: &Tenant,
        input: &Input,
    ) -> Result<Timestamp, Refusal> {
        let arn = input.text("executionArn");
        own(tenant, &arn, Named::Execution)?;
        Ok(self.engine.redrive_execution(tenant, &arn, input.optional_text("clientToken")).await?)
    }

    /// `ListExecutions`
    pub(crate) async fn list_executions(
        &self,
        tenant: &Tenant,
        input: &Input,
    ) -> Result<Page<ExecutionItem>, Refusal> {
        let (arn, of) = match (input.optional_text("stateMachineArn"), input.optional_text("mapRunArn")) {
            (Some(arn), None) => {
                own(tenant, &arn, Named::StateMachine)?;
                (arn.clone(), ExecutionsOf::StateMachine(arn))
            }
            (None, Some(arn)) => {
                own(tenant, &arn, Named::Resource)?;
                (arn.clone(), ExecutionsOf::MapRun(arn))
            }
            _ => {
                return Err(Refusal::validation(
                    "Must specify either stateMachineArn or mapRunArn, and not both",
                ));
            }
        };
        let status = input.optional_text("statusFilter");
        let redriven = input.optional_text("redriveFilter");
        let filter = [&*arn, status.as_deref().unwrap_or_default(), redriven.as_deref().unwrap_or_default()];
        let list = list(Operation::ListExecutions, tenant, &filter);
        let (limit, after) = self.page(input, list)?;
        let status = status.as_deref().and_then(ExecutionStatus::from_name);
        let request = ListExecutions {
            tenant: tenant.clone(),
            of,
            status,
            redriven: redriven.as_deref().map(|filter| filter == "REDRIVEN"),
            limit,
            after,
        };
        let page = self.engine.list_executions(request).await?;
        Ok(self.sealed(page, list))
    }

    /// `GetExecutionHistory`
    pub(crate) async fn get_execution_history(
        &self,
        tenant: &Tenant,
        input: &Input,
    ) -> Result<History, Refusal> {
        let arn = input.text("executionArn");
        own(tenant, &arn, Named::Execution)?;
        let reverse = input.flag("reverseOrder", false);
        let include_data = input.flag("includeExecutionData", true);
        let filter = [&*arn, if reverse { "reverse" } else { "forward" }];
        let list = list(Operation::GetExecutionHistory, tenant, &filter);
        let (limit, after) = self.page(input, list)?;
        let request =
            GetHistory { tenant: tenant.clone(), execution_arn: arn.clone(), reverse, limit, after };
        let page = self.engine.get_history(request).await?;
        Ok(History { page: self.sealed(page, list), include_data })
    }

    /// The events of an execution as they become durable.
    pub(crate) async fn watch_execution(
        &self,
        tenant: &Tenant,
        arn: &str,
        after: EventId,
    ) -> Result<mpsc::Receiver<Result<EventBatch, newel_engine::Error>>, Refusal> {
        own(tenant, arn, Named::Execution)?;
        Ok(self.engine.watch_execution(tenant, arn, after).await?)
    }
}
