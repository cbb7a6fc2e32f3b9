//! CloudFormation and SAM templates: their state machines, versions, aliases and activities. Other resources are passed over.

use std::path::Path;

use super::Given;
use super::desired::{Activity, Alias, Desired, Encryption, Logging, Machine, Resource, Target, Version};
use super::fields::Fields;
use super::node::{Fault, Kind, Node, Place};
use super::parameter;
use super::resolve::Scope;
use super::source::{Source, definition, substituted};

/// What stands for the ARN of a version that isn't published yet: no ARN has a control character.
const NEWEST: &str = "\u{1}newest:";

/// What a template asks for, and what of it is passed over.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) desired: Vec<Desired>,
    /// Told to the user.
    pub(crate) remarks: Vec<String>,
}

/// Whether the tree is a template.
pub(crate) fn is_template(node: &Node) -> bool {
    let typed =
        |node: &Node| node.get("Type").and_then(Node::as_text).is_some_and(|t| t.starts_with("AWS::"));
    node.get("Resources").is_some_and(|resources| resources.members().iter().any(|(_, node)| typed(node)))
}

/// Reads a template.
pub(crate) fn read(file: &Path, template: &Node, given: &Given) -> Result<Read, String> {
    let source = Source { file };
    let reader = Reader::new(template, given).map_err(|fault| source.told("", &fault))?;
    let parameters = template.get("Parameters").map(Node::members).unwrap_or_default();
    let remarks = parameters.iter().filter_map(|(name, one)| parameter::unchecked(name, one)).collect();
    let mut read = Read { desired: Vec::new(), remarks };
    for (label, resource) in template.get("Resources").map(Node::members).unwrap_or_default() {
        let about = format!("Resources/{label}");
        let told = |fault: Fault| source.told(&about, &fault);
        if !reader.is_wanted(resource).map_err(told)? {
            continue;
        }
        let kind = resource.get("Type").and_then(Node::as_text).unwrap_or_default();
        let empty = Node { kind: Kind::Null, place: resource.place };
        let properties = resource.get("Properties").unwrap_or(&empty);
        let properties = match kind {
            // It says which revision is meant to CloudFormation; here it is always the one that is made.
            "AWS::StepFunctions::StateMachineVersion" => {
                reader.scope.resolve(&without(properties, "StateMachineRevisionId")).map_err(told)?
            }
            "AWS::StepFunctions::StateMachine"
            | "AWS::Serverless::StateMachine"
            | "AWS::StepFunctions::StateMachineAlias"
            | "AWS::StepFunctions::Activity" => reader.scope.resolve(properties).map_err(told)?,
            _ => continue,
        };
        let mut fields = Fields::of(&properties).map_err(told)?;
        let made = match kind {
            "AWS::StepFunctions::StateMachineVersion" => version(&mut fields),
            "AWS::StepFunctions::StateMachineAlias" => alias(&mut fields),
            "AWS::StepFunctions::Activity" => activity(label, &mut fields),
            _ => machine(label, kind == "AWS::Serverless::StateMachine", &mut fields, &source, given),
        };
        for (name, _) in fields.left() {
            read.remarks.push(format!("{about}: {name} has no effect here"));
        }
        let made = made.map_err(told)?;
        read.desired.extend(made.into_iter().map(|resource| Desired { label: label.clone(), resource }));
    }
    Ok(read)
}

/// A map without one of its members.
fn without(node: &Node, name: &str) -> Node {
    let Kind::Map(members) = &node.kind else { return node.clone() };
    let kept = members.iter().filter(|(member, _)| member != name).cloned().collect();
    Node { kind: Kind::Map(kept), place: node.place }
}

/// A template and what its functions are worked out from.
struct Reader {
    scope: Scope,
}

