//! Every job ever accepted, for tests that count what was submitted.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::jobs::{JobStore, Space};
use crate::services::Service;
use crate::world::World;

const DEFAULT_LIMIT: usize = 10_000;

/// Which jobs to report; a member left out matches all.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JobQuery {
    /// Jobs of this service.
    pub service: Option<Service>,
    /// Jobs of this account.
    pub account: Option<String>,
    /// Jobs of exactly this name.
    pub name: Option<String>,
    /// Where the page before ended: [`JobPage::next`].
    pub after: Option<String>,
    /// Jobs a page, 10,000 unless given.
    pub limit: Option<usize>,
}

/// Some of the jobs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct JobPage {
    /// By account and region in order of appearance, then service, then age, oldest first.
    pub jobs: Vec<JobReport>,
    /// Where to go on, if there is more.
    pub next: Option<String>,
}

/// One job: what it was asked to be, and what became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobReport {
    /// The service.
    pub service: Service,
    /// 12 digits.
    pub account: String,
    /// The region.
    pub region: String,
    /// ARN of the role it was started under; empty for none.
    pub role: String,
    /// The service's id of it.
    pub id: String,
    /// Batch job name, ECS family or Glue job name.
    pub name: String,
    /// Batch queue ARN, ECS cluster or Glue job name.
    pub group: String,
    /// The client token it was started with (ECS).
    pub token: Option<String>,
    /// Its tags as names to values (Batch and ECS).
    pub tags: Map<String, Value>,
    /// The start request as it came, with the wire's member names.
    pub request: Value,
    /// Milliseconds since the epoch.
    pub created_at: u64,
    /// The status now.
    pub status: String,
    /// When it ended, in milliseconds since the epoch, if it has.
    pub ended_at: Option<u64>,
    /// Why it was stopped, if it was.
    pub stop_reason: Option<String>,
}

/// A page of jobs.
pub(crate) fn jobs(world: &World, query: &JobQuery) -> JobPage {
    let now_ms = world.clock.now_ms();
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT).max(1);
    let (skip_stores, skip_jobs) = query.after.as_deref().and_then(parse_place).unwrap_or_default();
    let mut page = JobPage::default();
    let spaces = world.callers.spaces();
    let stores = spaces.iter().flat_map(|space| Service::ALL.map(|service| (space, service)));
    for (store_number, (space, service)) in stores.enumerate().skip(skip_stores) {
        let wanted = query.service.is_none_or(|wanted| wanted == service)
            && query.account.as_deref().is_none_or(|account| *space.account == *account);
        let Some(store) = space.jobs_of(service).filter(|_| wanted) else { continue };
        let store = store.lock();
        let first = if store_number == skip_stores { skip_jobs } else { 0 };
        for number in first..store.len() {
            if page.jobs.len() == limit {
                page.next = Some(format!("{store_number}.{number}"));
                return page;
            }
            if let Some(report) = report(space, service, &store, number as u32, query.name.as_deref(), now_ms)
            {
                page.jobs.push(report);
            }
        }
    }
    page
}

fn parse_place(text: &str) -> Option<(usize, usize)> {
    let (store, job) = text.split_once('.')?;
    Some((store.parse().ok()?, job.parse().ok()?))
}

fn report(
    space: &Space,
    service: Service,
    store: &JobStore,
    number: u32,
    name: Option<&str>,
    now_ms: u64,
) -> Option<JobReport> {
    let life = service.model().life?;
    let job = store.get(number).filter(|job| name.is_none_or(|name| *job.name == *name))?;
    let request = job.request_json();
    let mut tags = tags(request.get("tags"));
    tags.extend(job.added_tags.iter().flat_map(|added| (**added).clone()));
    Some(JobReport {
        service,
        account: space.account.to_string(),
        region: space.region.to_string(),
        role: job.caller.role.to_string(),
        id: (life.id)(&store.digits(number)),
        name: job.name.to_string(),
        group: job.group.to_string(),
        token: request.get("clientToken").and_then(Value::as_str).map(str::to_owned),
        tags,
        created_at: job.created_ms,
        status: job.status(now_ms).to_owned(),
        ended_at: job.ended(life.terminal, now_ms),
        stop_reason: job.stop.as_ref().map(|stop| stop.reason.to_string()),
        request: Value::Object(request),
    })
}

/// Tags as a map, from Batch's map or ECS's list of `key` and `value`.
fn tags(tags: Option<&Value>) -> Map<String, Value> {
    match tags {
        Some(Value::Object(tags)) => tags.clone(),
        Some(Value::Array(tags)) => {
            let pair = |tag: &Value| Some((tag.get("key")?.as_str()?.to_owned(), tag.get("value")?.clone()));
            tags.iter().filter_map(pair).collect()
        }
        _ => Map::new(),
    }
}
