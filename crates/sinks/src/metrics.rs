//! The metrics of executions that AWS gives to CloudWatch, under its names and with its dimensions
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html>).
//!
//! What is told is added up until [`crate::metrics_sink`] puts it. Times of task attempts are told for those that were scheduled
//! since the process started.

use std::collections::BTreeMap;
use std::sync::Arc;

use newel_asl::Timestamp;
use newel_engine::Committed;
use newel_machine::{Detail, Event, Fault, Info, Redrives};
use newel_value::Str;
use parking_lot::Mutex;

use crate::delivery::{Deliveries, Place};
use crate::metrics_sink::MetricSink;
use crate::options::MetricOptions;
use crate::queue::Counters;
use crate::service::Service;

/// What values are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unit {
    /// Things that happened.
    Count,
    /// Times.
    Milliseconds,
}

impl Unit {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
        }
    }
}

/// A metric with its dimensions, in an account and region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Series {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) unit: Unit,
    pub(crate) dimensions: Vec<(&'static str, Str)>,
}

/// Values and how often each came.
pub(crate) type Values = BTreeMap<u64, u64>;

/// What has been told in an interval.
pub(crate) type Gathered = BTreeMap<Series, Values>;

/// A family of metrics about task attempts: the beginnings of their names, and their dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    /// `Activities` in `ActivitiesFailed`.
    many: &'static str,
    /// `Activity` in `ActivityRunTime`.
    one: &'static str,
    dimension: &'static str,
}

const ACTIVITY: Kind = Kind { many: "Activities", one: "Activity", dimension: "ActivityArn" };
const LAMBDA: Kind = Kind { many: "LambdaFunctions", one: "LambdaFunction", dimension: "LambdaFunctionArn" };
const INTEGRATION: Kind = Kind {
    many: "ServiceIntegrations",
    one: "ServiceIntegration",
    dimension: "ServiceIntegrationResourceArn",
};

/// What is remembered of an attempt that is under way.
#[derive(Clone, Debug)]
struct Attempt {
    kind: Kind,
    resource: Str,
    scheduled_at: Timestamp,
    started_at: Option<Timestamp>,
}

/// What an event says of a task attempt.
enum Step<'a> {
    Scheduled(Kind, Str),
    Started,
    /// It goes on; the next event follows this one.
    Goes,
    Ended(&'static str, Option<&'a Fault>),
}

#[derive(Debug, Default)]
struct State {
    gathered: Gathered,
    /// By execution and the attempt's last event.
    attempts: BTreeMap<([u8; 16], u64), Attempt>,
}

/// Gathers the metrics of executions. Cheap to tell.
#[derive(Debug)]
pub struct Metrics {
    state: Option<Arc<Shared>>,
    role: Option<Str>,
    series: usize,
    attempts: usize,
}

/// What the gatherer and the sink share.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) counters: Counters,
}

impl Shared {
    /// What has been gathered since this was last asked.
    pub(crate) fn take(&self) -> Gathered {
        std::mem::take(&mut self.state.lock().gathered)
    }

    /// With one value gathered.
    #[cfg(test)]
    pub(crate) fn with(series: Series, value: u64) -> Self {
        let gathered = Gathered::from([(series, Values::from([(value, 1)]))]);
        let state = Mutex::new(State { gathered, ..State::default() });
        Self { state, counters: Counters::new("metrics", "test") }
    }
}

impl Metrics {
    /// The gatherer, and what puts its metrics to CloudWatch if that is configured.
    #[must_use]
    pub fn new(options: &MetricOptions, deliveries: &Arc<Deliveries>) -> (Self, Option<Service>) {
        let MetricOptions { series, attempts, .. } = *options;
        let role = options.role_arn.as_deref().map(Str::from);
        if !options.cloudwatch {
            return (Self { state: None, role, series, attempts }, None);
        }
        let counters = Counters::new("metrics", "cloudwatch");
        let shared = Arc::new(Shared { state: Mutex::default(), counters });
        let sink = MetricSink::new(Arc::clone(&shared), Arc::clone(deliveries), options);
        (Self { state: Some(shared), role, series, attempts }, Some(Service::of(sink)))
    }