impl Reader {
    fn new(template: &Node, given: &Given) -> Result<Self, Fault> {
        let mut scope = Scope {
            mappings: template.get("Mappings").cloned(),
            conditions: template.get("Conditions").cloned(),
            ..Scope::default()
        };
        let Given { account, region, .. } = given;
        let pseudo = [
            ("AWS::AccountId", account.as_str()),
            ("AWS::Region", region.as_str()),
            ("AWS::Partition", "aws"),
            ("AWS::URLSuffix", "amazonaws.com"),
            ("AWS::StackName", "newel"),
        ];
        let text = |text: &str| Node::text(text, Place::default());
        scope.values.extend(pseudo.map(|(name, value)| (name.to_owned(), text(value))));
        for (name, parameter) in template.get("Parameters").map(Node::members).unwrap_or_default() {
            let value = given.parameters.iter().rev().find(|(other, _)| other == name);
            let value = parameter::value(name, parameter, value.map(|(_, value)| value.as_str()))?;
            scope.values.insert(name.clone(), value);
        }
        let known = |name: &String| template.get("Parameters").is_some_and(|all| all.get(name).is_some());
        if let Some((name, _)) = given.parameters.iter().find(|(name, _)| !known(name)) {
            return Err(Fault::new(template.place, format!("--parameter {name}: Parameters has no {name}")));
        }
        scope.values.extend(given.values.iter().map(|(path, value)| (path.clone(), text(value))));
        let resources = template.get("Resources").map(Node::members).unwrap_or_default();
        for (label, resource) in resources {
            let values = named_values(label, resource, &scope, given)?;
            scope.values.extend(values.into_iter().map(|(path, value)| (path, text(&value))));
        }
        for (label, resource) in resources {
            if let Some(newest) = version_value(resource, &scope)? {
                scope.values.insert(format!("{label}.Arn"), text(&newest));
                scope.values.insert(label.clone(), text(&newest));
            }
        }
        Ok(Self { scope })
    }

    fn is_wanted(&self, resource: &Node) -> Result<bool, Fault> {
        match resource.get("Condition") {
            Some(name) => self.scope.condition(name.as_text().unwrap_or_default(), name.place),
            None => Ok(true),
        }
    }
}

/// What stands for the ARN of a version resource: its machine's ARN, marked.
fn version_value(resource: &Node, scope: &Scope) -> Result<Option<String>, Fault> {
    if resource.get("Type").and_then(Node::as_text) != Some("AWS::StepFunctions::StateMachineVersion") {
        return Ok(None);
    }
    let machine = resource.get("Properties").and_then(|properties| properties.get("StateMachineArn"));
    let machine = machine.map(|machine| scope.resolve(machine)).transpose()?;
    Ok(machine.and_then(|machine| machine.scalar()).map(|machine| format!("{NEWEST}{machine}")))
}

/// What functions find when they refer to a machine or an activity of the template.
fn named_values(
    label: &str,
    resource: &Node,
    scope: &Scope,
    given: &Given,
) -> Result<Vec<(String, String)>, Fault> {
    let property = |name: &str| resource.get("Properties").and_then(|properties| properties.get(name));
    let name = |member: &str| -> Result<String, Fault> {
        let name = property(member).map(|name| scope.resolve(name)).transpose()?;
        Ok(name.and_then(|name| name.scalar()).unwrap_or_else(|| label.to_owned()))
    };
    let named = |name: String, kind: &str| {
        let arn = format!("arn:aws:states:{}:{}:{kind}:{name}", given.region, given.account);
        vec![(label.to_owned(), arn.clone()), (format!("{label}.Arn"), arn), (format!("{label}.Name"), name)]
    };
    Ok(match resource.get("Type").and_then(Node::as_text).unwrap_or_default() {
        "AWS::StepFunctions::StateMachine" => named(name("StateMachineName")?, "stateMachine"),
        "AWS::Serverless::StateMachine" => named(name("Name")?, "stateMachine"),
        "AWS::StepFunctions::Activity" => named(name("Name")?, "activity"),
        _ => Vec::new(),
    })
}

fn machine(
    label: &str,
    serverless: bool,
    fields: &mut Fields<'_>,
    source: &Source<'_>,
    given: &Given,
) -> Result<Vec<Resource>, Fault> {
    let names = |cloudformation, sam| if serverless { sam } else { cloudformation };
    let name = fields.text(names("StateMachineName", "Name"))?.unwrap_or_else(|| label.to_owned());
    let role = fields.text(names("RoleArn", "Role"))?.or_else(|| given.role_arn.clone());
    let place = fields.place();
    let role_arn = role.ok_or_else(|| {
        let how = names("RoleArn is missing", "Role is missing, and only AWS makes one of Policies");
        Fault::new(place, format!("{how}: give one by --role-arn"))
    })?;
    let kind = fields.text(names("StateMachineType", "Type"))?.unwrap_or_else(|| "STANDARD".to_owned());
    let substitutions = fields.texts("DefinitionSubstitutions")?;
    let machine = Machine {
        definition: definition_of(serverless, fields, &substitutions, source)?,
        role_arn,
        kind,
        logging: logging(fields.take(names("LoggingConfiguration", "Logging")))?,
        tracing: tracing(fields.take(names("TracingConfiguration", "Tracing")))?,
        encryption: encryption(fields.take("EncryptionConfiguration"))?,
        tags: tags(fields.take("Tags"))?,
        name: name.clone(),
    };
    let mut made = vec![Resource::Machine(machine)];
    if let Some(alias) = serverless.then(|| fields.text("AutoPublishAlias")).transpose()?.flatten() {
        made.push(Resource::Version(Version { machine: name.clone(), description: None }));
        let routing = vec![(Target::Newest, 100)];
        made.push(Resource::Alias(Alias { machine: name, name: alias, description: None, routing }));
    }
    Ok(made)
}

