//! State machines.

use newel_asl::MachineType;
use newel_asl::name;
use newel_engine::request::{
    CreateStateMachine, CreatedStateMachine, Page, StateMachine, StateMachineItem, Tenant,
    UpdateStateMachine, UpdatedStateMachine,
};
use newel_value::Str;

use super::configuration::checked;
use super::tags::checked_tags;
use super::{Named, Service, list, own, told};
use crate::model::{Input, Operation};
use crate::refusal::Refusal;

impl Service {
    /// `CreateStateMachine`
    pub(crate) async fn create_state_machine(
        &self,
        tenant: &Tenant,
        input: &Input,
    ) -> Result<CreatedStateMachine, Refusal> {
        let (publish, version_description) = published(input)?;
        let request = CreateStateMachine {
            tenant: tenant.clone(),
            name: checked_name(input.text("name"))?,
            definition: input.text("definition"),
            role_arn: input.text("roleArn"),
            machine_type: input
                .optional_text("type")
                .and_then(|t| MachineType::parse(&t))
                .unwrap_or_default(),
            configuration: checked(input)?,
            tags: checked_tags(input)?,
            publish,
            version_description,
        };
        check_role(&request.role_arn)?;
        Ok(self.engine.create_state_machine(request).await?)
    }

    /// `UpdateStateMachine`
    pub(crate) async fn update_state_machine(
        &self,
        tenant: &Tenant,
        input: &Input,
    ) -> Result<UpdatedStateMachine, Refusal> {
        let (publish, version_description) = published(input)?;
        let request = UpdateStateMachine {
            tenant: tenant.clone(),
            arn: input.text("stateMachineArn"),
            definition: input.optional_text("definition"),
            role_arn: input.optional_text("roleArn"),
            configuration: checked(input)?,
            publish,
            version_description,
        };
        own(tenant, &request.arn, Named::StateMachine)?;
        let configuration = &request.configuration;
        let named = request.definition.is_some()
            || request.role_arn.is_some()
            || [&configuration.logging, &configuration.tracing, &configuration.encryption]
                .iter()
                .any(|c| c.is_some());
        if !named {
            return Err(Refusal::new(
                "MissingRequiredParameter",
                "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be \
                 specified",
            ));
        }
        request.role_arn.as_deref().map_or(Ok(()), check_role)?;
        Ok(self.engine.update_state_machine(request).await?)
    }

    /// `DescribeStateMachine`; the flag says whether to tell the definition.
    pub(crate) async fn describe_state_machine(
        &self,
        tenant: &Tenant,
        input: &Input,
    ) -> Result<(StateMachine, bool), Refusal> {
        let arn = input.text("stateMachineArn");
        own(tenant, &arn, Named::StateMachine)?;
        let machine = self.engine.describe_state_machine(tenant, &arn).await?;
        let definition = told(machine.withheld.as_ref(), input)?;
        Ok((machine, definition))
    }

    /// `DescribeStateMachineForExecution`; the flag says whether to tell the definition.
    pub(crate) async fn describe_state_machine_for_execution(
        &self,
        tenant: &Tenant,
        input: &Input,
    ) -> Result<(StateMachine, bool), Refusal> {
        let arn = input.text("executionArn");
        own(tenant, &arn, Named::Execution)?;
        let machine = self.engine.describe_state_machine_for_execution(tenant, &arn).await?;
        let definition = told(machine.withheld.as_ref(), input)?;
        Ok((machine, definition))
    }

    /// `DeleteStateMachine`
    pub(crate) async fn delete_state_machine(&self, tenant: &Tenant, input: &Input) -> Result<(), Refusal> {
        // What is another's is as good as gone: no error.
        Ok(self.engine.delete_state_machine(tenant, &input.text("stateMachineArn")).await?)
    }

    /// `ListStateMachines`
    pub(crate) async fn list_state_machines(
        &self,
        tenant: &Tenant,
        input: &Input,
    ) -> Result<Page<StateMachineItem>, Refusal> {
        let list = list(Operation::ListStateMachines, tenant, &[]);
        let (limit, after) = self.page(input, list)?;
        let page = self.engine.list_state_machines(tenant, limit, after.as_deref()).await?;
        Ok(self.sealed(page, list))
    }
}

/// A name without the characters that AWS forbids; its length has been checked.
pub(super) fn checked_name(name: Str) -> Result<Str, Refusal> {
    match name::check_resource(&name) {
        Ok(()) => Ok(name),
        Err(_) => Err(Refusal::new("InvalidName", format!("Invalid Name: '{name}'"))),
    }
}

/// Refuses what isn't a role's ARN: `arn:aws:iam::123456789012:role/NAME`, in any partition of AWS's.
pub(super) fn check_role(arn: &str) -> Result<(), Refusal> {
    if is_role(arn) {
        return Ok(());
    }
    Err(Refusal::new("InvalidArn", format!("Invalid Role Arn: '{arn}'")))
}

fn is_role(arn: &str) -> bool {
    let fields: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = fields[..] else { return false };
    let partition = partition.strip_prefix("aws");
    partition.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'))
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && resource.strip_prefix("role/").is_some_and(|name| !name.is_empty())
}

/// Whether a request publishes a version, and that version's description.
fn published(input: &Input) -> Result<(bool, Option<Str>), Refusal> {
    let publish = input.flag("publish", false);
    let description = input.optional_text("versionDescription");
    if description.is_some() && !publish {
        return Err(Refusal::validation("Version description can only be set when publish is true"));
    }
    Ok((publish, description))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_a_role() {
        for (arn, is_one) in [
            ("arn:aws:iam::000000000000:role/r", true),
            ("arn:aws-us-gov:iam::000000000000:role/service-role/r", true),
            ("arn:aws:iam::000000000000:role/", false),
            ("arn:aws:iam::000000000000:user/u", false),
            ("arn:aws:iam::1:role/r", false),
            ("arn:aws:iam:us-east-1:000000000000:role/r", false),
            ("arn:aws:states:us-east-1:000000000000:stateMachine:m", false),
            ("arn:other:iam::000000000000:role/r", false),
            ("role", false),
            ("", false),
        ] {
            let expect = if is_one { Ok(()) } else { Err(format!("Invalid Role Arn: '{arn}'")) };
            assert_eq!(check_role(arn).map_err(|refusal| refusal.message), expect);
        }
    }
}
