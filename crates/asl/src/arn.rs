//! ARNs of what the service owns.
//!
//! ```text
//! arn:PARTITION:states:REGION:ACCOUNT:stateMachine:NAME[:VERSION|:ALIAS]
//! arn:PARTITION:states:REGION:ACCOUNT:stateMachine:NAME/LABEL
//! arn:PARTITION:states:REGION:ACCOUNT:execution:NAME[/LABEL]:EXECUTION
//! arn:PARTITION:states:REGION:ACCOUNT:express:NAME[/LABEL]:EXECUTION:RUN
//! arn:PARTITION:states:REGION:ACCOUNT:mapRun:NAME/LABEL:RUN
//! arn:PARTITION:states:REGION:ACCOUNT:activity:NAME
//! ```

use std::fmt;
use std::str::FromStr;

use newel_value::Str;

/// The longest ARN that is looked at, in bytes (AWS's `LongArn`).
pub const MAX_ARN: usize = 2_000;

/// Whether a text can be a region's name: 1 to 32 of `a`–`z`, `0`–`9` and `-`. It becomes part of the hosts that are called, so
/// nothing else may.
#[must_use]
pub fn is_region(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&text.len()) && text.bytes().all(is_allowed)
}

/// Why a text is no ARN, or none that may stand here. It reads as AWS's `InvalidArn` does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidArn {
    /// It doesn't begin as an ARN of this service does.
    #[error("Invalid Arn: 'Invalid ARN prefix: {0}'")]
    Prefix(String),
    /// Its resource type doesn't exist, or isn't one the operation takes.
    #[error("Invalid Arn: 'Resource type not valid in this context: {0}'")]
    ResourceType(String),
    /// Its resource part lacks a piece, has an empty one or one too many.
    #[error("Invalid Arn: 'Invalid ARN: {0}'")]
    Resource(String),
}

/// Where a resource lives: the part before the resource in every ARN.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Home {
    /// `aws`, `aws-cn` …
    pub partition: Str,
    /// `us-east-1` …
    pub region: Str,
    /// Twelve digits.
    pub account: Str,
}

impl Home {
    /// The ARN of a resource here.
    fn write(&self, f: &mut fmt::Formatter<'_>, resource_type: &str) -> fmt::Result {
        write!(f, "arn:{}:states:{}:{}:{resource_type}:", self.partition, self.region, self.account)
    }

    /// The state machine of that name here, unqualified.
    #[must_use]
    pub fn state_machine(&self, name: impl Into<Str>) -> StateMachineArn {
        StateMachineArn { home: self.clone(), name: name.into(), label: None, qualifier: None }
    }

    /// The activity of that name here.
    #[must_use]
    pub fn activity(&self, name: impl Into<Str>) -> ActivityArn {
        ActivityArn { home: self.clone(), name: name.into() }
    }
}

/// What stands behind a state machine's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Qualifier {
    /// A published version.
    Version(u64),
    /// An alias.
    Alias(Str),
}

impl fmt::Display for Qualifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(f, "{version}"),
            Self::Alias(alias) => f.write_str(alias),
        }
    }
}

/// A state machine, one of its versions or aliases, or the machine of one of its distributed Maps.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StateMachineArn {
    /// Where it lives.
    pub home: Home,
    /// Its name.
    pub name: Str,
    /// The label of a distributed Map of it.
    pub label: Option<Str>,
    /// Its version or alias.
    pub qualifier: Option<Qualifier>,
}

impl StateMachineArn {
    /// The machine itself, without label and qualifier.
    #[must_use]
    pub fn unqualified(&self) -> Self {
        self.home.state_machine(self.name.clone())
    }

    /// This machine with a qualifier.
    #[must_use]
    pub fn qualified(&self, qualifier: Qualifier) -> Self {
        Self { qualifier: Some(qualifier), ..self.unqualified() }
    }

    /// An execution of this machine (its label kept, its qualifier dropped).
    #[must_use]
    pub fn execution(&self, name: impl Into<Str>) -> ExecutionArn {
        ExecutionArn {
            home: self.home.clone(),
            machine: self.name.clone(),
            label: self.label.clone(),
            name: name.into(),
        }
    }

