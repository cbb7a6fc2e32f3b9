//! A directory of definitions, with or without a `newel.yaml` that says more about them.

use std::path::{Path, PathBuf};

use super::Given;
use super::desired::{Activity, Alias, Desired, Encryption, Logging, Machine, Resource, Target, Version};
use super::fields::Fields;
use super::node::{Fault, Kind, Node, Place};
use super::source::{Source, definition};

/// The manifest's name in its directory.
pub(crate) const MANIFEST: &str = "newel.yaml";
/// What the names of definitions end with, in the order in which they are looked for.
const ENDINGS: [&str; 4] = [".asl.json", ".asl.yaml", ".asl.yml", ".json"];

/// What all machines of a directory have unless they say otherwise.
#[derive(Default)]
struct Defaults {
    role: Option<String>,
    substitutions: Vec<(String, String)>,
    tags: Vec<(String, String)>,
}

/// Reads a directory: its manifest if it has one, else every definition in it.
pub(crate) fn read_directory(directory: &Path, given: &Given) -> Result<Vec<Desired>, String> {
    let file = directory.join(MANIFEST);
    if !file.exists() {
        return every_definition(directory, given);
    }
    let text =
        std::fs::read_to_string(&file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let told = |fault: Fault| Source { file: &file }.told("", &fault);
    let node = Node::parse(&text).map_err(told)?;
    read(&file, &node, given)
}

/// Every definition of a directory, named after its file.
fn every_definition(directory: &Path, given: &Given) -> Result<Vec<Desired>, String> {
    let unreadable = |error| format!("cannot read {}: {error}", directory.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        files.push(entry.map_err(unreadable)?.path());
    }
    files.sort();
    let mut desired = Vec::new();
    for file in files {
        let name = file.file_name().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
        let Some(name) = ENDINGS[..3].iter().find_map(|ending| name.strip_suffix(ending)) else { continue };
        let place = Place { line: 1, column: 1 };
        let empty = Node { kind: Kind::Null, place };
        let defaults = Defaults { role: given.role_arn.clone(), ..Defaults::default() };
        let made = machine(name, &empty, &defaults, &Source { file: &directory.join(MANIFEST) });
        let told = |fault: Fault| Source { file: &file }.told("", &fault);
        desired.extend(labelled(name, made.map_err(told)?));
    }
    if desired.is_empty() {
        let endings = ENDINGS[..3].join(", ");
        return Err(format!(
            "{} has no {MANIFEST} and no file that ends with {endings}",
            directory.display()
        ));
    }
    Ok(desired)
}

/// Reads a manifest.
pub(crate) fn read(file: &Path, manifest: &Node, given: &Given) -> Result<Vec<Desired>, String> {
    let source = Source { file };
    let told = |fault: Fault| source.told("", &fault);
    let mut fields = Fields::of(manifest).map_err(told)?;
    let defaults = Defaults {
        role: given.role_arn.clone().or(fields.text("role").map_err(told)?),
        substitutions: fields.texts("substitutions").map_err(told)?,
        tags: fields.texts("tags").map_err(told)?,
    };
    let mut desired = Vec::new();
    for (name, node) in fields.take("machines").map(Node::members).unwrap_or_default() {
        let made = machine(name, node, &defaults, &source);
        desired
            .extend(labelled(name, made.map_err(|fault| source.told(&format!("machines/{name}"), &fault))?));
    }
    if let Some(node) = fields.take("activities") {
        for (name, node) in activities(node).map_err(told)? {
            let mut fields = Fields::of(&node).map_err(told)?;
            let tags = with_defaults(fields.texts("tags").map_err(told)?, &defaults.tags);
            fields.end().map_err(told)?;
            desired.extend(labelled(&name, vec![Resource::Activity(Activity { name: name.clone(), tags })]));
        }
    }
    fields.end().map_err(told)?;
    Ok(desired)
}

fn labelled(label: &str, resources: Vec<Resource>) -> impl Iterator<Item = Desired> {
    resources.into_iter().map(move |resource| Desired { label: label.to_owned(), resource })
}

/// Activities as a list of names, or as a map with what there is to say of each.
fn activities(node: &Node) -> Result<Vec<(String, Node)>, Fault> {
    let nothing = |place| Node { kind: Kind::Null, place };
    match &node.kind {
        Kind::Map(members) => Ok(members.clone()),
        _ => node
            .items()
            .iter()
            .map(|item| {
                let name =
                    item.scalar().ok_or_else(|| Fault::new(item.place, "an activity's name is a text"))?;
                Ok((name, nothing(item.place)))
            })
            .collect(),
    }
}

fn machine(
    name: &str,
    node: &Node,
    defaults: &Defaults,
    source: &Source<'_>,
) -> Result<Vec<Resource>, Fault> {
    let mut fields = Fields::of(node)?;
    let file = definition_file(name, &mut fields, source)?;
    let substitutions = with_defaults(fields.texts("substitutions")?, &defaults.substitutions);
    let text = std::fs::read_to_string(&file)
        .map_err(|error| Fault::new(node.place, format!("cannot read {}: {error}", file.display())))?;
    let definition = definition(&text, &substitutions, node.place).map_err(|fault| {
        Fault::new(node.place, format!("{}:{}: {}", file.display(), fault.place, fault.message))
    })?;
    let role_arn = fields.text("role")?.or_else(|| defaults.role.clone());
    let role_arn = role_arn.ok_or_else(|| {
        Fault::new(node.place, "it has no role: give one as `role` here or above, or by --role-arn")
    })?;
    let publish = fields.flag("publish")?.unwrap_or(false);
    let aliases = aliases(name, fields.take("aliases"))?;
    let made = Machine {
        name: name.to_owned(),
        definition,
        role_arn,
        kind: fields.text("type")?.unwrap_or_else(|| "STANDARD".to_owned()),
        logging: logging(fields.take("logging"))?,
        tracing: fields.flag("tracing")?.unwrap_or(false),
        encryption: encryption(fields.take("encryption"))?,
        tags: with_defaults(fields.texts("tags")?, &defaults.tags),
    };
    fields.end()?;
    let mut resources = vec![Resource::Machine(made)];
    let newest = |alias: &Alias| alias.routing.iter().any(|(target, _)| *target == Target::Newest);
    if publish || aliases.iter().any(newest) {
        resources.push(Resource::Version(Version { machine: name.to_owned(), description: None }));
    }
    resources.extend(aliases.into_iter().map(Resource::Alias));
    Ok(resources)
}

/// The definition's file: the one that is named, or one with the machine's name.
fn definition_file(name: &str, fields: &mut Fields<'_>, source: &Source<'_>) -> Result<PathBuf, Fault> {
    if let Some(path) = fields.text("definition")? {
        return Ok(source.beside(&path));
    }
    let found =
        ENDINGS.iter().map(|ending| source.beside(&format!("{name}{ending}"))).find(|file| file.exists());
    found.ok_or_else(|| {
        let how = format!("there is no {name}{}; `definition` names a file", ENDINGS[0]);
        Fault::new(fields.place(), how)
    })
}

/// A machine's own entries, and those of the defaults that it doesn't have; by name.
fn with_defaults(mut own: Vec<(String, String)>, defaults: &[(String, String)]) -> Vec<(String, String)> {
    for (name, value) in defaults {
        if !own.iter().any(|(other, _)| other == name) {
            own.push((name.clone(), value.clone()));
        }
    }
    own.sort();
    own
}

fn logging(node: Option<&Node>) -> Result<Logging, Fault> {
    let Some(node) = node else { return Ok(Logging::default()) };
    let mut fields = Fields::of(node)?;
    let level = fields.text("level")?.unwrap_or_else(|| "ALL".to_owned());
    let include_execution_data = fields.flag("include_execution_data")?.unwrap_or(false);
    let log_groups = fields.text("log_group")?.into_iter().collect();
    fields.end()?;
    Ok(Logging { level, include_execution_data, log_groups })
}

fn encryption(node: Option<&Node>) -> Result<Encryption, Fault> {
    let Some(node) = node else { return Ok(Encryption::default()) };
    let mut fields = Fields::of(node)?;
    let key = Some(fields.needed("key")?);
    let reuse_seconds = fields.number("reuse_seconds")?;
    fields.end()?;
    Ok(Encryption { key, reuse_seconds })
}

/// Aliases by name: `newest`, a version's number, or both kinds with their shares in percent.
fn aliases(machine: &str, node: Option<&Node>) -> Result<Vec<Alias>, Fault> {
    let alias = |(name, node): &(String, Node)| {
        let routing = match &node.kind {
            Kind::Map(shares) => shares
                .iter()
                .map(|(version, share)| {
                    let share_of = share.scalar().and_then(|text| text.parse().ok());
                    let share =
                        share_of.ok_or_else(|| Fault::new(share.place, "a share is a number of percent"))?;
                    Ok((target(version, node.place)?, share))
                })
                .collect::<Result<_, Fault>>()?,
            _ => vec![(target(&node.scalar().unwrap_or_default(), node.place)?, 100)],
        };
        Ok(Alias { machine: machine.to_owned(), name: name.clone(), description: None, routing })
    };
    node.map(Node::members).unwrap_or_default().iter().map(alias).collect()
}

fn target(text: &str, place: Place) -> Result<Target, Fault> {
    match text {
        "newest" => Ok(Target::Newest),
        number => number.parse().map(Target::Number).map_err(|_| {
            Fault::new(place, "an alias leads to `newest`, to a version's number, or to a map of these")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        directory
    }

    fn titles(desired: &[Desired]) -> Vec<String> {
        desired.iter().map(|desired| desired.resource.title()).collect()
    }

    const PASS: &str =
        r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": "${T}", "End": true}}}"#;

    #[test]
    fn a_manifest_says_what_there_is() {
        let manifest = "
role: arn:aws:iam::000000000000:role/x
substitutions: {T: one}
tags: {team: a, stage: b}
machines:
  order:
    type: EXPRESS
    tags: {team: c}
    logging: {level: ERROR, log_group: 'arn:logs'}
    tracing: true
    encryption: {key: alias/k, reuse_seconds: 60}
    substitutions: {T: two}
    aliases: {live: newest, canary: {1: 90, newest: 10}}
  other: {definition: sub.json, role: arn:other}
activities: [ask]
";
        let directory = directory(&[("newel.yaml", manifest), ("order.asl.json", PASS), ("sub.json", PASS)]);
        let desired = read_directory(directory.path(), &Given::default()).unwrap();
        assert_eq!(
            titles(&desired),
            [
                "state machine order",
                "version of order",
                "alias order:live",
                "alias order:canary",
                "state machine other",
                "activity ask"
            ]
        );
        let Resource::Machine(order) = &desired[0].resource else { panic!() };
        assert!(order.definition.contains("two") && order.kind == "EXPRESS" && order.tracing);
        assert_eq!(order.tags, [("stage".into(), "b".into()), ("team".into(), "c".into())]);
        assert_eq!(order.encryption, Encryption { key: Some("alias/k".into()), reuse_seconds: Some(60) });
        let Resource::Alias(canary) = &desired[3].resource else { panic!() };
        assert_eq!(canary.routing, [(Target::Number(1), 90), (Target::Newest, 10)]);
        let Resource::Machine(other) = &desired[4].resource else { panic!() };
        assert!(other.definition.contains("one") && other.role_arn == "arn:other");
    }

    #[test]
    fn without_a_manifest_every_definition_counts() {
        let directory =
            directory(&[("a.asl.json", PASS), ("b.asl.yaml", "StartAt: A"), ("readme.json", "{}")]);
        let given = Given { role_arn: Some("arn:role".to_owned()), ..Given::default() };
        let desired = read_directory(directory.path(), &given).unwrap();
        assert_eq!(titles(&desired), ["state machine a", "state machine b"]);
        let error = read_directory(directory.path(), &Given::default()).unwrap_err();
        assert!(error.contains("--role-arn"), "{error}");
    }

    #[test]
    fn errors_name_the_place() {
        for (manifest, expect) in [
            ("machines: {a: {rolle: x, role: y}}", "newel.yaml:1:23: machines/a: rolle isn't known here"),
            ("machines: {a: {role: x, aliases: {l: newst}}}", "an alias leads to"),
            ("machines: {b: {role: x}}", "there is no b.asl.json"),
            (
                "machine: {}",
                "machine isn't known here; what is: role, substitutions, tags, machines, activities",
            ),
            ("machines: {a: {role: x, tracing: maybe}}", "tracing must be true or false"),
        ] {
            let directory = directory(&[("newel.yaml", manifest), ("a.asl.json", PASS)]);
            let error = read_directory(directory.path(), &Given::default()).unwrap_err();
            assert!(error.contains(expect), "{manifest}: {error}");
        }
    }
}
