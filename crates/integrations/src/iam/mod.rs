//! The least IAM policy that a definition's Tasks need: what workers call on their behalf, derived from the same tables by
//! which they call.
//!
//! Not in it: what the things that are started need themselves, and keys (KMS) that data is encrypted under.

mod actions;
mod resources;

use std::collections::{BTreeMap, BTreeSet};

use newel_asl::catalog::Pattern;
use newel_aws_catalog::{Dialect, Service, ShapeId};
use newel_value::{Object, ObjectBuilder, Value};

use crate::catalog::{Found, Integrations};
use crate::descriptor::{Idempotency, Job};
use crate::families;
use crate::integration::{DIALECT, Integration};
use crate::sdk::SdkAction;

/// The APIs whose members called a role are no roles that are passed on.
const PASSES_NO_ROLES: [&str; 4] = ["iam", "sso", "ssoadmin", "sts"];

/// What a definition's Tasks need.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The policy document.
    pub document: Value,
    /// What it doesn't say, for a person: the states that need none or something else, and roles that need their own.
    pub notes: Vec<String>,
}

/// The least policy for a definition. `role` is the role of `Credentials` whose part is wanted; without it the state
/// machine's own is meant, which assumes those. What isn't a definition needs nothing.
#[must_use]
pub fn policy(integrations: &Integrations, definition: &Value, role: Option<&str>) -> Policy {
    let mut needs = Needs { integrations, wanted: role, grants: Grants::default(), notes: Vec::new() };
    needs.states(definition);
    let Needs { grants, mut notes, wanted, .. } = needs;
    if grants.is_empty() {
        notes.push(match wanted {
            Some(role) => format!("no state calls AWS under {role}"),
            None => "no state calls AWS".to_owned(),
        });
    }
    Policy { document: grants.document(), notes }
}

/// What is asked for, action by action.
#[derive(Debug, Default)]
struct Grants {
    /// The resources of an action.
    actions: BTreeMap<String, BTreeSet<String>>,
    /// The roles that are passed to principals; to anybody if none are named.
    passed: BTreeMap<&'static [&'static str], BTreeSet<String>>,
}

impl Grants {
    fn add(&mut self, actions: impl IntoIterator<Item = String>, resources: &[String]) {
        for action in actions {
            self.actions.entry(action).or_default().extend(resources.iter().cloned());
        }
    }

    fn is_empty(&self) -> bool {
        self.actions.is_empty() && self.passed.is_empty()
    }

    /// A statement a service, or more where its actions are about different things.
    fn document(self) -> Value {
        let mut by_service: BTreeMap<String, BTreeMap<Vec<String>, Vec<String>>> = BTreeMap::new();
        for (action, resources) in self.actions {
            let service = action.split(':').next().unwrap_or_default().to_owned();
            let same = by_service.entry(service).or_default();
            same.entry(least(resources)).or_default().push(action);
        }
        let mut statements: Vec<Value> = Vec::new();
        for (service, groups) in by_service {
            for (n, (resources, actions)) in (1..).zip(groups) {
                statements.push(statement(&sid(&service, n), &actions, &resources, None));
            }
        }
        for (n, (principals, roles)) in (1..).zip(self.passed) {
            let actions = ["iam:PassRole".to_owned()];
            statements.push(statement(&sid("passRole", n), &actions, &least(roles), Some(principals)));
        }
        let mut document = ObjectBuilder::with_capacity(2);
        document.insert("Version", "2012-10-17");
        document.insert("Statement", statements.into_iter().collect::<Value>());
        document.build().into()
    }
}

/// Everything takes the rest in.
fn least(resources: BTreeSet<String>) -> Vec<String> {
    if resources.contains(resources::ANY) {
        vec![resources::ANY.to_owned()]
    } else {
        resources.into_iter().collect()
    }
}

/// A statement's id: letters and digits only.
fn sid(service: &str, n: usize) -> String {
    let words = service.split(|c: char| !c.is_ascii_alphanumeric());
    let mut sid: String = words.map(newel_aws_catalog::naming::capitalize).collect();
    if n > 1 {
        sid.push_str(&n.to_string());
    }
    sid
}