    /// An Express execution of this machine.
    #[must_use]
    pub fn express_execution(&self, name: impl Into<Str>, run: impl Into<Str>) -> ExpressExecutionArn {
        ExpressExecutionArn {
            home: self.home.clone(),
            machine: self.name.clone(),
            label: self.label.clone(),
            name: name.into(),
            run: run.into(),
        }
    }
}

/// An execution of a Standard machine, or a child of a map run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExecutionArn {
    /// Where it lives.
    pub home: Home,
    /// Its machine's name.
    pub machine: Str,
    /// The label of the distributed Map whose child it is.
    pub label: Option<Str>,
    /// Its name.
    pub name: Str,
}

impl ExecutionArn {
    /// Its machine, with the label if it is a child of a map run.
    #[must_use]
    pub fn state_machine(&self) -> StateMachineArn {
        StateMachineArn { label: self.label.clone(), ..self.home.state_machine(self.machine.clone()) }
    }
}

/// An execution of an Express machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExpressExecutionArn {
    /// Where it lives.
    pub home: Home,
    /// Its machine's name.
    pub machine: Str,
    /// The label of the distributed Map whose child it is.
    pub label: Option<Str>,
    /// Its name, which may be used again at once.
    pub name: Str,
    /// What tells it from others of its name.
    pub run: Str,
}

/// A run of a distributed Map.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MapRunArn {
    /// Where it lives.
    pub home: Home,
    /// The machine's name.
    pub machine: Str,
    /// The Map's label.
    pub label: Str,
    /// What tells it from other runs.
    pub run: Str,
}

/// An activity.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActivityArn {
    /// Where it lives.
    pub home: Home,
    /// Its name.
    pub name: Str,
}

/// An ARN of this service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Arn {
    /// `stateMachine`
    StateMachine(StateMachineArn),
    /// `execution`
    Execution(ExecutionArn),
    /// `express`
    ExpressExecution(ExpressExecutionArn),
    /// `mapRun`
    MapRun(MapRunArn),
    /// `activity`
    Activity(ActivityArn),
}

impl Arn {
    /// The resource type as it is written.
    #[must_use]
    pub const fn resource_type(&self) -> &'static str {
        match self {
            Self::StateMachine(_) => "stateMachine",
            Self::Execution(_) => "execution",
            Self::ExpressExecution(_) => "express",
            Self::MapRun(_) => "mapRun",
            Self::Activity(_) => "activity",
        }
    }

    /// Where the resource lives.
    #[must_use]
    pub const fn home(&self) -> &Home {
        match self {
            Self::StateMachine(arn) => &arn.home,
            Self::Execution(arn) => &arn.home,
            Self::ExpressExecution(arn) => &arn.home,
            Self::MapRun(arn) => &arn.home,
            Self::Activity(arn) => &arn.home,
        }
    }
}

impl FromStr for Arn {
    type Err = InvalidArn;

    fn from_str(text: &str) -> Result<Self, InvalidArn> {
        let prefix = || InvalidArn::Prefix(excerpt(text));
        if text.len() > MAX_ARN {
            return Err(prefix());
        }
        let parts: Vec<&str> = text.split(':').collect();
        let ["arn", partition, "states", region, account, resource_type, resource @ ..] = &parts[..] else {
            return Err(prefix());
        };
        if partition.is_empty() || region.is_empty() || account.is_empty() {
            return Err(prefix());
        }
        let home =
            Home { partition: (*partition).into(), region: (*region).into(), account: (*account).into() };
        let parse = match *resource_type {
            "stateMachine" => state_machine,
            "execution" => execution,
            "express" => express_execution,
            "mapRun" => map_run,
            "activity" => activity,
            other => return Err(InvalidArn::ResourceType(other.to_owned())),
        };
        let invalid = || InvalidArn::Resource(excerpt(text));
        if resource.iter().any(|piece| piece.is_empty()) {
            return Err(invalid());
        }
        parse(home, resource).ok_or_else(invalid)
    }
}

