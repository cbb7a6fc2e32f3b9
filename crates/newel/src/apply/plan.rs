//! What has to be done: what is to be there beside what is there.

use std::collections::HashMap;

use super::desired::{
    Activity, Alias, Desired, Encryption, Logging, Machine, Resource, Target, Version, laid_out,
    same_definition,
};

/// What the server has of what is desired.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// By name.
    pub(crate) machines: HashMap<String, LiveMachine>,
    /// By machine and name.
    pub(crate) aliases: HashMap<(String, String), LiveAlias>,
    /// The tags of each activity, by its name.
    pub(crate) activities: HashMap<String, Vec<(String, String)>>,
}

/// A state machine that is there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LiveMachine {
    pub(crate) machine: Machine,
    /// The number of its newest version, and whether that is of the current revision.
    pub(crate) newest: Option<(u64, bool)>,
}

/// An alias that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LiveAlias {
    pub(crate) description: Option<String>,
    pub(crate) routing: Vec<(u64, i32)>,
}

/// What is to be done about a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Create,
    Update,
    Nothing,
}

/// A resource, what is to be done about it, and what that changes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) desired: Desired,
    pub(crate) action: Action,
    /// What changes, a line each: `role: a → b`.
    pub(crate) lines: Vec<String>,
    /// The definition before and after, laid out, where it changes.
    pub(crate) definition: Option<(String, String)>,
    /// Tags that go.
    pub(crate) untag: Vec<String>,
}

/// Plans what to do, in the order in which it is to be done.
///
/// # Errors
/// What can't be done, such as a change of a state machine's type.
pub(crate) fn plan(mut desired: Vec<Desired>, live: &Live) -> Result<Vec<Change>, String> {
    check_names(&desired)?;
    desired.sort_by_key(|desired| desired.resource.rank());
    let mut changed_machines = Vec::new();
    let mut published = Vec::new();
    let mut changes = Vec::with_capacity(desired.len());
    for desired in desired {
        let change = match &desired.resource {
            Resource::Activity(activity) => planned_activity(activity, live),
            Resource::Machine(machine) => planned_machine(machine, live)?,
            Resource::Version(version) => planned_version(version, live, &changed_machines)?,
            Resource::Alias(alias) => planned_alias(alias, live, &published)?,
        };
        match &desired.resource {
            Resource::Machine(machine) if change.changes_revision() => {
                changed_machines.push(machine.name.clone())
            }
            Resource::Version(version) if change.action == Some(Action::Create) => {
                published.push(version.machine.clone())
            }
            _ => {}
        }
        changes.push(Change { desired, ..change.into_change() });
    }
    Ok(changes)
}

/// A change without the resource it is of.
#[derive(Default)]
struct Planned {
    action: Option<Action>,
    lines: Vec<String>,
    definition: Option<(String, String)>,
    untag: Vec<String>,
    /// Whether more than tags change.
    revision: bool,
}

impl Planned {
    fn create(lines: Vec<String>) -> Self {
        Self { action: Some(Action::Create), lines, revision: true, ..Self::default() }
    }

    fn changes_revision(&self) -> bool {
        self.revision
    }

    /// Notes a member that changes, if it does.
    fn compare(&mut self, name: &str, before: impl ToString, after: impl ToString) {
        let (before, after) = (before.to_string(), after.to_string());
        if before != after {
            self.lines.push(format!("{name}: {before} → {after}"));
            self.revision = true;
        }
    }

    fn compare_tags(&mut self, before: &[(String, String)], after: &[(String, String)]) {
        for (key, value) in after {
            match before.iter().find(|(other, _)| other == key) {
                None => self.lines.push(format!("tag {key}: {value}")),
                Some((_, old)) if old != value => self.lines.push(format!("tag {key}: {old} → {value}")),
                Some(_) => {}
            }
        }
        for (key, _) in before.iter().filter(|(key, _)| !after.iter().any(|(other, _)| other == key)) {
            self.lines.push(format!("tag {key}: goes"));
            self.untag.push(key.clone());
        }
    }

    fn into_change(self) -> Change {
        let changes = self.definition.is_some() || !self.lines.is_empty();
        let action = self.action.unwrap_or(if changes { Action::Update } else { Action::Nothing });
        let Self { lines, definition, untag, .. } = self;
        // The caller puts the resource in.
        let nothing = Resource::Version(Version { machine: String::new(), description: None });
        let desired = Desired { label: String::new(), resource: nothing };
        Change { desired, action, lines, definition, untag }
    }
}