fn definition_of(
    serverless: bool,
    fields: &mut Fields<'_>,
    substitutions: &[(String, String)],
    source: &Source<'_>,
) -> Result<String, Fault> {
    if let Some(node) = fields.take("Definition") {
        return Ok(substituted(&node.to_value().to_json(), substitutions, true));
    }
    if let (false, Some(node)) = (serverless, fields.take("DefinitionString")) {
        let text = node.as_text().ok_or_else(|| Fault::new(node.place, "DefinitionString must be a text"))?;
        return definition(text, substitutions, node.place);
    }
    let name = if serverless { "DefinitionUri" } else { "DefinitionS3Location" };
    let Some(node) = fields.take(name) else {
        let place = fields.place();
        return Err(Fault::new(
            place,
            format!("there is neither Definition nor DefinitionString nor {name}"),
        ));
    };
    let path = node.as_text().filter(|path| !path.starts_with("s3:")).ok_or_else(|| {
        Fault::new(node.place, format!("{name} must be the path of a file here: Newel reads nothing from S3"))
    })?;
    let file = source.beside(path);
    let text = std::fs::read_to_string(&file).map_err(|error| {
        Fault::new(node.place, format!("{name}: cannot read {}: {error}", file.display()))
    })?;
    definition(&text, substitutions, node.place).map_err(|fault| {
        Fault::new(node.place, format!("{}:{}: {}", file.display(), fault.place, fault.message))
    })
}

fn logging(node: Option<&Node>) -> Result<Logging, Fault> {
    let Some(node) = node else { return Ok(Logging::default()) };
    let mut fields = Fields::of(node)?;
    let level = fields.text("Level")?.unwrap_or_else(|| "OFF".to_owned());
    let include_execution_data = fields.flag("IncludeExecutionData")?.unwrap_or(false);
    let mut log_groups = Vec::new();
    for destination in fields.take("Destinations").map(Node::items).unwrap_or_default() {
        let group = destination.get("CloudWatchLogsLogGroup").and_then(|group| group.get("LogGroupArn"));
        let arn = group.and_then(Node::scalar);
        log_groups.push(arn.ok_or_else(|| {
            Fault::new(destination.place, "a destination has a CloudWatchLogsLogGroup with a LogGroupArn")
        })?);
    }
    fields.end()?;
    Ok(Logging { level, include_execution_data, log_groups })
}

fn tracing(node: Option<&Node>) -> Result<bool, Fault> {
    let Some(node) = node else { return Ok(false) };
    let mut fields = Fields::of(node)?;
    let enabled = fields.flag("Enabled")?.unwrap_or(false);
    fields.end()?;
    Ok(enabled)
}

fn encryption(node: Option<&Node>) -> Result<Encryption, Fault> {
    let Some(node) = node else { return Ok(Encryption::default()) };
    let mut fields = Fields::of(node)?;
    let kind = fields.needed("Type")?;
    let key = fields.text("KmsKeyId")?;
    let reuse_seconds = fields.number("KmsDataKeyReusePeriodSeconds")?;
    fields.end()?;
    match (kind.as_str(), key) {
        ("AWS_OWNED_KEY", None) => Ok(Encryption::default()),
        ("CUSTOMER_MANAGED_KMS_KEY", Some(key)) => Ok(Encryption { key: Some(key), reuse_seconds }),
        _ => Err(Fault::new(node.place, "KmsKeyId goes with CUSTOMER_MANAGED_KMS_KEY, and only with it")),
    }
}

