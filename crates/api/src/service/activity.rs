//! Activities.

use newel_engine::request::{Activity, ActivityTask, CreateActivity, GetActivityTask, Page, Tenant};

use super::configuration::checked_encryption;
use super::machine::checked_name;
use super::tags::checked_tags;
use super::{Named, Service, list, own};
use crate::model::{Input, Operation};
use crate::refusal::Refusal;

impl Service {
    /// `CreateActivity`
    pub(crate) async fn create_activity(&self, tenant: &Tenant, input: &Input) -> Result<Activity, Refusal> {
        let request = CreateActivity {
            tenant: tenant.clone(),
            name: checked_name(input.text("name"))?,
            tags: checked_tags(input)?,
            encryption: checked_encryption(input)?,
        };
        Ok(self.engine.create_activity(request).await?)
    }

    /// `DescribeActivity`
    pub(crate) async fn describe_activity(
        &self,
        tenant: &Tenant,
        input: &Input,
    ) -> Result<Activity, Refusal> {
        let arn = input.text("activityArn");
        own(tenant, &arn, Named::Activity)?;
        Ok(self.engine.describe_activity(tenant, &arn).await?)
    }

    /// `DeleteActivity`
    pub(crate) async fn delete_activity(&self, tenant: &Tenant, input: &Input) -> Result<(), Refusal> {
        // What is another's is as good as gone: no error.
        Ok(self.engine.delete_activity(tenant, &input.text("activityArn")).await?)
    }

    /// `ListActivities`
    pub(crate) async fn list_activities(
        &self,
        tenant: &Tenant,
        input: &Input,
    ) -> Result<Page<Activity>, Refusal> {
        let list = list(Operation::ListActivities, tenant, &[]);
        let (limit, after) = self.page(input, list)?;
        let page = self.engine.list_activities(tenant, limit, after.as_deref()).await?;
        Ok(self.sealed(page, list))
    }

    /// `GetActivityTask`: waits up to a minute.
    pub(crate) async fn get_activity_task(
        &self,
        tenant: &Tenant,
        input: &Input,
    ) -> Result<Option<ActivityTask>, Refusal> {
        let request = GetActivityTask {
            tenant: tenant.clone(),
            activity_arn: input.text("activityArn"),
            worker_name: input.optional_text("workerName"),
        };
        own(tenant, &request.activity_arn, Named::Activity)?;
        Ok(self.engine.get_activity_task(request).await?)
    }
}