/// What an error repeats of a text that may be long.
fn excerpt(text: &str) -> String {
    text.chars().take(256).collect()
}

/// `NAME` or `NAME/LABEL`.
fn labelled(piece: &str) -> Option<(Str, Option<Str>)> {
    match piece.split_once('/') {
        None => Some((piece.into(), None)),
        Some((name, label)) if !name.is_empty() && !label.is_empty() => {
            Some((name.into(), Some(label.into())))
        }
        Some(_) => None,
    }
}

fn state_machine(home: Home, resource: &[&str]) -> Option<Arn> {
    let (piece, qualifier) = match resource {
        [piece] => (piece, None),
        [piece, qualifier] => (piece, Some(parse_qualifier(qualifier)?)),
        _ => return None,
    };
    let (name, label) = labelled(piece)?;
    if label.is_some() && qualifier.is_some() {
        return None;
    }
    Some(Arn::StateMachine(StateMachineArn { home, name, label, qualifier }))
}

fn parse_qualifier(text: &str) -> Option<Qualifier> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok().map(Qualifier::Version);
    }
    crate::name::check_alias(text).ok().map(|()| Qualifier::Alias(text.into()))
}

fn execution(home: Home, resource: &[&str]) -> Option<Arn> {
    let [machine, name] = resource else { return None };
    let (machine, label) = labelled(machine)?;
    Some(Arn::Execution(ExecutionArn { home, machine, label, name: (*name).into() }))
}

fn express_execution(home: Home, resource: &[&str]) -> Option<Arn> {
    let [machine, name, run] = resource else { return None };
    let (machine, label) = labelled(machine)?;
    let arn = ExpressExecutionArn { home, machine, label, name: (*name).into(), run: (*run).into() };
    Some(Arn::ExpressExecution(arn))
}

fn map_run(home: Home, resource: &[&str]) -> Option<Arn> {
    let [machine, run] = resource else { return None };
    let (machine, label) = labelled(machine)?;
    Some(Arn::MapRun(MapRunArn { home, machine, label: label?, run: (*run).into() }))
}

fn activity(home: Home, resource: &[&str]) -> Option<Arn> {
    let [name] = resource else { return None };
    Some(Arn::Activity(ActivityArn { home, name: (*name).into() }))
}

/// Each kind parses alone too, refusing the others' resource types, and is an [`Arn`].
macro_rules! kinds {
    ($($kind:ident $arn:ident),* $(,)?) => {$(
        impl FromStr for $arn {
            type Err = InvalidArn;

            fn from_str(text: &str) -> Result<Self, InvalidArn> {
                match text.parse()? {
                    Arn::$kind(arn) => Ok(arn),
                    other => Err(InvalidArn::ResourceType(other.resource_type().to_owned())),
                }
            }
        }

        impl From<$arn> for Arn {
            fn from(arn: $arn) -> Self {
                Self::$kind(arn)
            }
        }
    )*};
}

kinds! {
    StateMachine StateMachineArn,
    Execution ExecutionArn,
    ExpressExecution ExpressExecutionArn,
    MapRun MapRunArn,
    Activity ActivityArn,
}

/// `/LABEL`, or nothing.
struct Label<'a>(Option<&'a Str>);

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |label| write!(f, "/{label}"))
    }
}

impl fmt::Display for StateMachineArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.home.write(f, "stateMachine")?;
        write!(f, "{}{}", self.name, Label(self.label.as_ref()))?;
        self.qualifier.as_ref().map_or(Ok(()), |qualifier| write!(f, ":{qualifier}"))
    }
}

impl fmt::Display for ExecutionArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.home.write(f, "execution")?;
        write!(f, "{}{}:{}", self.machine, Label(self.label.as_ref()), self.name)
    }
}

impl fmt::Display for ExpressExecutionArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.home.write(f, "express")?;
        write!(f, "{}{}:{}:{}", self.machine, Label(self.label.as_ref()), self.name, self.run)
    }
}