    /// The next state transition of an execution has to wait for its tenant's rate.
    pub fn throttled(&self, info: &Info) {
        let Some(shared) = &self.state else { return };
        let mut state = shared.state.lock();
        let mut telling = Telling { metrics: self, shared, info, state: &mut state };
        telling.of_machine("ExecutionThrottled", Unit::Count, 1);
        telling.add("ThrottledEvents", Unit::Count, vec![("ServiceMetric", "StateTransition".into())], 1);
    }

    /// Events of an execution can't be taken back any more.
    pub fn committed(&self, turn: &Committed<'_>) {
        let Some(shared) = &self.state else { return };
        let mut state = shared.state.lock();
        let mut telling = Telling { metrics: self, shared, info: turn.info, state: &mut state };
        for event in turn.events {
            telling.execution(event, turn.redrives);
            telling.attempt(turn.execution.0, event);
        }
        if turn.events.last().is_some_and(|event| event.detail.is_terminal()) {
            let id = turn.execution.0;
            let open: Vec<_> = state.attempts.range((id, 0)..=(id, u64::MAX)).map(|(key, _)| *key).collect();
            for key in open {
                state.attempts.remove(&key);
            }
        }
    }
}

/// What is being told of an execution.
struct Telling<'a> {
    metrics: &'a Metrics,
    shared: &'a Shared,
    info: &'a Info,
    state: &'a mut State,
}

