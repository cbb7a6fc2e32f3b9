//! Which waiter belongs to which action.
//!
//! The models don't say. What they say is enough for a rule:
//!
//! 1. A waiter is named for a thing and the end of a wait: `DBInstance` `Available`. [`ENDS`] has the ends, and the verbs of
//!    actions that lead there: `Create`, `Start`. The action is the operation of verb and thing: `CreateDBInstance`,
//!    `RunInstances`.
//! 2. Every required member of the operation that the waiter asks by (if none is required: one that identifies the thing)
//!    is found by its name in the action's answer or request, each at a place of its own.
//! 3. The waiter asks about the thing: one of those members identifies it, or the operation is `Describe`, `Get` or `Head`
//!    and the thing's name.
//! 4. Of several waiters the one whose end is first in [`ENDS`] is taken.
//!
//! [`OTHERS`] has what is named otherwise and plainly meant, [`NOT`] what the rule finds and shouldn't.

use std::collections::BTreeMap;
use std::sync::Arc;

use newel_aws_catalog::model::Member;
use newel_aws_catalog::{Service, ShapeId, ShapeKind};
use newel_value::{Str, Value};

use super::acceptor::Acceptor;
use super::expression::Expression;
use super::{Input, OfService, Source, Waiter};

/// Ends of waits as waiters are named for them, with the verbs of actions that lead there; the more telling ones first.
const ENDS: &[(&str, &[&str])] = &[
    ("CreateComplete", &["Create"]),
    ("UpdateComplete", &["Update"]),
    ("DeleteComplete", &["Delete"]),
    ("ActiveV2", &["Create"]),
    ("Available", &["Create", "Start", "Restore", "Copy", "Import", "Reboot"]),
    ("Active", &["Create", "Start"]),
    ("InService", &["Create", "Update", "Start"]),
    ("Ready", &["Create"]),
    ("Created", &["Create"]),
    ("Deployed", &["Create", "Update"]),
    ("Registered", &["Create", "Register"]),
    ("CompletedOrStopped", &["Create"]),
    ("Completed", &["Create", "Start", "Run", "Copy"]),
    ("Complete", &["Create", "Start"]),
    ("Succeeded", &["Create", "Start", "Run"]),
    ("Successful", &["Create", "Start"]),
    ("Success", &["Create", "Start"]),
    ("Finished", &["Create", "Start"]),
    ("Issued", &["Issue"]),
    ("Running", &["Start", "Run"]),
    ("Started", &["Start"]),
    // What is started and then idle isn't what is running; but some jobs have no other end.
    ("Created", &["Start"]),
    ("Stopped", &["Stop"]),
    ("Terminated", &["Terminate"]),
    ("NotExists", &["Delete"]),
    ("Deleted", &["Delete"]),
    ("Deregistered", &["Deregister", "Delete"]),
    ("Cancelled", &["Cancel"]),
    ("Updated", &["Update"]),
    ("Exists", &["Create"]),
];

/// Actions that the rule finds a waiter for, and that it wouldn't wait for: an image's version is told by a number that the
/// waiter doesn't ask by.
const NOT: &[(&str, &str)] = &[("sagemaker", "CreateImageVersion"), ("sagemaker", "DeleteImageVersion")];