impl fmt::Display for MapRunArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.home.write(f, "mapRun")?;
        write!(f, "{}/{}:{}", self.machine, self.label, self.run)
    }
}

impl fmt::Display for ActivityArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.home.write(f, "activity")?;
        f.write_str(&self.name)
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StateMachine(arn) => arn.fmt(f),
            Self::Execution(arn) => arn.fmt(f),
            Self::ExpressExecution(arn) => arn.fmt(f),
            Self::MapRun(arn) => arn.fmt(f),
            Self::Activity(arn) => arn.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "arn:aws:states:us-east-1:000000000000";

    #[test]
    fn every_form_is_printed_as_it_was_parsed() {
        for (resource, resource_type) in [
            ("stateMachine:m", "stateMachine"),
            ("stateMachine:m:7", "stateMachine"),
            ("stateMachine:m:PROD", "stateMachine"),
            ("stateMachine:m/label", "stateMachine"),
            ("execution:m:e", "execution"),
            ("execution:m/label:e", "execution"),
            ("express:m:e:run", "express"),
            ("mapRun:m/label:run", "mapRun"),
            ("activity:a", "activity"),
        ] {
            let text = format!("{HERE}:{resource}");
            let arn: Arn = text.parse().expect("valid");
            assert_eq!(arn.to_string(), text);
            assert_eq!(arn.resource_type(), resource_type);
            assert_eq!(&*arn.home().account, "000000000000");
        }
    }

    #[test]
    fn faults_read_as_invalid_arn_does() {
        for (text, message) in [
            ("not_a_valid_arn", "Invalid ARN prefix: not_a_valid_arn"),
            ("", "Invalid ARN prefix: "),
            ("arn:aws:s3:us-east-1:0:x", "Invalid ARN prefix: arn:aws:s3:us-east-1:0:x"),
            ("arn:aws:states:us-east-1:0", "Invalid ARN prefix: arn:aws:states:us-east-1:0"),
            ("arn:aws:states:::x:y", "Invalid ARN prefix: arn:aws:states:::x:y"),
            ("arn:aws:states:r:0:machine:m", "Resource type not valid in this context: machine"),
            ("arn:aws:states:r:0:stateMachine", "Invalid ARN: arn:aws:states:r:0:stateMachine"),
            ("arn:aws:states:r:0:stateMachine:", "Invalid ARN: arn:aws:states:r:0:stateMachine:"),
            ("arn:aws:states:r:0:execution:m", "Invalid ARN: arn:aws:states:r:0:execution:m"),
            ("arn:aws:states:r:0:mapRun:m:x", "Invalid ARN: arn:aws:states:r:0:mapRun:m:x"),
            ("arn:aws:states:r:0:stateMachine:m/:1", "Invalid ARN: arn:aws:states:r:0:stateMachine:m/:1"),
        ] {
            let error = text.parse::<Arn>().expect_err(text);
            assert_eq!(error.to_string(), format!("Invalid Arn: '{message}'"));
        }
    }

    #[test]
    fn a_kind_refuses_the_others() {
        let error = format!("{HERE}:express:m:e:r").parse::<ExecutionArn>().expect_err("another kind");
        assert_eq!(error.to_string(), "Invalid Arn: 'Resource type not valid in this context: express'");
    }

    #[test]
    fn one_arn_leads_to_another() {
        let version: StateMachineArn = format!("{HERE}:stateMachine:m:3").parse().expect("valid");
        assert_eq!(version.qualifier, Some(Qualifier::Version(3)));
        assert_eq!(version.unqualified().to_string(), format!("{HERE}:stateMachine:m"));
        let execution = version.execution("e");
        assert_eq!(execution.to_string(), format!("{HERE}:execution:m:e"));
        assert_eq!(execution.state_machine(), version.unqualified());
        let alias = version.qualified(Qualifier::Alias("PROD".into()));
        assert_eq!(alias.to_string(), format!("{HERE}:stateMachine:m:PROD"));
        assert_eq!(version.express_execution("e", "r").to_string(), format!("{HERE}:express:m:e:r"));
    }
}