impl Telling<'_> {
    fn execution(&mut self, event: &Event, redrives: &Redrives) {
        let name = match &event.detail {
            Detail::ExecutionStarted { .. } => "Started",
            Detail::ExecutionRedriven { .. } => "Redriven",
            Detail::ExecutionSucceeded { .. } => "Succeeded",
            Detail::ExecutionFailed(_) => "Failed",
            Detail::ExecutionTimedOut(_) => "TimedOut",
            Detail::ExecutionAborted(_) => "Aborted",
            _ => return,
        };
        self.of_machine(&format!("Executions{name}"), Unit::Count, 1);
        if !event.detail.is_terminal() {
            return;
        }
        let open = between(self.info.started_at, event.timestamp);
        self.of_machine("ExecutionTime", Unit::Milliseconds, open);
        if redrives.count > 0 {
            self.of_machine(&format!("RedrivenExecutions{name}"), Unit::Count, 1);
        }
    }

    /// A value for the state machine, and for the version and the alias that the execution was started by.
    fn of_machine(&mut self, name: &str, unit: Unit, value: u64) {
        let info = self.info;
        let machine = ("StateMachineArn", Arc::clone(&info.machine_arn));
        let last = |arn: &Str| Str::from(arn.rsplit(':').next().unwrap_or_default());
        let version = info.version_arn.as_ref().map(|arn| ("Version", last(arn)));
        let alias = info.alias_arn.as_ref().map(|arn| ("Alias", last(arn)));
        for qualified in [version, alias].into_iter().flatten() {
            self.add(name, unit, vec![machine.clone(), qualified], value);
        }
        self.add(name, unit, vec![machine], value);
    }

    fn attempt(&mut self, execution: [u8; 16], event: &Event) {
        let Some(step) = step(&event.detail, &self.info.arn) else { return };
        let known = self.state.attempts.remove(&(execution, event.previous));
        match step {
            Step::Scheduled(kind, resource) => {
                self.of_resource(kind, &resource, format!("{}Scheduled", kind.many), Unit::Count, 1);
                let (scheduled_at, started_at) = (event.timestamp, None);
                self.remember(execution, event.id, Attempt { kind, resource, scheduled_at, started_at });
            }
            Step::Started => {
                let Some(mut attempt) = known else { return };
                let waited = between(attempt.scheduled_at, event.timestamp);
                attempt.started_at = Some(event.timestamp);
                self.of_attempt(&attempt, "Started", 1);
                self.time_of_attempt(&attempt, "ScheduleTime", waited);
                self.remember(execution, event.id, attempt);
            }
            Step::Goes => {
                if let Some(attempt) = known {
                    self.remember(execution, event.id, attempt);
                }
            }
            Step::Ended(how, fault) => {
                let Some(attempt) = known else { return };
                let silent =
                    fault.and_then(|fault| fault.error.as_deref()) == Some("States.HeartbeatTimeout");
                let how = if silent && attempt.kind == ACTIVITY { "HeartbeatTimedOut" } else { how };
                self.of_attempt(&attempt, how, 1);
                self.time_of_attempt(&attempt, "Time", between(attempt.scheduled_at, event.timestamp));
                if let Some(started) = attempt.started_at {
                    self.time_of_attempt(&attempt, "RunTime", between(started, event.timestamp));
                }
            }
        }
    }

    fn remember(&mut self, execution: [u8; 16], event: u64, attempt: Attempt) {
        if self.state.attempts.len() < self.metrics.attempts {
            self.state.attempts.insert((execution, event), attempt);
        }
    }

    fn of_attempt(&mut self, attempt: &Attempt, how: &str, value: u64) {
        let name = format!("{}{how}", attempt.kind.many);
        self.of_resource(attempt.kind, &attempt.resource, name, Unit::Count, value);
    }

    fn time_of_attempt(&mut self, attempt: &Attempt, which: &str, millis: u64) {
        let name = format!("{}{which}", attempt.kind.one);
        self.of_resource(attempt.kind, &attempt.resource, name, Unit::Milliseconds, millis);
    }

    fn of_resource(&mut self, kind: Kind, resource: &Str, name: String, unit: Unit, value: u64) {
        self.add(&name, unit, vec![(kind.dimension, Arc::clone(resource))], value);
    }

    fn add(&mut self, name: &str, unit: Unit, dimensions: Vec<(&'static str, Str)>, value: u64) {
        // CloudWatch refuses a whole call for one of them.
        if dimensions.iter().any(|(_, value)| !value.is_ascii()) {
            return;
        }
        let info = self.info;
        let place = Place {
            account: Arc::clone(&info.account),
            region: Arc::clone(&info.region),
            machine_role: "".into(),
            role: self.metrics.role.clone(),
        };
        let series = Series { place, name: name.to_owned(), unit, dimensions };
        let room = self.state.gathered.len() < self.metrics.series;
        match self.state.gathered.get_mut(&series) {
            Some(values) => *values.entry(rounded(value)).or_default() += 1,
            None if room => {
                self.state.gathered.insert(series, Values::from([(rounded(value), 1)]));
            }
            None => self.shared.counters.dropped(1, "full"),
        }
    }
}

/// What an event says of a task attempt, if it is about one. `arn` is the execution's, for its partition.
fn step<'a>(detail: &'a Detail, arn: &str) -> Option<Step<'a>> {
    Some(match detail {
        Detail::TaskScheduled { task, .. } => {
            let partition = arn.split(':').nth(1).unwrap_or("aws");
            let resource = format!("arn:{partition}:states:::{}:{}", task.resource_type, task.action);
            Step::Scheduled(INTEGRATION, resource.into())
        }
        Detail::ActivityScheduled { resource, .. } => Step::Scheduled(ACTIVITY, Arc::clone(resource)),
        Detail::LambdaFunctionScheduled { resource, .. } => Step::Scheduled(LAMBDA, Arc::clone(resource)),
        Detail::TaskStarted(_) | Detail::ActivityStarted { .. } | Detail::LambdaFunctionStarted => {
            Step::Started
        }
        Detail::TaskSubmitted { .. } => Step::Goes,
        Detail::TaskSucceeded { .. }
        | Detail::ActivitySucceeded { .. }
        | Detail::LambdaFunctionSucceeded { .. } => Step::Ended("Succeeded", None),
        Detail::TaskFailed { fault, .. }
        | Detail::TaskStartFailed { fault, .. }
        | Detail::TaskSubmitFailed { fault, .. }
        | Detail::ActivityScheduleFailed(fault)
        | Detail::ActivityFailed(fault)
        | Detail::LambdaFunctionScheduleFailed(fault)
        | Detail::LambdaFunctionStartFailed(fault)
        | Detail::LambdaFunctionFailed(fault) => Step::Ended("Failed", Some(fault)),
        Detail::TaskTimedOut { fault, .. }
        | Detail::ActivityTimedOut(fault)
        | Detail::LambdaFunctionTimedOut(fault) => Step::Ended("TimedOut", Some(fault)),
        _ => return None,
    })
}