/// Tags as a list of `Key` and `Value`, or as the map that SAM has.
fn tags(node: Option<&Node>) -> Result<Vec<(String, String)>, Fault> {
    let Some(node) = node else { return Ok(Vec::new()) };
    let wrong = |place| Fault::new(place, "Tags is a list of maps with Key and Value, or a map");
    let mut tags = match &node.kind {
        Kind::List(items) => items
            .iter()
            .map(|item| {
                let text = |name| item.get(name).and_then(Node::scalar).ok_or_else(|| wrong(item.place));
                Ok((text("Key")?, text("Value")?))
            })
            .collect::<Result<Vec<_>, Fault>>()?,
        Kind::Map(members) => members
            .iter()
            .map(|(key, value)| Ok((key.clone(), value.scalar().ok_or_else(|| wrong(value.place))?)))
            .collect::<Result<Vec<_>, Fault>>()?,
        _ => return Err(wrong(node.place)),
    };
    tags.sort();
    Ok(tags)
}

fn version(fields: &mut Fields<'_>) -> Result<Vec<Resource>, Fault> {
    let place = fields.place();
    let arn = fields.needed("StateMachineArn")?;
    let description = fields.text("Description")?;
    Ok(vec![Resource::Version(Version { machine: machine_name(&arn, place)?.0, description })])
}

fn alias(fields: &mut Fields<'_>) -> Result<Vec<Resource>, Fault> {
    let place = fields.place();
    let name = fields.needed("Name")?;
    let description = fields.text("Description")?;
    let mut routes: Vec<(String, i32)> = Vec::new();
    for route in fields.take("RoutingConfiguration").map(Node::items).unwrap_or_default() {
        let mut route = Fields::of(route)?;
        routes.push((route.needed("StateMachineVersionArn")?, route.number("Weight")?.unwrap_or(100)));
        route.end()?;
    }
    // Whatever its pace: here the new version takes over at once.
    if let Some(node) = fields.take("DeploymentPreference") {
        routes.push((Fields::of(node)?.needed("StateMachineVersionArn")?, 100));
    }
    let mut machine = String::new();
    let mut routing = Vec::with_capacity(routes.len());
    for (arn, weight) in routes {
        let (named, number) = machine_name(&arn, place)?;
        machine = named;
        routing.push((number.map_or(Target::Newest, Target::Number), weight));
    }
    if routing.is_empty() {
        return Err(Fault::new(place, "RoutingConfiguration is missing"));
    }
    Ok(vec![Resource::Alias(Alias { machine, name, description, routing })])
}

/// The machine that the ARN of a machine or a version names, and the version's number.
fn machine_name(arn: &str, place: Place) -> Result<(String, Option<u64>), Fault> {
    let arn = arn.strip_prefix(NEWEST).unwrap_or(arn);
    let parts: Vec<&str> = arn.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "states", _, _, "stateMachine", name] => Ok(((*name).to_owned(), None)),
        ["arn", _, "states", _, _, "stateMachine", name, number] if number.parse::<u64>().is_ok() => {
            Ok(((*name).to_owned(), number.parse().ok()))
        }
        _ => Err(Fault::new(place, format!("{arn} isn't the ARN of a state machine or of a version of one"))),
    }
}

