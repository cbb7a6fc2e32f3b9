//! What the server has, and doing what was planned.

use newel_proto::v1 as pb;
use tonic::{Code, Status};

use super::desired::{Activity, Alias, Desired, Encryption, Logging, Machine, Resource, Target, Version};
use super::plan::{Action, Change, Live, LiveAlias, LiveMachine};
use crate::arguments::Failure;
use crate::client::{self, Client, refused};

/// The server, and where the resources that are meant live.
pub(crate) struct Server {
    pub(crate) client: Client,
    pub(crate) account: String,
    pub(crate) region: String,
}

impl Server {
    fn arn(&self, kind: &str, name: &str) -> String {
        format!("arn:aws:states:{}:{}:{kind}:{name}", self.region, self.account)
    }

    fn machine_arn(&self, name: &str) -> String {
        self.arn("stateMachine", name)
    }

    /// What there is of what is desired.
    pub(crate) async fn live(&mut self, desired: &[Desired]) -> Result<Live, Failure> {
        let mut live = Live::default();
        for Desired { resource, .. } in desired {
            let machine = match resource {
                Resource::Machine(machine) => &machine.name,
                Resource::Version(version) => &version.machine,
                Resource::Alias(alias) => {
                    let key = (alias.machine.clone(), alias.name.clone());
                    if let Some(found) = self.alias(&alias.machine, &alias.name).await? {
                        live.aliases.insert(key, found);
                    }
                    &alias.machine
                }
                Resource::Activity(activity) => {
                    if let Some(tags) = self.activity(&activity.name).await? {
                        live.activities.insert(activity.name.clone(), tags);
                    }
                    continue;
                }
            };
            if !live.machines.contains_key(machine)
                && let Some(found) = self.machine(machine).await?
            {
                live.machines.insert(machine.clone(), found);
            }
        }
        Ok(live)
    }