fn between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_millis() - from.as_millis()).unwrap_or(0)
}

/// A value with three significant digits, at most half a percent off: so there are few different ones, whatever comes, and
/// percentiles can still be told of them.
fn rounded(value: u64) -> u64 {
    let step = 10_u64.pow(value.checked_ilog10().unwrap_or(0).saturating_sub(2));
    value.saturating_add(step / 2) / step * step
}

#[cfg(test)]
mod tests {
    use newel_asl::{Limits, MachineType};
    use newel_engine::Logging;
    use newel_machine::{Info, Redrives, TaskResource};
    use newel_store::Id;
    use newel_value::Payload;

    use super::*;
    use crate::delivery::tests::scripted;

    const STARTED: i64 = 1_700_000_000_000;

    fn info() -> Info {
        Info {
            arn: "arn:aws:states:us-east-1:0:execution:m:e".into(),
            name: "e".into(),
            machine_arn: "arn:m".into(),
            machine_name: "m".into(),
            role_arn: "arn:r".into(),
            account: "0".into(),
            region: "us-east-1".into(),
            started_at: Timestamp::from_millis(STARTED),
            input: Payload::from_checked_text("{}"),
            alias_arn: None,
            version_arn: Some("arn:m:7".into()),
        }
    }

    /// Events a second apart, each following the one before it.
    fn tell(metrics: &Metrics, details: Vec<Detail>, redrives: u64) {
        let events: Vec<_> = (1..)
            .zip(details)
            .map(|(id, detail)| {
                let timestamp = Timestamp::from_millis(STARTED).plus_millis(1_000 * (id as i64 - 1));
                Event { id, previous: id - 1, timestamp, detail }
            })
            .collect();
        metrics.committed(&Committed {
            info: &info(),
            execution: Id([7; 16]),
            events: &events,
            redrives: &Redrives { count: redrives, last: None, tokens: Vec::new() },
            machine_type: MachineType::Standard,
            logging: &Logging::default(),
            is_child: false,
            limits: &Limits::default(),
        });
    }

    fn metrics(change: impl FnOnce(&mut MetricOptions)) -> Metrics {
        let mut options = MetricOptions { cloudwatch: true, ..MetricOptions::default() };
        change(&mut options);
        let (deliveries, _script) = scripted(|_, _| Ok("{}".to_owned()));
        Metrics::new(&options, &deliveries).0
    }

    /// `Name{dimensions}=values`.
    fn told(metrics: &Metrics) -> Vec<String> {
        let gathered = metrics.state.as_ref().unwrap().take();
        let text = |(series, values): (Series, Values)| {
            let dimensions: Vec<_> = series.dimensions.iter().map(|(_, value)| &**value).collect();
            format!("{}{{{}}}={values:?}", series.name, dimensions.join(","))
        };
        gathered.into_iter().map(text).collect()
    }

    fn started() -> Detail {
        Detail::ExecutionStarted {
            input: Payload::from_checked_text("{}"),
            role_arn: "r".into(),
            alias_arn: None,
            version_arn: None,
        }
    }

