//! `newel integrations`: what a Task may name, how it may wait, and which worker carries it out.

use std::collections::BTreeSet;

use newel_integrations::matrix::{self, Entry, pattern_name};
use newel_proto::v1::{
    IntegrationPattern, ListIntegrationsRequest, ListIntegrationsResponse, RegisteredResource,
    RemoveIntegrationRequest,
};
use newel_value::{ObjectBuilder, Value};

use crate::arguments::{
    Failure, Integrations, IntegrationsCommand, Outcome, RemoveIntegration, Server, exit,
};
use crate::client::{self, refused};

/// Runs the command.
pub(crate) async fn run(command: &Integrations) -> Outcome {
    if let Some(IntegrationsCommand::Remove(command)) = &command.command {
        return remove(command).await;
    }
    let entries = matrix::entries();
    let served = match &command.endpoint {
        Some(endpoint) => Some(ask(endpoint, command).await?),
        None => None,
    };
    if command.json {
        println!("{}", json(&entries, served.as_ref()));
    } else {
        tell(&entries, served.as_ref());
    }
    Ok(exit::SUCCESS)
}

async fn ask(endpoint: &str, command: &Integrations) -> Result<ListIntegrationsResponse, Failure> {
    let server = Server {
        endpoint: endpoint.to_owned(),
        token_file: command.token_file.clone(),
        account: None,
        region: None,
    };
    let mut client = client::connect_integrations(&server)?;
    let answer = client.list_integrations(ListIntegrationsRequest {}).await;
    Ok(answer.map_err(|status| refused(&status))?.into_inner())
}

async fn remove(command: &RemoveIntegration) -> Outcome {
    let (service, action) = match command.name.split_once(':') {
        Some((service, action)) => (service, Some(action.to_owned())),
        None => (command.name.as_str(), None),
    };
    if service.is_empty() || action.as_ref().is_some_and(String::is_empty) {
        return Err(Failure::usage(format!(
            "'{}' is neither a service nor an action of one, such as acme or acme:render",
            command.name
        )));
    }
    let mut client = client::connect_integrations(&command.server)?;
    let request = RemoveIntegrationRequest { service: service.to_owned(), action };
    let removed = client.remove_integration(request).await.map_err(|status| refused(&status))?.into_inner();
    for resource in removed.resources {
        println!("removed {resource}");
    }
    Ok(exit::SUCCESS)
}

/// A line of the table: what a Task may name, who carries it out, how the state may wait.
struct Line {
    resource: String,
    family: String,
    patterns: Vec<&'static str>,
}

impl From<&Entry> for Line {
    fn from(entry: &Entry) -> Self {
        Self {
            resource: entry.resource.clone(),
            family: entry.family.to_owned(),
            patterns: entry.patterns.iter().map(|pattern| pattern_name(*pattern)).collect(),
        }
    }
}

impl From<&RegisteredResource> for Line {
    fn from(registered: &RegisteredResource) -> Self {
        Self {
            resource: registered.resource.clone(),
            family: registered.family.clone(),
            patterns: patterns(registered),
        }
    }
}

fn patterns(registered: &RegisteredResource) -> Vec<&'static str> {
    let name = |pattern| match pattern {
        IntegrationPattern::Unspecified => "unknown",
        IntegrationPattern::RequestResponse => "request-response",
        IntegrationPattern::Sync => ".sync",
        IntegrationPattern::WaitForTaskToken => ".waitForTaskToken",
    };
    registered.patterns().map(name).collect()
}

/// Tells a person.
fn tell(entries: &[Entry], served: Option<&ListIntegrationsResponse>) {
    let known: Vec<Line> = entries.iter().map(Line::from).collect();
    table("RESOURCE", &known);
    let Some(served) = served else { return };
    println!();
    if served.resources.is_empty() {
        println!("No worker has registered resources of its own.");
    } else {
        let registered: Vec<Line> = served.resources.iter().map(Line::from).collect();
        table("REGISTERED BY WORKERS", &registered);
    }
    println!();
    let width = served.families.iter().map(|known| known.family.len()).max().unwrap_or(0).max(6);
    println!("{:<width$}  {:>7}  {:>6}", "FAMILY", "WORKERS", "QUEUED");
    for known in &served.families {
        println!("{:<width$}  {:>7}  {:>6}", known.family, known.workers, known.queued);
    }
    let silent = unserved(entries, served);
    if !silent.is_empty() {
        println!("without a worker: {}", silent.join(", "));
    }
}

/// The families of resources that no worker is connected for. The orchestrator is its own worker for `states`.
fn unserved<'a>(entries: &[Entry], served: &'a ListIntegrationsResponse) -> Vec<&'a str> {
    let present: BTreeSet<&str> =
        served.families.iter().filter(|known| known.workers > 0).map(|known| &*known.family).collect();
    let needed = entries.iter().map(|entry| entry.family).filter(|family| *family != "states");
    let needed: BTreeSet<&str> = needed.chain(served.resources.iter().map(|r| &*r.family)).collect();
    needed.difference(&present).copied().collect()
}

fn table(title: &str, lines: &[Line]) {
    let longest = |of: fn(&Line) -> usize| lines.iter().map(of).max().unwrap_or(0);
    let resource = longest(|line| line.resource.len()).max(title.len());
    let family = longest(|line| line.family.chars().count()).max(6);
    println!("{title:<resource$}  {:<family$}  PATTERNS", "FAMILY");
    for line in lines {
        println!("{:<resource$}  {:<family$}  {}", line.resource, line.family, line.patterns.join(" "));
    }
}

fn json(entries: &[Entry], served: Option<&ListIntegrationsResponse>) -> Value {
    let resource = |line: &Line, family: &str| {
        let mut members = ObjectBuilder::with_capacity(4);
        members.insert("resource", line.resource.as_str());
        members.insert("family", family);
        members
            .insert("patterns", line.patterns.iter().map(|pattern| Value::from(*pattern)).collect::<Value>());
        members
    };
    let known = |entry: &Entry| -> Value { resource(&Line::from(entry), entry.family).build().into() };
    let mut all = ObjectBuilder::with_capacity(3);
    all.insert("integrations", entries.iter().map(known).collect::<Value>());
    let Some(served) = served else { return all.build().into() };
    let registered = |registered: &RegisteredResource| -> Value {
        let mut members = resource(&Line::from(registered), &registered.family);
        // It is what was registered, which was read before it was kept.
        members.insert("schema", Value::parse(&registered.parameters_schema).unwrap_or_default());
        members.build().into()
    };
    let family = |known: &newel_proto::v1::WorkerFamily| -> Value {
        let mut members = ObjectBuilder::with_capacity(3);
        members.insert("family", known.family.as_str());
        members.insert("workers", i64::from(known.workers));
        members.insert("queued", i64::try_from(known.queued).unwrap_or(i64::MAX));
        members.build().into()
    };
    all.insert("registered", served.resources.iter().map(registered).collect::<Value>());
    all.insert("families", served.families.iter().map(family).collect::<Value>());
    all.build().into()
}
