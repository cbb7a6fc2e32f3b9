//! Versions and aliases of state machines.

use newel_asl::Timestamp;
use newel_engine::request::{
    Alias, AliasItem, CreateAlias, Page, PublishVersion, PublishedVersion, Route, Tenant, UpdateAlias,
};
use newel_value::{Str, Value};

use super::{Named, Service, list, own, without_validation};
use crate::model::{Input, Operation};
use crate::refusal::Refusal;

impl Service {
    /// `PublishStateMachineVersion`
    pub(crate) async fn publish_state_machine_version(
        &self,
        tenant: &Tenant,
        input: &Input,
    ) -> Result<PublishedVersion, Refusal> {
        let request = PublishVersion {
            tenant: tenant.clone(),
            state_machine_arn: input.text("stateMachineArn"),
            revision_id: input.optional_text("revisionId"),
            description: input.optional_text("description"),
        };
        own(tenant, &request.state_machine_arn, Named::StateMachine)?;
        Ok(self.engine.publish_version(request).await?)
    }

    /// `ListStateMachineVersions`
    pub(crate) async fn list_state_machine_versions(
        &self,
        tenant: &Tenant,
        input: &Input,
    ) -> Result<Page<PublishedVersion>, Refusal> {
        let arn = input.text("stateMachineArn");
        let filter = [&*arn];
        let list = list(Operation::ListStateMachineVersions, tenant, &filter);
        let (limit, after) = self.page(input, list)?;
        let page = self.engine.list_versions(tenant, &arn, limit, after.as_deref()).await?;
        Ok(self.sealed(page, list))
    }

    /// `DeleteStateMachineVersion`
    pub(crate) async fn delete_state_machine_version(
        &self,
        tenant: &Tenant,
        input: &Input,
    ) -> Result<(), Refusal> {
        // What is another's is as good as gone: no error.
        Ok(self.engine.delete_version(tenant, &input.text("stateMachineVersionArn")).await?)
    }

    /// `CreateStateMachineAlias`
    pub(crate) async fn create_state_machine_alias(
        &self,
        tenant: &Tenant,
        input: &Input,
    ) -> Result<AliasItem, Refusal> {
        let request = CreateAlias {
            tenant: tenant.clone(),
            name: input.text("name"),
            description: described(input),
            routing: routing(input),
        };
        Ok(self.engine.create_alias(request).await?)
    }

    /// `UpdateStateMachineAlias`
    pub(crate) async fn update_state_machine_alias(
        &self,
        tenant: &Tenant,
        input: &Input,
    ) -> Result<Timestamp, Refusal> {
        let request = UpdateAlias {
            tenant: tenant.clone(),
            arn: input.text("stateMachineAliasArn"),
            description: input.optional_text("description"),
            routing: Some(routing(input)).filter(|routing| !routing.is_empty()),
        };
        own(tenant, &request.arn, Named::Version)?;
        if request.description.is_none() && request.routing.is_none() {
            return Err(Refusal::validation(
                "Either the description or the routing configuration must be specified",
            )
            .because("MISSING_REQUIRED_PARAMETER"));
        }
        Ok(self.engine.update_alias(request).await?)
    }

    /// `DescribeStateMachineAlias`
    pub(crate) async fn describe_state_machine_alias(
        &self,
        tenant: &Tenant,
        input: &Input,
    ) -> Result<Alias, Refusal> {
        let arn = input.text("stateMachineAliasArn");
        own(tenant, &arn, Named::Version)?;
        Ok(self.engine.describe_alias(tenant, &arn).await?)
    }

    /// `DeleteStateMachineAlias`
    pub(crate) async fn delete_state_machine_alias(
        &self,
        tenant: &Tenant,
        input: &Input,
    ) -> Result<(), Refusal> {
        let arn = input.text("stateMachineAliasArn");
        own(tenant, &arn, Named::Version)?;
        Ok(self.engine.delete_alias(tenant, &arn).await?)
    }

    /// `ListStateMachineAliases`
    pub(crate) async fn list_state_machine_aliases(
        &self,
        tenant: &Tenant,
        input: &Input,
    ) -> Result<Page<AliasItem>, Refusal> {
        let arn = input.text("stateMachineArn");
        own(tenant, &arn, Named::StateMachine)?;
        let filter = [&*arn];
        let list = list(Operation::ListStateMachineAliases, tenant, &filter);
        let (limit, after) = self.page(input, list)?;
        let page = self.engine.list_aliases(tenant, &arn, limit, after.as_deref()).await;
        let page = page.map_err(without_validation)?;
        Ok(self.sealed(page, list))
    }
}

/// A description; an empty one is none.
fn described(input: &Input) -> Option<Str> {
    input.optional_text("description").filter(|text| !text.is_empty())
}

/// The routes that a request gives; their number and weights have been checked.
fn routing(input: &Input) -> Vec<Route> {
    let route = |route: &Value| Route {
        version_arn: route.get("stateMachineVersionArn").and_then(Value::as_str).unwrap_or_default().into(),
        weight: route.get("weight").and_then(Value::as_i64).and_then(|n| u8::try_from(n).ok()).unwrap_or(0),
    };
    input.list("routingConfiguration").iter().map(route).collect()
}
