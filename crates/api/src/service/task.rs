//! Answers to tasks that wait for their token.

use newel_engine::request::{Tenant, TokenReport};
use newel_machine::Fault;
use newel_value::Payload;

use super::Service;
use crate::model::Input;
use crate::refusal::Refusal;

impl Service {
    /// `SendTaskSuccess`
    pub(crate) async fn send_task_success(&self, tenant: &Tenant, input: &Input) -> Result<(), Refusal> {
        let output = Payload::parse(&*input.text("output"))
            .map_err(|error| Refusal::new("InvalidOutput", format!("Invalid Output: '{error}'")))?;
        self.send_task(tenant, input, TokenReport::Success(output)).await
    }

    /// `SendTaskFailure`
    pub(crate) async fn send_task_failure(&self, tenant: &Tenant, input: &Input) -> Result<(), Refusal> {
        let fault = Fault { error: input.optional_text("error"), cause: input.optional_text("cause") };
        self.send_task(tenant, input, TokenReport::Failure(fault)).await
    }

    /// `SendTaskHeartbeat`
    pub(crate) async fn send_task_heartbeat(&self, tenant: &Tenant, input: &Input) -> Result<(), Refusal> {
        self.send_task(tenant, input, TokenReport::Heartbeat).await
    }

    async fn send_task(&self, tenant: &Tenant, input: &Input, report: TokenReport) -> Result<(), Refusal> {
        Ok(self.engine.send_task(tenant, &input.text("taskToken"), report).await?)
    }
}