/// Where a value is: the side, and the path by the model's names.
type Place = (Side, &'static str);

#[derive(Clone, Copy)]
enum Side {
    Answer,
    Request,
}

use Side::{Answer, Request};

/// An action whose waiter isn't named for it: service, operation, waiter, members of the describing request.
type Other = (&'static str, &'static str, &'static str, &'static [(&'static str, Place)]);

/// Ordered by service and operation.
#[rustfmt::skip]
const OTHERS: &[Other] = &[
    ("acm", "RequestCertificate", "CertificateValidated", &[("CertificateArn", (Answer, "CertificateArn"))]),
    ("cloudcontrol", "CreateResource", "ResourceRequestSuccess", RESOURCE_REQUEST),
    ("cloudcontrol", "DeleteResource", "ResourceRequestSuccess", RESOURCE_REQUEST),
    ("cloudcontrol", "UpdateResource", "ResourceRequestSuccess", RESOURCE_REQUEST),
    ("cloudformation", "RegisterType", "TypeRegistrationComplete",
        &[("RegistrationToken", (Answer, "RegistrationToken"))]),
    ("cloudformation", "RollbackStack", "StackRollbackComplete", &[("StackName", (Request, "StackName"))]),
    ("dynamodb", "ExportTableToPointInTime", "ExportCompleted",
        &[("ExportArn", (Answer, "ExportDescription.ExportArn"))]),
    ("dynamodb", "ImportTable", "ImportCompleted", &[("ImportArn", (Answer, "ImportTableDescription.ImportArn"))]),
    ("dynamodb", "UpdateTable", "TableExists", &[("TableName", (Request, "TableName"))]),
    ("ec2", "ImportSnapshot", "SnapshotImported", &[("ImportTaskIds", (Answer, "ImportTaskId"))]),
    ("ecs", "CreateService", "ServicesStable", ECS_SERVICE),
    ("ecs", "DeleteService", "ServicesInactive", ECS_SERVICE),
    ("ecs", "UpdateService", "ServicesStable", ECS_SERVICE),
    ("elasticloadbalancingv2", "DeleteLoadBalancer", "LoadBalancersDeleted",
        &[("LoadBalancerArns", (Request, "LoadBalancerArn"))]),
    ("emr", "RunJobFlow", "ClusterRunning", &[("ClusterId", (Answer, "JobFlowId"))]),
    ("lambda", "PublishVersion", "PublishedVersionActive",
        &[("FunctionName", (Request, "FunctionName")), ("Qualifier", (Answer, "Version"))]),
    ("lambda", "UpdateFunctionCode", "FunctionUpdatedV2", &[("FunctionName", (Request, "FunctionName"))]),
    ("lambda", "UpdateFunctionConfiguration", "FunctionUpdatedV2", &[("FunctionName", (Request, "FunctionName"))]),
    ("rds", "CreateDBInstanceReadReplica", "DBInstanceAvailable", DB_INSTANCE),
    ("rds", "RestoreDBClusterFromSnapshot", "DBClusterAvailable", DB_CLUSTER),
    ("rds", "RestoreDBClusterToPointInTime", "DBClusterAvailable", DB_CLUSTER),
    ("rds", "RestoreDBInstanceFromDBSnapshot", "DBInstanceAvailable", DB_INSTANCE),
    ("rds", "RestoreDBInstanceToPointInTime", "DBInstanceAvailable", DB_INSTANCE),
    ("redshift", "RestoreFromClusterSnapshot", "ClusterAvailable",
        &[("ClusterIdentifier", (Request, "ClusterIdentifier"))]),
];

const RESOURCE_REQUEST: &[(&str, Place)] = &[("RequestToken", (Answer, "ProgressEvent.RequestToken"))];
const ECS_SERVICE: &[(&str, Place)] =
    &[("cluster", (Answer, "service.clusterArn")), ("services", (Answer, "service.serviceArn"))];
const DB_INSTANCE: &[(&str, Place)] =
    &[("DBInstanceIdentifier", (Answer, "DBInstance.DBInstanceIdentifier"))];
const DB_CLUSTER: &[(&str, Place)] = &[("DBClusterIdentifier", (Answer, "DBCluster.DBClusterIdentifier"))];

/// The waiters of a service's actions, out of botocore's `waiters-2.json`. A waiter that isn't understood is passed over.
///
/// # Errors
/// When the text isn't the file of waiters that it should be.
pub(super) fn waiters(api: &Service, text: &str) -> Result<OfService, String> {
    let models = Value::parse(text).map_err(|error| error.to_string())?;
    let models = models.get("waiters").and_then(Value::as_object).ok_or("the waiters have no list")?;
    let mut found: BTreeMap<Str, (usize, Arc<Waiter>)> = BTreeMap::new();
    for (name, model) in models.iter() {
        let Some(end) = end_of(name) else { continue };
        let thing = name.strip_suffix(end).unwrap_or(name);
        let places = ENDS.iter().enumerate().filter(|(_, (known, _))| *known == end);
        let verbs = places.flat_map(|(place, (_, verbs))| verbs.iter().map(move |verb| (place, *verb)));
        let actions =
            verbs.flat_map(|(place, verb)| ["", "s"].map(|plural| (place, format!("{verb}{thing}{plural}"))));
        for (place, action) in actions {
            let better = found.get(&*action).is_none_or(|(known, _)| place < *known);
            if !better || NOT.contains(&(api.name(), &*action)) {
                continue;
            }
            let inputs =
                text_member(model, "operation").and_then(|describe| inputs(api, &action, describe, thing));
            if let Some(waiter) = inputs.and_then(|inputs| waiter(name, model, inputs)) {
                found.insert(action.as_str().into(), (place, Arc::new(waiter)));
            }
        }
    }
    let mut of_actions: OfService = found.into_iter().map(|(action, (_, waiter))| (action, waiter)).collect();
    for (_, action, name, inputs) in OTHERS.iter().filter(|(service, ..)| *service == api.name()) {
        let inputs = inputs.iter().map(|(member, place)| input(member, *place)).collect::<Option<Vec<_>>>();
        let waiter = models.get(name).zip(inputs).and_then(|(model, inputs)| waiter(name, model, inputs));
        if let Some(waiter) = waiter.filter(|_| api.operation(action).is_some()) {
            of_actions.insert((*action).into(), Arc::new(waiter));
        }
    }
    Ok(of_actions)
}

/// The end that a waiter is named for: the longest, since one may be the end of another.
fn end_of(name: &str) -> Option<&'static str> {
    let ends = ENDS.iter().map(|(end, _)| *end).filter(|end| name.ends_with(end) && name.len() > end.len());
    ends.max_by_key(|end| end.len())
}

fn waiter(name: &str, model: &Value, inputs: Vec<Input>) -> Option<Waiter> {
    let operation = text_member(model, "operation")?.into();
    let acceptors = model.get("acceptors")?.as_array()?;
    let acceptors = acceptors.iter().map(Acceptor::parse).collect::<Result<_, _>>().ok()?;
    Some(Waiter { name: name.into(), operation, inputs, acceptors })
}

fn input(member: &str, (side, path): Place) -> Option<Input> {
    let path = Expression::parse(path).ok()?;
    let source = match side {
        Answer => Source::Answer(path),
        Request => Source::Request(path),
    };
    Some(Input { member: member.into(), sources: vec![source] })
}

/// A text of a model.
///
/// # Errors
/// When it isn't there.
pub(super) fn text<'m>(model: &'m Value, name: &str) -> Result<&'m str, String> {
    text_member(model, name).ok_or_else(|| format!("{name} is missing in {model}"))
}

fn text_member<'m>(model: &'m Value, name: &str) -> Option<&'m str> {
    model.get(name).and_then(Value::as_str)
}