    async fn machine(&mut self, name: &str) -> Result<Option<LiveMachine>, Failure> {
        let arn = self.machine_arn(name);
        let request = pb::DescribeStateMachineRequest { state_machine_arn: arn.clone(), included_data: 0 };
        let described = self.client.describe_state_machine(request).await;
        let Some(found) = unless_missing(described, "StateMachineDoesNotExist")? else { return Ok(None) };
        let newest = self.newest(&arn, found.revision_id.as_deref()).await?;
        let logging = found.logging_configuration.clone().unwrap_or_default();
        let encryption = found.encryption_configuration.clone().unwrap_or_default();
        let machine = Machine {
            kind: short(found.r#type().as_str_name(), "STATE_MACHINE_TYPE_"),
            name: found.name,
            definition: found.definition,
            role_arn: found.role_arn,
            logging: Logging {
                level: short(logging.level().as_str_name(), "LOG_LEVEL_"),
                include_execution_data: logging.include_execution_data,
                log_groups: logging.log_group_arns,
            },
            tracing: found.tracing_configuration.is_some_and(|tracing| tracing.enabled),
            encryption: Encryption {
                key: encryption.kms_key_id,
                reuse_seconds: encryption.kms_data_key_reuse_period_seconds,
            },
            tags: self.tags(&arn).await?,
        };
        Ok(Some(LiveMachine { machine, newest }))
    }

    /// The number of a machine's newest version, and whether it is of that revision.
    async fn newest(
        &mut self,
        machine: &str,
        revision: Option<&str>,
    ) -> Result<Option<(u64, bool)>, Failure> {
        let request = pb::ListStateMachineVersionsRequest {
            state_machine_arn: machine.to_owned(),
            max_results: 1,
            next_token: None,
        };
        let listed =
            self.client.list_state_machine_versions(request).await.map_err(|status| refused(&status))?;
        let Some(version) = listed.into_inner().state_machine_versions.into_iter().next() else {
            return Ok(None);
        };
        let arn = version.state_machine_version_arn;
        let metadata = pb::IncludedData::MetadataOnly.into();
        let request =
            pb::DescribeStateMachineRequest { state_machine_arn: arn.clone(), included_data: metadata };
        let described =
            self.client.describe_state_machine(request).await.map_err(|status| refused(&status))?;
        let is_current = described.into_inner().revision_id.as_deref() == revision;
        Ok(Some((version_number(&arn)?, is_current)))
    }

    async fn alias(&mut self, machine: &str, name: &str) -> Result<Option<LiveAlias>, Failure> {
        let arn = format!("{}:{name}", self.machine_arn(machine));
        let request = pb::DescribeStateMachineAliasRequest { state_machine_alias_arn: arn };
        let described = self.client.describe_state_machine_alias(request).await;
        let Some(found) = unless_missing(described, "ResourceNotFound")? else { return Ok(None) };
        let route = |route: &pb::RoutingConfiguration| {
            Ok((version_number(&route.state_machine_version_arn)?, route.weight))
        };
        let routing = found.routing_configuration.iter().map(route).collect::<Result<_, Failure>>()?;
        Ok(Some(LiveAlias { description: found.description, routing }))
    }

    async fn activity(&mut self, name: &str) -> Result<Option<Vec<(String, String)>>, Failure> {
        let arn = self.arn("activity", name);
        let request = pb::DescribeActivityRequest { activity_arn: arn.clone() };
        let described = self.client.describe_activity(request).await;
        match unless_missing(described, "ActivityDoesNotExist")? {
            Some(_) => Ok(Some(self.tags(&arn).await?)),
            None => Ok(None),
        }
    }

    async fn tags(&mut self, arn: &str) -> Result<Vec<(String, String)>, Failure> {
        let request = pb::ListTagsForResourceRequest { resource_arn: arn.to_owned() };
        let listed = self.client.list_tags_for_resource(request).await.map_err(|status| refused(&status))?;
        let mut tags: Vec<_> = listed.into_inner().tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
        tags.sort();
        Ok(tags)
    }

    /// Does what was planned for a resource.
    pub(crate) async fn carry_out(&mut self, change: &Change) -> Result<(), Failure> {
        let done = match (&change.desired.resource, change.action) {
            (_, Action::Nothing) => Ok(()),
            (Resource::Machine(machine), Action::Create) => self.create_machine(machine).await,
            (Resource::Machine(machine), Action::Update) => self.update_machine(machine, change).await,
            (Resource::Version(version), _) => self.publish(version).await,
            (Resource::Alias(alias), action) => return self.put_alias(alias, action).await,
            (Resource::Activity(activity), Action::Create) => self.create_activity(activity).await,
            (Resource::Activity(activity), Action::Update) => {
                let arn = self.arn("activity", &activity.name);
                self.put_tags(arn, &activity.tags, &change.untag).await
            }
        };
        done.map_err(|status| refused(&status))
    }

    async fn create_machine(&mut self, machine: &Machine) -> Result<(), Status> {
        let request = pb::CreateStateMachineRequest {
            name: machine.name.clone(),
            definition: machine.definition.clone(),
            role_arn: machine.role_arn.clone(),
            r#type: enumerated("STATE_MACHINE_TYPE_", &machine.kind, pb::StateMachineType::from_str_name)?
                .into(),
            logging_configuration: Some(logging(&machine.logging)?),
            tracing_configuration: Some(pb::TracingConfiguration { enabled: machine.tracing }),
            encryption_configuration: Some(encryption(&machine.encryption)),
            tags: tags(&machine.tags),
            publish: false,
            version_description: None,
        };
        self.client.create_state_machine(request).await.map(drop)
    }

    async fn update_machine(&mut self, machine: &Machine, change: &Change) -> Result<(), Status> {
        let arn = self.machine_arn(&machine.name);
        let request = pb::UpdateStateMachineRequest {
            state_machine_arn: arn.clone(),
            // Without a change of it the server keeps the one that is there, as it was laid out.
            definition: change.definition.is_some().then(|| machine.definition.clone()),
            role_arn: Some(machine.role_arn.clone()),
            logging_configuration: Some(logging(&machine.logging)?),
            tracing_configuration: Some(pb::TracingConfiguration { enabled: machine.tracing }),
            encryption_configuration: Some(encryption(&machine.encryption)),
            publish: false,
            version_description: None,
        };
        if change.definition.is_some() || change.lines.iter().any(|line| !line.starts_with("tag ")) {
            self.client.update_state_machine(request).await?;
        }
        self.put_tags(arn, &machine.tags, &change.untag).await
    }

    async fn put_tags(
        &mut self,
        arn: String,
        put: &[(String, String)],
        take: &[String],
    ) -> Result<(), Status> {
        if !take.is_empty() {
            let request = pb::UntagResourceRequest { resource_arn: arn.clone(), tag_keys: take.to_vec() };
            self.client.untag_resource(request).await?;
        }
        if !put.is_empty() {
            let request = pb::TagResourceRequest { resource_arn: arn, tags: tags(put) };
            self.client.tag_resource(request).await?;
        }
        Ok(())
    }

    async fn publish(&mut self, version: &Version) -> Result<(), Status> {
        let request = pb::PublishStateMachineVersionRequest {
            state_machine_arn: self.machine_arn(&version.machine),
            revision_id: None,
            description: version.description.clone(),
        };
        self.client.publish_state_machine_version(request).await.map(drop)
    }

    async fn put_alias(&mut self, alias: &Alias, action: Action) -> Result<(), Failure> {
        let machine = self.machine_arn(&alias.machine);
        let mut routing = Vec::with_capacity(alias.routing.len());
        for (target, weight) in &alias.routing {
            let number = match target {
                Target::Number(number) => *number,
                Target::Newest => {
                    let newest = self.newest(&machine, None).await?;
                    newest.map(|(number, _)| number).ok_or_else(|| {
                        refused(&Status::not_found(format!("{} has no version", alias.machine)))
                    })?
                }
            };
            let arn = format!("{machine}:{number}");
            routing.push(pb::RoutingConfiguration { state_machine_version_arn: arn, weight: *weight });
        }
        let done = if action == Action::Create {
            let request = pb::CreateStateMachineAliasRequest {
                name: alias.name.clone(),
                description: alias.description.clone(),
                routing_configuration: routing,
            };
            self.client.create_state_machine_alias(request).await.map(drop)
        } else {
            let request = pb::UpdateStateMachineAliasRequest {
                state_machine_alias_arn: format!("{machine}:{}", alias.name),
                description: alias.description.clone(),
                routing_configuration: routing,
            };
            self.client.update_state_machine_alias(request).await.map(drop)
        };
        done.map_err(|status| refused(&status))
    }

    async fn create_activity(&mut self, activity: &Activity) -> Result<(), Status> {
        let request = pb::CreateActivityRequest {
            name: activity.name.clone(),
            tags: tags(&activity.tags),
            ..pb::CreateActivityRequest::default()
        };
        self.client.create_activity(request).await.map(drop)
    }
}

/// An answer, or nothing if the resource isn't there.
fn unless_missing<T>(
    answer: Result<tonic::Response<T>, Status>,
    exception: &str,
) -> Result<Option<T>, Failure> {
    match answer {
        Ok(found) => Ok(Some(found.into_inner())),
        Err(status) if client::exception(&status) == Some(exception) => Ok(None),
        Err(status) => Err(refused(&status)),
    }
}

fn version_number(arn: &str) -> Result<u64, Failure> {
    let number = arn.rsplit(':').next().and_then(|number| number.parse().ok());
    number.ok_or_else(|| refused(&Status::internal(format!("{arn} isn't the ARN of a version"))))
}

fn short(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix).to_owned()
}

