//! Map runs.

use newel_engine::request::{MapRun, MapRunItem, Page, Tenant, UpdateMapRun};

use super::{Named, Service, list, own};
use crate::model::{Input, Operation};
use crate::refusal::Refusal;

impl Service {
    /// `DescribeMapRun`
    pub(crate) async fn describe_map_run(&self, tenant: &Tenant, input: &Input) -> Result<MapRun, Refusal> {
        let arn = input.text("mapRunArn");
        own(tenant, &arn, Named::Resource)?;
        Ok(self.engine.describe_map_run(tenant, &arn).await?)
    }

    /// `ListMapRuns`
    pub(crate) async fn list_map_runs(
        &self,
        tenant: &Tenant,
        input: &Input,
    ) -> Result<Page<MapRunItem>, Refusal> {
        let arn = input.text("executionArn");
        own(tenant, &arn, Named::Execution)?;
        let filter = [&*arn];
        let list = list(Operation::ListMapRuns, tenant, &filter);
        let (limit, after) = self.page(input, list)?;
        let page = self.engine.list_map_runs(tenant, &arn, limit, after.as_deref()).await?;
        Ok(self.sealed(page, list))
    }

    /// `UpdateMapRun`
    pub(crate) async fn update_map_run(&self, tenant: &Tenant, input: &Input) -> Result<(), Refusal> {
        let arn = input.text("mapRunArn");
        own(tenant, &arn, Named::Resource)?;
        let count = |member| input.integer(member).and_then(|number| u64::try_from(number).ok());
        let update = UpdateMapRun {
            max_concurrency: count("maxConcurrency"),
            tolerated_failure_percentage: input.float("toleratedFailurePercentage"),
            tolerated_failure_count: count("toleratedFailureCount"),
        };
        if update == UpdateMapRun::default() {
            return Err(Refusal::validation(
                "Either maxConcurrency, toleratedFailurePercentage, or toleratedFailureCount must be specified",
            )
            .because("MISSING_REQUIRED_PARAMETER"));
        }
        Ok(self.engine.update_map_run(tenant, &arn, update).await?)
    }
}
