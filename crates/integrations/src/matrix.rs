//! What is served, as one table: every optimized integration with its patterns and the worker family that carries it out.
//!
//! `docs/integrations.md` is this table; a test keeps it so.

use std::fmt::Write as _;

use newel_asl::catalog::{Pattern, ResourceFault};

use crate::Integrations;
use crate::families::{self, FAMILIES};
use crate::offered::SERVICES;

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