/// How the describing request is made of an action's; none if it can't be, or wouldn't ask about the thing.
fn inputs(api: &Service, action: &str, describe: &str, thing: &str) -> Option<Vec<Input>> {
    let action = api.operation(action)?;
    let input = api.operation(describe)?.input?;
    let places = Places { api, thing, input: action.input, output: action.output };
    let members = api.members(input);
    let bound = |member: &Member| {
        let sources = places.of(member);
        (!sources.is_empty()).then(|| Input { member: Str::clone(&member.name), sources })
    };
    let required: Vec<&Member> = members.iter().filter(|member| member.required).collect();
    let identifies = |member: &Member| IDENTIFIERS.contains(&&*plain(&singular(api, member), thing));
    let inputs: Vec<Input> = if required.is_empty() {
        let named = |word: &'static str| {
            members.iter().filter(move |member| plain(&singular(api, member), thing) == word)
        };
        vec![IDENTIFIERS.iter().flat_map(|word| named(word)).find_map(bound)?]
    } else {
        required.iter().map(|member| bound(member)).collect::<Option<_>>()?
    };
    let own = ["Describe", "Get", "Head"].iter().any(|verb| describe.strip_prefix(verb) == Some(thing));
    let asks = own || required.is_empty() || required.iter().any(|member| identifies(member));
    let first = |input: &Input| input.sources.first().cloned();
    let apart =
        inputs.iter().enumerate().all(|(i, one)| inputs[..i].iter().all(|other| first(one) != first(other)));
    (asks && apart).then_some(inputs)
}