/// Refuses what is there twice: the two would take turns.
fn check_names(desired: &[Desired]) -> Result<(), String> {
    for (position, one) in desired.iter().enumerate() {
        let other = desired[..position].iter().find(|other| other.resource.title() == one.resource.title());
        if let Some(other) = other {
            let (title, first, second) = (one.resource.title(), &other.label, &one.label);
            return Err(format!("{title} is asked for twice, by {first} and by {second}"));
        }
    }
    Ok(())
}

fn planned_activity(activity: &Activity, live: &Live) -> Planned {
    let Some(tags) = live.activities.get(&activity.name) else {
        return Planned::create(
            activity.tags.iter().map(|(key, value)| format!("tag {key}: {value}")).collect(),
        );
    };
    let mut planned = Planned::default();
    planned.compare_tags(tags, &activity.tags);
    planned
}

fn planned_machine(machine: &Machine, live: &Live) -> Result<Planned, String> {
    let Some(LiveMachine { machine: before, .. }) = live.machines.get(&machine.name) else {
        let mut lines = vec![format!("role: {}", machine.role_arn), format!("type: {}", machine.kind)];
        lines.extend(machine.tags.iter().map(|(key, value)| format!("tag {key}: {value}")));
        let definition = Some((String::new(), laid_out(&machine.definition)));
        return Ok(Planned { definition, ..Planned::create(lines) });
    };
    if before.kind != machine.kind {
        let Machine { name, kind, .. } = machine;
        let was = &before.kind;
        return Err(format!(
            "state machine {name} is {was} and can't become {kind}: delete it first, or give the new one another name"
        ));
    }
    let mut planned = Planned::default();
    planned.compare("role", &before.role_arn, &machine.role_arn);
    planned.compare("logging", told_logging(&before.logging), told_logging(&machine.logging));
    planned.compare("tracing", before.tracing, machine.tracing);
    planned.compare("encryption", told_encryption(&before.encryption), told_encryption(&machine.encryption));
    planned.compare_tags(&before.tags, &machine.tags);
    if !same_definition(&before.definition, &machine.definition) {
        planned.definition = Some((laid_out(&before.definition), laid_out(&machine.definition)));
        planned.revision = true;
    }
    Ok(planned)
}

fn told_logging(logging: &Logging) -> String {
    let Logging { level, include_execution_data, log_groups } = logging;
    let data = if *include_execution_data { " with data" } else { "" };
    let groups: String = log_groups.iter().map(|group| format!(" to {group}")).collect();
    format!("{level}{data}{groups}")
}

fn told_encryption(encryption: &Encryption) -> String {
    match &encryption.key {
        None => "AWS_OWNED_KEY".to_owned(),
        Some(key) => format!("{key}, data keys reused for {} s", encryption.reuse_seconds.unwrap_or(300)),
    }
}

fn planned_version(version: &Version, live: &Live, changed: &[String]) -> Result<Planned, String> {
    let name = &version.machine;
    match live.machines.get(name) {
        Some(LiveMachine { newest: Some((_, true)), .. }) if !changed.contains(name) => {
            Ok(Planned::default())
        }
        Some(LiveMachine { newest, .. }) => {
            let number = newest.map_or(1, |(number, _)| number + 1);
            Ok(Planned::create(vec![format!("version {number} or later: the current revision")]))
        }
        None if changed.contains(name) => {
            Ok(Planned::create(vec!["version 1: the current revision".to_owned()]))
        }
        None => Err(format!("there is no state machine {name} to publish a version of")),
    }
}

