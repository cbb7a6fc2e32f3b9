//! Walks JSON along a shape: a user's parameters to the wire, a service's answer back, a template for a check.

mod from_wire;
mod result;
mod scalar;
mod template;
#[cfg(test)]
mod tests;
mod timestamp;
mod to_wire;

use newel_value::Str;

use crate::model::{Member, Shape, ShapeKind};
use crate::naming::{self, RESERVED_SUFFIX};

pub use from_wire::from_wire;
pub use result::{ResultRules, check_result};
pub use template::{TemplateSyntax, check_template};
pub use timestamp::rewrite as rewrite_timestamp;
pub use to_wire::to_wire;

/// The two ways in which Step Functions shows a service's JSON to a workflow.
///
/// | | `Optimized` | `AwsSdk` |
/// |---|---|---|
/// | member names | the model's, first letter in upper case (`DPUSeconds`, `BOOL`) | the Java SDK's (`DpuSeconds`, `Bool`) |
/// | timestamps in results | milliseconds since 1970, a number | ISO 8601 text |
/// | numbers for timestamp parameters | milliseconds | seconds |
/// | text for a blob parameter | is base64 already | becomes JSON text, quotes and all |
/// | blobs in results | base64 | the text they are, else base64 |
/// | order of members in results | by name | as the service sent them |
///
/// The first column is what results of `glue:startJobRun.sync` and `ecs:runTask.sync` show, the second what
/// recordings of `aws-sdk` tasks show. How AWS gives bytes that aren't text in the second isn't known; base64 is our
/// choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Optimized integrations: `arn:aws:states:::batch:submitJob`.
    Optimized,
    /// AWS SDK integrations: `arn:aws:states:::aws-sdk:batch:submitJob`.
    AwsSdk,
}

impl Dialect {
    /// A member's name in this dialect.
    #[must_use]
    pub fn name_of(self, member: &Member) -> &Str {
        match self {
            Self::Optimized => &member.capitalized,
            Self::AwsSdk => &member.java,
        }
    }

    /// The member of a structure that a key names. A member that Java renamed also goes by its plain name.
    fn member<'m>(self, members: &'m [Member], key: &str) -> Option<&'m Member> {
        members.iter().find(|m| **self.name_of(m) == *key).or_else(|| {
            let renamed =
                |m: &&Member| m.java.ends_with(RESERVED_SUFFIX) || *m.java != *naming::member(&m.name);
            let mut plain = members.iter().filter(|_| self == Self::AwsSdk).filter(renamed);
            plain.find(|m| naming::capitalize(&m.name) == key)
        })
    }
}

/// One thing that is wrong with a user's parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The object or value at fault, as a JSON pointer; the parent for members that are missing or not known, as AWS
    /// reports them.
    pub pointer: String,
    /// What is wrong, in AWS's words.
    pub message: String,
}

/// More faults than this are not collected: nobody reads them, and a hostile input could have millions.
const MAX_FAULTS: usize = 16;

/// Collects faults up to the bound.
#[derive(Debug, Default)]
struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, at: &Path<'_>, message: String) {
        if self.0.len() < MAX_FAULTS {
            self.0.push(Fault { pointer: at.pointer(), message });
        }
    }

    /// AWS's words, seen in public reports of `CreateStateMachine` answers (double quotes included).
    fn unknown(&mut self, at: &Path<'_>, key: &str) {
        self.add(at, format!("The field \"{key}\" is not supported by Step Functions"));
    }

    /// AWS's words, recorded (single quotes included).
    fn missing(&mut self, at: &Path<'_>, key: &str) {
        self.add(at, format!("The field '{key}' is required but was missing"));
    }

    /// Our words in AWS's style: no recording shows this fault.
    fn wrong_type(&mut self, at: &Path<'_>, shape: &Shape) {
        let field = at.field();
        self.add(at, format!("The value for the field '{field}' must be {}", expected(shape)));
    }
}

fn expected(shape: &Shape) -> &'static str {
    match &shape.kind {
        ShapeKind::Structure(_) | ShapeKind::Map(_) => "an OBJECT",
        ShapeKind::List(_) => "an ARRAY",
        ShapeKind::Boolean => "a BOOLEAN",
        ShapeKind::Integer | ShapeKind::Long => "an INTEGER",
        ShapeKind::Float | ShapeKind::Double => "a NUMBER",
        ShapeKind::Timestamp(_) => "a TIMESTAMP",
        ShapeKind::String(_) | ShapeKind::Blob { .. } | ShapeKind::Document => "a STRING",
    }
}

/// The way from the root to where a walk is, kept on the stack: it becomes text only when there is a fault.
#[derive(Clone, Copy, Debug)]
enum Path<'p> {
    Root,
    Key(&'p Path<'p>, &'p str),
    Index(&'p Path<'p>, usize),
}

impl Path<'_> {
    fn pointer(&self) -> String {
        let mut steps = Vec::new();
        let mut at = self;
        loop {
            at = match at {
                Path::Root => break,
                Path::Key(parent, key) => {
                    steps.push(key.replace('~', "~0").replace('/', "~1"));
                    parent
                }
                Path::Index(parent, index) => {
                    steps.push(index.to_string());
                    parent
                }
            };
        }
        steps.iter().rev().flat_map(|step| ["/", step]).collect()
    }

    /// The nearest name: what messages call the place.
    fn field(&self) -> &str {
        match self {
            Path::Root => "Parameters",
            Path::Key(_, key) => key,
            Path::Index(parent, _) => parent.field(),
        }
    }
}