/// What names that identify a thing come to in [`plain`], the surest first.
const IDENTIFIERS: &[&str] = &["id", "arn", "name"];

/// A member's name without the thing's name before it, in lower case: `DBInstanceIdentifier` and `Id` are `id`.
fn plain(name: &str, thing: &str) -> String {
    let (name, thing) = (name.to_lowercase(), thing.to_lowercase());
    let name = match name.strip_prefix(&*thing) {
        Some("") => "id",
        Some(rest) => rest,
        None => &name,
    };
    name.strip_suffix("identifier").map_or_else(|| name.to_owned(), |before| format!("{before}id"))
}

/// A member's name, of a list that of one element.
fn singular(api: &Service, member: &Member) -> String {
    let list = matches!(api.shape(member.shape).kind, ShapeKind::List(_));
    without_s(&member.name, list).to_owned()
}

fn without_s(name: &str, list: bool) -> &str {
    name.strip_suffix('s').filter(|one| list && !one.ends_with('s')).unwrap_or(name)
}

/// The places in an action's request and answer.
struct Places<'a> {
    api: &'a Service,
    thing: &'a str,
    input: Option<ShapeId>,
    output: Option<ShapeId>,
}

impl Places<'_> {
    /// Where the value of a member of the describing request may be, the surest place first: in the answer, in the thing
    /// that the answer describes, in the request; under the member's own name before one that means the same.
    fn of(&self, member: &Member) -> Vec<Source> {
        let list = matches!(self.api.shape(member.shape).kind, ShapeKind::List(_));
        let name = singular(self.api, member);
        let mut found = Vec::new();
        for exactly in [true, false] {
            for (shape, answer) in [(self.output, true), (self.input, false)] {
                let Some(shape) = shape else { continue };
                let mut paths = Vec::new();
                self.search(
                    shape,
                    "",
                    answer,
                    &|known, many| {
                        let known = without_s(known, many);
                        if exactly {
                            known.eq_ignore_ascii_case(&name)
                        } else {
                            plain(known, self.thing) == plain(&name, self.thing)
                        }
                    },
                    list,
                    &mut paths,
                );
                let parsed = paths.iter().filter_map(|path| Expression::parse(path).ok());
                let sources = parsed.map(if answer { Source::Answer } else { Source::Request });
                for source in sources {
                    if !found.contains(&source) {
                        found.push(source);
                    }
                }
            }
        }
        found
    }

    /// The paths to members of that name, here and, if `deeper`, in the described thing or things.
    fn search(
        &self,
        shape: ShapeId,
        before: &str,
        deeper: bool,
        fits: &dyn Fn(&str, bool) -> bool,
        list: bool,
        found: &mut Vec<String>,
    ) {
        let members = self.api.members(shape);
        for member in members {
            match &self.api.shape(member.shape).kind {
                kind if is_plain(kind) && fits(&member.name, false) => {
                    found.push(format!("{before}{}", member.name));
                }
                ShapeKind::List(of)
                    if list && is_plain(&self.api.shape(of.member).kind) && fits(&member.name, true) =>
                {
                    found.push(format!("{before}{}[]", member.name));
                }
                _ => {}
            }
        }
        for member in members.iter().filter(|_| deeper) {
            let thing = self.thing.to_lowercase();
            let name = |many| without_s(&member.name, many).to_lowercase();
            match &self.api.shape(member.shape).kind {
                ShapeKind::Structure(_)
                    if name(false).ends_with(&thing) || thing.starts_with(&name(false)) =>
                {
                    self.search(member.shape, &format!("{before}{}.", member.name), false, fits, list, found);
                }
                ShapeKind::List(of) if list && name(true).ends_with(&thing) => {
                    self.search(of.member, &format!("{before}{}[].", member.name), false, fits, list, found);
                }
                _ => {}
            }
        }
    }
}

/// Whether a value of that kind can identify something.
const fn is_plain(kind: &ShapeKind) -> bool {
    matches!(kind, ShapeKind::String(_) | ShapeKind::Integer | ShapeKind::Long)
}