fn planned_alias(alias: &Alias, live: &Live, published: &[String]) -> Result<Planned, String> {
    let newest = live.machines.get(&alias.machine).and_then(|machine| machine.newest);
    let renewed = published.contains(&alias.machine);
    let mut after = Vec::with_capacity(alias.routing.len());
    for (target, share) in &alias.routing {
        let version = match (target, newest) {
            (Target::Number(number), _) => number.to_string(),
            (Target::Newest, _) if renewed => "the new version".to_owned(),
            (Target::Newest, Some((number, _))) => number.to_string(),
            (Target::Newest, None) => {
                return Err(format!(
                    "{} has no version for alias {}: publish one",
                    alias.machine, alias.name
                ));
            }
        };
        after.push(format!("{version} at {share} %"));
    }
    let after = after.join(", ");
    let Some(before) = live.aliases.get(&(alias.machine.clone(), alias.name.clone())) else {
        return Ok(Planned::create(vec![format!("routing: {after}")]));
    };
    let mut planned = Planned::default();
    let told = |(number, share): &(u64, i32)| format!("{number} at {share} %");
    planned.compare("routing", before.routing.iter().map(told).collect::<Vec<_>>().join(", "), after);
    // A description that the file doesn't have stays.
    if let Some(description) = &alias.description {
        planned.compare("description", before.description.as_deref().unwrap_or_default(), description);
    }
    Ok(planned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(name: &str, comment: &str) -> Machine {
        Machine {
            name: name.to_owned(),
            definition: format!(r#"{{"Comment": "{comment}", "StartAt": "A"}}"#),
            role_arn: "arn:role".to_owned(),
            kind: "STANDARD".to_owned(),
            logging: Logging::default(),
            tracing: false,
            encryption: Encryption::default(),
            tags: vec![("a".to_owned(), "1".to_owned())],
        }
    }

    fn desired(resource: Resource) -> Desired {
        Desired { label: resource.title(), resource }
    }

    fn everything(comment: &str) -> Vec<Desired> {
        let alias = Alias {
            machine: "m".to_owned(),
            name: "live".to_owned(),
            description: None,
            routing: vec![(Target::Newest, 100)],
        };
        vec![
            desired(Resource::Alias(alias)),
            desired(Resource::Version(Version { machine: "m".to_owned(), description: None })),
            desired(Resource::Machine(machine("m", comment))),
            desired(Resource::Activity(Activity { name: "ask".to_owned(), tags: Vec::new() })),
        ]
    }

    /// As it is after everything has been applied.
    fn applied() -> Live {
        let newest = Some((3, true));
        Live {
            machines: [("m".to_owned(), LiveMachine { machine: machine("m", "x"), newest })].into(),
            aliases: [(
                ("m".to_owned(), "live".to_owned()),
                LiveAlias { description: Some("kept".to_owned()), routing: vec![(3, 100)] },
            )]
            .into(),
            activities: [("ask".to_owned(), Vec::new())].into(),
        }
    }

    fn actions(changes: &[Change]) -> Vec<Action> {
        changes.iter().map(|change| change.action).collect()
    }

    #[test]
    fn all_is_made_in_the_order_of_what_needs_what() {
        let changes = plan(everything("x"), &Live::default()).unwrap();
        let titles: Vec<_> = changes.iter().map(|change| change.desired.resource.title()).collect();
        assert_eq!(titles, ["activity ask", "state machine m", "version of m", "alias m:live"]);
        assert_eq!(actions(&changes), [Action::Create; 4]);
        assert_eq!(changes[3].lines, ["routing: the new version at 100 %"]);
    }

    #[test]
    fn what_is_there_is_left_alone() {
        let changes = plan(everything("x"), &applied()).unwrap();
        assert_eq!(actions(&changes), [Action::Nothing; 4]);
        let mut other_layout = machine("m", "x");
        other_layout.definition = "{\n\"Comment\":\"x\",\"StartAt\":\"A\"}".to_owned();
        let changes = plan(vec![desired(Resource::Machine(other_layout))], &applied()).unwrap();
        assert_eq!(actions(&changes), [Action::Nothing]);
    }

    #[test]
    fn a_new_revision_is_published_and_its_aliases_follow() {
        let changes = plan(everything("y"), &applied()).unwrap();
        assert_eq!(actions(&changes), [Action::Nothing, Action::Update, Action::Create, Action::Update]);
        let (before, after) = changes[1].definition.as_ref().unwrap();
        assert!(before.contains("\"x\"") && after.contains("\"y\""));
        assert_eq!(changes[3].lines, ["routing: 3 at 100 % → the new version at 100 %"]);
    }

    #[test]
    fn tags_alone_make_no_revision() {
        let mut tagged = machine("m", "x");
        tagged.tags = vec![("b".to_owned(), "2".to_owned())];
        let mut all = everything("x");
        all[2] = desired(Resource::Machine(tagged));
        let changes = plan(all, &applied()).unwrap();
        assert_eq!(actions(&changes), [Action::Nothing, Action::Update, Action::Nothing, Action::Nothing]);
        assert_eq!(changes[1].lines, ["tag b: 2", "tag a: goes"]);
        assert_eq!(changes[1].untag, ["a"]);
    }

    #[test]
    fn what_can_not_be_done_is_told() {
        let mut express = machine("m", "x");
        express.kind = "EXPRESS".to_owned();
        let error = plan(vec![desired(Resource::Machine(express))], &applied()).unwrap_err();
        assert!(error.contains("can't become EXPRESS"), "{error}");
        let version = Resource::Version(Version { machine: "none".to_owned(), description: None });
        assert!(plan(vec![desired(version)], &applied()).unwrap_err().contains("no state machine none"));
        let twice = vec![
            desired(Resource::Machine(machine("m", "x"))),
            desired(Resource::Machine(machine("m", "y"))),
        ];
        assert!(plan(twice, &applied()).unwrap_err().contains("asked for twice"));
    }
}