/// The value of an enum of the protocol that a file names.
fn enumerated<E>(prefix: &str, name: &str, read: fn(&str) -> Option<E>) -> Result<E, Status> {
    let wrong = || Status::new(Code::InvalidArgument, format!("{name} isn't one of the values there are"));
    read(&format!("{prefix}{name}")).ok_or_else(wrong)
}

fn logging(logging: &Logging) -> Result<pb::LoggingConfiguration, Status> {
    Ok(pb::LoggingConfiguration {
        level: enumerated("LOG_LEVEL_", &logging.level, pb::LogLevel::from_str_name)?.into(),
        include_execution_data: logging.include_execution_data,
        log_group_arns: logging.log_groups.clone(),
    })
}

fn encryption(encryption: &Encryption) -> pb::EncryptionConfiguration {
    let kind = match encryption.key {
        Some(_) => pb::EncryptionType::CustomerManagedKmsKey,
        None => pb::EncryptionType::AwsOwnedKey,
    };
    pb::EncryptionConfiguration {
        r#type: kind.into(),
        kms_key_id: encryption.key.clone(),
        kms_data_key_reuse_period_seconds: encryption.reuse_seconds,
    }
}

fn tags(tags: &[(String, String)]) -> Vec<pb::Tag> {
    tags.iter().map(|(key, value)| pb::Tag { key: key.clone(), value: value.clone() }).collect()
}