fn activity(label: &str, fields: &mut Fields<'_>) -> Result<Vec<Resource>, Fault> {
    let name = fields.text("Name")?.unwrap_or_else(|| label.to_owned());
    let tags = tags(fields.take("Tags"))?;
    Ok(vec![Resource::Activity(Activity { name, tags })])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given() -> Given {
        Given { account: "000000000000".to_owned(), region: "us-east-1".to_owned(), ..Given::default() }
    }

    fn read_text(text: &str, given: &Given) -> Result<Read, String> {
        read(Path::new("t.yaml"), &Node::parse(text).unwrap(), given)
    }

    const TEMPLATE: &str = r#"
Parameters:
  Stage: {Type: String, Default: test}
Resources:
  Table: {Type: AWS::DynamoDB::Table, Properties: {Whatever: !ImportValue x}}
  Live:
    Type: AWS::StepFunctions::StateMachineAlias
    Properties: {Name: live, RoutingConfiguration: [{StateMachineVersionArn: !Ref V, Weight: 100}]}
  V:
    Type: AWS::StepFunctions::StateMachineVersion
    Properties: {StateMachineArn: !Ref Flow, StateMachineRevisionId: !GetAtt Flow.StateMachineRevisionId}
  Flow:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      StateMachineName: !Sub '${Stage}-flow'
      RoleArn: !Sub 'arn:${AWS::Partition}:iam::${AWS::AccountId}:role/x'
      DefinitionString: !Sub '{"StartAt": "A", "Comment": "${Ask}", "States": {"A": {"Type": "Wait", "Seconds": ${!S}, "End": true}}}'
      DefinitionSubstitutions: {S: 3}
      Tags: [{Key: b, Value: 1}, {Key: a, Value: x}]
  Ask: {Type: AWS::StepFunctions::Activity, Properties: {Name: ask}}
"#;

    #[test]
    fn resources_refer_to_each_other_and_others_are_passed_over() {
        let read = read_text(TEMPLATE, &given()).unwrap();
        assert_eq!(read.remarks, [""; 0]);
        let [alias, version, machine, activity] = read.desired.as_slice() else {
            panic!("{:?}", read.desired)
        };
        assert_eq!(
            alias.resource,
            Resource::Alias(Alias {
                machine: "test-flow".to_owned(),
                name: "live".to_owned(),
                description: None,
                routing: vec![(Target::Newest, 100)],
            })
        );
        assert_eq!(
            version.resource,
            Resource::Version(Version { machine: "test-flow".to_owned(), description: None })
        );
        let Resource::Machine(machine) = &machine.resource else { panic!("{machine:?}") };
        assert_eq!((machine.name.as_str(), machine.kind.as_str()), ("test-flow", "STANDARD"));
        assert_eq!(machine.role_arn, "arn:aws:iam::000000000000:role/x");
        assert!(machine.definition.contains(r#""Seconds": 3"#), "{}", machine.definition);
        assert!(machine.definition.contains("arn:aws:states:us-east-1:000000000000:activity:ask"));
        assert_eq!(machine.tags, [("a".to_owned(), "x".to_owned()), ("b".to_owned(), "1".to_owned())]);
        assert_eq!(activity.resource.title(), "activity ask");
    }

    #[test]
    fn sam_publishes_and_says_what_has_no_effect() {
        let text = r#"
Resources:
  Flow:
    Type: AWS::Serverless::StateMachine
    Properties:
      Role: arn:aws:iam::000000000000:role/x
      Type: EXPRESS
      Definition: {StartAt: A, States: {A: {Type: Pass, Result: '${T}', End: true}}}
      DefinitionSubstitutions: {T: !Select [1, [a, b]]}
      AutoPublishAlias: live
      Events: {Daily: {Type: Schedule}}
      Tags: {x: y}
"#;
        let read = read_text(text, &given()).unwrap();
        let titles: Vec<String> = read.desired.iter().map(|desired| desired.resource.title()).collect();
        assert_eq!(titles, ["state machine Flow", "version of Flow", "alias Flow:live"]);
        let Resource::Machine(machine) = &read.desired[0].resource else { panic!() };
        assert_eq!(
            machine.definition,
            r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Result":"b","End":true}}}"#
        );
        assert_eq!(read.remarks, ["Resources/Flow: Events has no effect here"]);
    }

    #[test]
    fn errors_name_the_place_and_the_way_out() {
        let machine = |properties: &str| {
            format!(
                "Resources:\n  Flow:\n    Type: AWS::StepFunctions::StateMachine\n    Properties:\n{properties}"
            )
        };
        let role = "      RoleArn: arn:aws:iam::0:role/x\n";
        for (text, expect) in [
            (
                machine("      RoleArn: !GetAtt Role.Arn\n"),
                "t.yaml:5:16: Resources/Flow: Role.Arn is not known here: give what it stands for by --value 'Role.Arn=…'",
            ),
            (machine("      DefinitionString: '{}'\n"), "RoleArn is missing: give one by --role-arn"),
            (machine(role), "neither Definition nor DefinitionString"),
            (
                machine(&format!("{role}      DefinitionString: '{{'\n")),
                "t.yaml:6:25: Resources/Flow: the definition is no JSON",
            ),
            (
                machine(&format!("{role}      DefinitionS3Location: {{Bucket: b, Key: k}}\n")),
                "reads nothing from S3",
            ),
            (machine(&format!("{role}      DefinitionS3Location: none.json\n")), "cannot read none.json"),
            ("Parameters: {P: {Type: String}}\nResources: {}".to_owned(), "--parameter P=…"),
            (
                "Parameters: {P: {Type: String, Default: c, AllowedValues: [a, b]}}\nResources: {}"
                    .to_owned(),
                "t.yaml:1:17: Parameters/P must be one of a, b",
            ),
        ] {
            let error = read_text(&text, &given()).unwrap_err();
            assert!(error.contains(expect), "{text}\n{error}");
        }
        let given = Given { parameters: vec![("Q".to_owned(), "1".to_owned())], ..given() };
        assert!(read_text("Resources: {}", &given).unwrap_err().contains("Parameters has no Q"));
    }
}
