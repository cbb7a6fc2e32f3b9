//! What is served, as one table: every optimized integration with its patterns and the worker family that carries it out.
//!
//! `docs/integrations.md` is this table; a test keeps it so.

use std::fmt::Write as _;

use newel_asl::catalog::{Pattern, ResourceFault};

use crate::Integrations;
use crate::descriptor::Action;
use crate::families::{self, FAMILIES};
use crate::offered::{self, SERVICES};

/// One service's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The service in the ARN: `emr-serverless`.
    pub service: &'static str,
    /// The worker families that carry its actions out.
    pub families: Vec<&'static str>,
    /// All actions, which are request-response at least.
    pub actions: Vec<&'static str>,
    /// Those with `.sync`.
    pub jobs: Vec<&'static str>,
    /// Those with `.waitForTaskToken`.
    pub callbacks: Vec<&'static str>,
}

impl Row {
    fn add(&mut self, family: &'static str, action: &'static str, offers: impl Fn(Pattern) -> bool) {
        if !self.families.contains(&family) {
            self.families.push(family);
        }
        self.actions.push(action);
        if offers(Pattern::Job(1)) {
            self.jobs.push(action);
        }
        if offers(Pattern::Callback) {
            self.callbacks.push(action);
        }
    }
}

/// Every optimized integration, ordered by service.
#[must_use]
pub fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut row = |service: &'static str| {
        let found = rows.iter().position(|row| row.service == service);
        found.unwrap_or_else(|| {
            let none = Vec::new;
            let (families, actions, jobs, callbacks) = (none(), none(), none(), none());
            rows.push(Row { service, families, actions, jobs, callbacks });
            rows.len() - 1
        })
    };
    let tables = FAMILIES.iter().map(|family| (row(family.service), family)).collect::<Vec<_>>();
    let offered = SERVICES.iter().map(|service| (row(service.name), service)).collect::<Vec<_>>();
    for (at, family) in tables {
        for action in family.actions {
            rows[at].add(family.family, action.name, |pattern| action.offers(pattern));
        }
    }
    for (at, service) in offered {
        for action in service.actions {
            rows[at].add(service.family, action.name, |pattern| action.offers(pattern));
        }
    }
    rows.sort_by_key(|row| row.service);
    rows
}

/// A resource that a Task may name, by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its ARN without the pattern's suffix. Names in braces stand for what is chosen.
    pub resource: String,
    /// The family that carries it out.
    pub family: &'static str,
    /// How a state may wait for it.
    pub patterns: Vec<Pattern>,
}

/// All patterns that there are.
const PATTERNS: [Pattern; 4] =
    [Pattern::RequestResponse, Pattern::Job(1), Pattern::Job(2), Pattern::Callback];

/// A pattern's name: `request-response`, else the suffix in ARNs.
#[must_use]
pub const fn pattern_name(pattern: Pattern) -> &'static str {
    match pattern {
        Pattern::RequestResponse => "request-response",
        Pattern::Job(_) | Pattern::Callback => crate::arn::suffix(pattern),
    }
}

/// Every resource that a Task may name, the optimized integrations by name first.
#[must_use]
pub fn entries() -> Vec<Entry> {
    let entry = |family: &'static str, service: &str, action: &str, offers: &dyn Fn(Pattern) -> bool| Entry {
        resource: format!("arn:aws:states:::{service}:{action}"),
        family,
        patterns: PATTERNS.into_iter().filter(|pattern| offers(*pattern)).collect(),
    };
    let mut entries = Vec::new();
    for table in FAMILIES {
        let of = |a: &Action| entry(table.family, table.service, a.name, &|p| a.offers(p));
        entries.extend(table.actions.iter().map(of));
    }
    for service in SERVICES {
        let of = |a: &offered::Action| entry(service.family, service.name, a.name, &|p| a.offers(p));
        entries.extend(service.actions.iter().map(of));
    }
    entries.sort_by(|a, b| a.resource.cmp(&b.resource));
    let calls = |pattern| matches!(pattern, Pattern::RequestResponse | Pattern::Callback);
    entries.push(entry(families::SDK, "aws-sdk", "{SERVICE}:{ACTION}", &calls));
    let waits = |pattern| pattern == Pattern::Job(1);
    entries.push(entry(families::SDK, "aws-sdk", "{SERVICE}:{ACTION WITH A WAITER}", &waits));
    entries.push(Entry {
        resource: "arn:aws:lambda:{REGION}:{ACCOUNT}:function:{NAME}".to_owned(),
        family: families::LAMBDA,
        patterns: vec![Pattern::RequestResponse],
    });
    entries
}

/// The table as Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(
        "| service | worker | actions (request-response) | `.sync` | `.waitForTaskToken` |\n|---|---|---|---|---|\n",
    );
    let listed = |names: &[&str]| match names {
        [] => "–".to_owned(),
        names => names.join(", "),
    };
    for row in rows() {
        let worker = row.families.join(", ");
        let _ = writeln!(
            text,
            "| `{}` | {worker} | {} | {} | {} |",
            row.service,
            listed(&row.actions),
            listed(&row.jobs),
            listed(&row.callbacks),
        );
    }
    let _ = writeln!(
        text,
        "| `aws-sdk:*` | {} | any action of any service | [those with a waiter](waiters.md) | all |",
        families::SDK
    );
    text
}

/// The actions of AWS SDK integrations that have `.sync`, with what each waits by, as Markdown: `docs/waiters.md` has it.
///
/// # Errors
/// When the catalog can't be read.
pub fn waiters(integrations: &Integrations) -> Result<String, ResourceFault> {
    let mut text = String::from("| service | action | waiter | asks |\n|---|---|---|---|\n");
    for (service, action, waiter) in integrations.waiters()? {
        let action = newel_aws_catalog::naming::action(&action);
        let _ = writeln!(text, "| `{service}` | {action} | {} | {} |", waiter.name, waiter.operation);
    }
    Ok(text)
}