    #[test]
    fn executions_are_counted_for_their_machine_and_version() {
        let metrics = metrics(|_| {});
        tell(&metrics, vec![started(), Detail::ExecutionFailed(Fault::default())], 1);
        assert_eq!(
            told(&metrics),
            [
                "ExecutionTime{arn:m}={1000: 1}",
                "ExecutionTime{arn:m,7}={1000: 1}",
                "ExecutionsFailed{arn:m}={1: 1}",
                "ExecutionsFailed{arn:m,7}={1: 1}",
                "ExecutionsStarted{arn:m}={1: 1}",
                "ExecutionsStarted{arn:m,7}={1: 1}",
                "RedrivenExecutionsFailed{arn:m}={1: 1}",
                "RedrivenExecutionsFailed{arn:m,7}={1: 1}",
            ]
        );
        assert_eq!(told(&metrics), [""; 0], "an interval begins anew");
    }

    #[test]
    fn attempts_have_their_times() {
        let metrics = metrics(|_| {});
        let task = || TaskResource { resource_type: "batch".into(), action: "submitJob.sync".into() };
        let payload = || Payload::from_checked_text("{}");
        let activity = Detail::ActivityScheduled {
            resource: "arn:a".into(),
            input: payload(),
            timeout_seconds: None,
            heartbeat_seconds: None,
        };
        let silent = Fault { error: Some("States.HeartbeatTimeout".into()), cause: None };
        tell(
            &metrics,
            vec![
                Detail::TaskScheduled {
                    task: task(),
                    region: "r".into(),
                    parameters: payload(),
                    timeout_seconds: None,
                    heartbeat_seconds: None,
                    role_arn: None,
                },
                Detail::TaskStarted(task()),
                Detail::TaskSubmitted { task: task(), output: payload() },
                Detail::TaskSucceeded { task: task(), output: payload() },
                activity,
                Detail::ActivityTimedOut(silent),
            ],
            0,
        );
        assert_eq!(
            told(&metrics),
            [
                "ActivitiesHeartbeatTimedOut{arn:a}={1: 1}",
                "ActivitiesScheduled{arn:a}={1: 1}",
                "ActivityTime{arn:a}={1000: 1}",
                "ServiceIntegrationRunTime{arn:aws:states:::batch:submitJob.sync}={2000: 1}",
                "ServiceIntegrationScheduleTime{arn:aws:states:::batch:submitJob.sync}={1000: 1}",
                "ServiceIntegrationTime{arn:aws:states:::batch:submitJob.sync}={3000: 1}",
                "ServiceIntegrationsScheduled{arn:aws:states:::batch:submitJob.sync}={1: 1}",
                "ServiceIntegrationsStarted{arn:aws:states:::batch:submitJob.sync}={1: 1}",
                "ServiceIntegrationsSucceeded{arn:aws:states:::batch:submitJob.sync}={1: 1}",
            ]
        );
        let state = metrics.state.as_ref().unwrap();
        assert!(state.state.lock().attempts.is_empty(), "what is over is forgotten");
    }

    #[test]
    fn memory_is_bounded() {
        let metrics = metrics(|options| (options.series, options.attempts) = (1, 0));
        let scheduled = Detail::LambdaFunctionScheduled {
            resource: "arn:f".into(),
            input: Payload::from_checked_text("{}"),
            timeout_seconds: None,
            role_arn: None,
        };
        tell(&metrics, vec![scheduled, started()], 0);
        assert_eq!(told(&metrics), ["LambdaFunctionsScheduled{arn:f}={1: 1}"]);
        assert!(metrics.state.as_ref().unwrap().state.lock().attempts.is_empty());
    }

    #[test]
    fn values_keep_three_digits() {
        for (value, expect) in
            [(0, 0), (9, 9), (999, 999), (1_234, 1_230), (1_235, 1_240), (999_999, 1_000_000)]
        {
            assert_eq!(rounded(value), expect);
        }
        assert!(rounded(u64::MAX) > u64::MAX / 2);
    }
}