fn statement(sid: &str, actions: &[String], resources: &[String], passed_to: Option<&[&str]>) -> Value {
    let texts = |texts: &[String]| texts.iter().map(|text| Value::from(text.as_str())).collect::<Value>();
    let mut members = ObjectBuilder::with_capacity(5);
    members.insert("Sid", sid).insert("Effect", "Allow");
    members.insert("Action", texts(actions)).insert("Resource", texts(resources));
    if let Some(principals) = passed_to.filter(|principals| !principals.is_empty()) {
        let principals: Value = principals.iter().map(|principal| Value::from(*principal)).collect();
        let equals: Object = [("iam:PassedToService", principals)].into_iter().collect();
        let condition: Object = [("StringEquals", Value::from(equals))].into_iter().collect();
        members.insert("Condition", condition);
    }
    members.build().into()
}

/// Walks a definition.
struct Needs<'a> {
    integrations: &'a Integrations,
    wanted: Option<&'a str>,
    grants: Grants,
    notes: Vec<String>,
}

/// What a state gives its resource; nothing if all of its input goes there.
fn template(state: &Value) -> Value {
    let given = state.get("Arguments").or_else(|| state.get("Parameters"));
    given.cloned().unwrap_or_else(Value::empty_object)
}

/// The partition of an ARN.
fn partition(arn: &str) -> &str {
    arn.split(':').nth(1).filter(|partition| partition.starts_with("aws")).unwrap_or("aws")
}

impl Needs<'_> {
    /// Depth is bounded by that of the JSON.
    fn states(&mut self, scope: &Value) {
        let Some(states) = scope.get("States").and_then(Value::as_object) else { return };
        for (name, state) in states.iter() {
            match state.get("Type").and_then(Value::as_str) {
                Some("Task") => self.task(name, state),
                Some("Parallel") => {
                    let branches = state.get("Branches").and_then(Value::as_array).unwrap_or_default();
                    branches.iter().for_each(|branch| self.states(branch));
                }
                Some("Map") => {
                    if self.wanted.is_none() {
                        self.transfers(state);
                    }
                    let processor = state.get("ItemProcessor").or_else(|| state.get("Iterator"));
                    processor.into_iter().for_each(|processor| self.states(processor));
                }
                _ => {}
            }
        }
    }

    fn note(&mut self, state: &str, note: &str) {
        self.notes.push(format!("state '{state}': {note}"));
    }

    fn task(&mut self, name: &str, state: &Value) {
        let Some(arn) = state.get("Resource").and_then(Value::as_str) else { return };
        let partition = partition(arn);
        let credentials = state.get("Credentials").filter(|given| !given.is_null());
        let role = credentials.and_then(|given| resources::member(given, "RoleArn"));
        match (credentials, self.wanted) {
            (Some(_), None) => {
                let resource = role.unwrap_or(resources::ANY).to_owned();
                self.grants.add(["sts:AssumeRole".to_owned()], &[resource]);
                let whose = role.unwrap_or("that the run time gives");
                self.note(name, &format!("runs under the role {whose}, which needs a policy of its own"));
                return;
            }
            (_, Some(wanted)) if role != Some(wanted) => return,
            _ => {}
        }
        // Whoever polls has activities; they are no calls.
        if arn.split(':').nth(5) == Some("activity") {
            return;
        }
        let integrations = self.integrations;
        let template = template(state);
        match integrations.look(arn) {
            Ok(Found::Served(integration)) => self.integration(partition, arn, &integration, &template),
            Ok(Found::AwsSdk(action)) if families::of_sdk(action.api.name()) == families::STATES => {
                self.note(name, "is carried out by this Newel itself");
            }
            Ok(Found::AwsSdk(action)) => {
                self.sdk(partition, action, &template);
                if let (Pattern::Job(_), Ok(Some(waiter))) = (action.pattern, integrations.waiter(&action)) {
                    let asked =
                        action.api.operation(&waiter.operation).map(|o| actions::of_call(action.api, o));
                    self.grants.add(asked.unwrap_or_default(), &[resources::ANY.to_owned()]);
                }
            }
            Ok(Found::Offered { service, .. }) => self.offered(name, partition, service.name, &template),
            Ok(Found::Registered { known, .. }) => {
                let family = &known.registration.family;
                self.note(
                    name,
                    &format!("is carried out by workers of the family '{family}', which know what they need"),
                );
            }
            Err(_) => self.note(
                name,
                &format!("{arn} isn't known here; if a worker registered it, it knows what it needs"),
            ),
        }
    }

    fn call(&mut self, api: &Service, operation: &str, resources: &[String]) {
        if let Some(operation) = api.operation(operation) {
            self.grants.add(actions::of_call(api, operation), resources);
        }
    }

    fn integration(&mut self, partition: &str, arn: &str, integration: &Integration<'_>, template: &Value) {
        let (api, action) = (integration.api, integration.action);
        // A function by its own ARN is its own resource.
        let about = match action.parameters {
            crate::descriptor::Parameters::Payload => vec![arn.to_owned()],
            _ => resources::of_call(partition, api.name(), template, false),
        };
        self.call(api, action.operation, &about);
        if let Some(lookup) = &action.lookup {
            self.call(api, lookup.operation, &about);
        }
        let waits = matches!(integration.pattern, Pattern::Job(_));
        let looks = matches!(action.idempotency, Idempotency::Marker { .. } | Idempotency::Name { .. });
        if let Some(job) = action.job.as_ref().filter(|_| waits || looks) {
            for operation in looked_at(job) {
                self.call(api, operation, &about);
            }
            if let Some(cancel) = job.cancel.as_ref().filter(|_| waits) {
                self.call(api, cancel.operation, &about);
            }
        }
        if looks {
            for (_, operation) in actions::SEARCHES.iter().filter(|(service, _)| *service == api.name()) {
                self.call(api, operation, &[resources::ANY.to_owned()]);
            }
        }
        let is_marked_by_tag = matches!(action.idempotency, Idempotency::Marker { member: "tags", .. });
        let completed = (action.complete)(integration.pattern, template.clone());
        if is_marked_by_tag || resources::gives(&completed, "Tags") {
            self.grants.add(actions::of_tags(api), &[resources::ANY.to_owned()]);
        }
        self.roles(partition, (api, integration.input), DIALECT, template);
        if action.stored.is_some() {
            self.stored(partition, template);
        }
        // Its task definition names roles, which whoever runs it passes on.
        if (api.name(), action.operation) == ("ecs", "RunTask") {
            let passed = self.grants.passed.entry(actions::passed_to(api)).or_default();
            passed.insert(resources::ANY.to_owned());
        }
    }

    /// The payloads that an integration reads out of S3 and writes there.
    fn stored(&mut self, partition: &str, template: &Value) {
        for (member, needed) in [("Input", "s3:GetObject"), ("Output", "s3:PutObject")] {
            if !resources::gives(template, member) {
                continue;
            }
            let uri = template.get(member).and_then(|place| resources::member(place, "S3Uri"));
            let object = uri.and_then(|uri| uri.strip_prefix("s3://")?.split_once('/'));
            let object = object.map_or_else(
                || resources::ANY.to_owned(),
                |(bucket, key)| resources::object(partition, bucket, key),
            );
            self.grants.add([needed.to_owned()], &[object]);
        }
    }

    fn sdk(&mut self, partition: &str, action: SdkAction<'_>, template: &Value) {
        let SdkAction { api, operation, .. } = action;
        let members = operation.input.map_or(&[][..], |input| api.members(input));
        let is_of_object =
            members.iter().any(|member| *member.name == *"Key") || *operation.name == *"DeleteObjects";
        let about = resources::of_call(partition, api.name(), template, is_of_object);
        if api.name() == "s3" {
            let gives = |member: &str| resources::gives(template, member);
            self.grants.add(actions::of_s3(api, operation, gives), &about);
        } else {
            self.grants.add(actions::of_call(api, operation), &about);
        }
        if api.name() == "s3" && ["CopyObject", "UploadPartCopy"].contains(&&*operation.name) {
            self.copied(partition, template);
        }
        if let Some(input) = operation.input {
            self.roles(partition, (api, input), Dialect::AwsSdk, template);
        }
    }

    /// What a copy in S3 reads. `CopySource` says where from: bucket and key, an ARN, perhaps encoded as in a URL.
    fn copied(&mut self, partition: &str, template: &Value) {
        let whole = resources::member(template, "CopySource");
        let of_version = resources::gives(template, "SourceVersionId")
            || whole.is_some_and(|source| source.contains("?versionId="));
        let action = if of_version { "s3:GetObjectVersion" } else { "s3:GetObject" };
        let object = resources::member(template, "SourceBucket").map_or_else(
            || resources::ANY.to_owned(),
            |bucket| {
                let key = resources::member(template, "SourceKey").unwrap_or(resources::ANY);
                resources::object(partition, bucket, key)
            },
        );
        self.grants.add([action.to_owned()], &[object]);
    }

    fn roles(&mut self, partition: &str, request: (&Service, ShapeId), dialect: Dialect, template: &Value) {
        let api = request.0;
        if PASSES_NO_ROLES.contains(&api.name()) {
            return;
        }
        let roles = resources::roles(partition, request, dialect, template);
        if !roles.is_empty() {
            self.grants.passed.entry(actions::passed_to(api)).or_default().extend(roles);
        }
    }

    /// What isn't an AWS API with a model.
    fn offered(&mut self, name: &str, partition: &str, service: &str, template: &Value) {
        match service {
            "apigateway" if !resources::gives(template, "AuthType") => {}
            "apigateway" => {
                if resources::member(template, "AuthType") != Some("NO_AUTH") {
                    let api =
                        resources::member(template, "ApiEndpoint").and_then(|host| host.split('.').next());
                    let stage = resources::member(template, "Stage").unwrap_or(resources::ANY);
                    let method = resources::member(template, "Method").unwrap_or(resources::ANY);
                    let api = api.unwrap_or(resources::ANY);
                    let resource = format!("arn:{partition}:execute-api:*:*:{api}/{stage}/{method}/*");
                    self.grants.add(["execute-api:Invoke".to_owned()], &[resource]);
                }
            }
            "eks" => self
                .note(name, "needs no IAM action, but rights of the role in the cluster (an access entry)"),
            "http" => self.note(
                name,
                "needs no IAM action with a connection of Newel's own; one in EventBridge needs \
                 events:DescribeConnection on it and secretsmanager:GetSecretValue on its secret",
            ),
            "states" => self.note(name, "is carried out by this Newel itself"),
            _ => self.note(name, "no worker of this release carries it out"),
        }
    }

    /// What a distributed Map reads and writes in S3.
    fn transfers(&mut self, state: &Value) {
        if let Some(reader) = state.get("ItemReader").filter(|reader| !reader.is_null()) {
            self.reader(reader);
        }
        if let Some(writer) = state.get("ResultWriter").filter(|writer| writer.get("Resource").is_some()) {
            let partition = partition(writer.get("Resource").and_then(Value::as_str).unwrap_or_default());
            let place = template(writer);
            let prefix = resources::member(&place, "Prefix")
                .map(|prefix| format!("{}/", prefix.trim_end_matches('/')));
            // Without a prefix, or with one of the run time's, it may be anywhere in the bucket.
            let key = format!("{}*", prefix.unwrap_or_default());
            let objects =
                resources::member(&place, "Bucket").map(|bucket| resources::object(partition, bucket, &key));
            self.grants
                .add(["s3:PutObject".to_owned()], &[objects.unwrap_or_else(|| resources::ANY.to_owned())]);
        }
    }

    fn reader(&mut self, reader: &Value) {
        let resource = reader.get("Resource").and_then(Value::as_str).unwrap_or_default();
        let (partition, place) = (partition(resource), template(reader));
        let config = reader.get("ReaderConfig");
        let says = |member: &str, value: &str| {
            config.and_then(|config| resources::member(config, member)) == Some(value)
        };
        let bucket = resources::member(&place, "Bucket");
        let any = || resources::ANY.to_owned();
        let lists = resource.ends_with(":s3:listObjectsV2");
        if lists {
            let bucket = bucket.map_or_else(any, |bucket| resources::bucket_arn(partition, bucket));
            self.grants.add(["s3:ListBucket".to_owned()], &[bucket]);
        }
        if lists && !says("Transformation", "LOAD_AND_FLATTEN") {
            return;
        }
        let key = match (lists, resources::member(&place, "Prefix"), resources::member(&place, "Key")) {
            (true, prefix, _) => format!("{}*", prefix.unwrap_or_default()),
            (false, _, key) => key.unwrap_or(resources::ANY).to_owned(),
        };
        let mut objects = vec![bucket.map_or_else(any, |bucket| resources::object(partition, bucket, &key))];
        if says("InputType", "MANIFEST")
            || config.is_some_and(|config| resources::gives(config, "ManifestType"))
        {
            // The manifest says where its files are.
            objects.push(any());
        }
        self.grants.add(["s3:GetObject".to_owned()], &objects);
    }
}

/// The operations that tell where a job is.
fn looked_at(job: &Job) -> impl Iterator<Item = &'static str> {
    std::iter::once(job.describe.operation).chain(job.several.map(|several| several.operation()))
}
