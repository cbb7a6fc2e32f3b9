//! Task: an attempt is scheduled, started, submitted, and ends by a report, a token or a clock.

use newel_asl::catalog::{Pattern, TaskOrigin};
use newel_asl::error;
use newel_asl::plan::{Call, Kind, Setting, State, Task};
use newel_value::{Payload, Str, Value};

use crate::eval::{EvalResult, Scope};
use crate::execution::{Attempt, FramePath, Phase};
use crate::fault::{EvalError, StateError};
use crate::input::{Effect, ScheduledTask, TaskReport};
use crate::probe::Stage;
use crate::states::history;
use crate::transition::{Extra, state_error};
use crate::turn::{Runner, Step, after_seconds};
use crate::world::TaskKey;

/// The most seconds that a timeout or heartbeat may have.
const MAX_SECONDS: u64 = 99_999_999;

impl Runner<'_, '_> {
    /// Schedules an attempt.
    pub(super) fn schedule(&mut self, path: &FramePath, state: &State, task: &Task) -> Step {
        self.check_activity(path, task)?;
        let effective = self.effective_input(path, state)?;
        let Some(frame) = self.execution.frames.get(path) else { return Ok(()) };
        let key = TaskKey { frame: path.clone(), entry: frame.entered, attempt: frame.attempts };
        let secret = match task.resource.pattern {
            Pattern::RequestResponse => None,
            Pattern::Job(_) | Pattern::Callback => Some(self.secret()),
        };
        let token = secret.map(|secret| self.world.tokens.issue(&key, secret));
        // An activity's token goes to its worker alone.
        let shown = token.clone().filter(|_| task.call != Call::Activity);
        let extra = Extra { token: shown, ..Extra::default() };
        let (parameters, settings) = self.evaluate_with(path, effective.value(), extra, |scope| {
            let parameters = match &task.parameters {
                Some(template) => scope.template(template)?,
                None => scope.data.input.clone(),
            };
            Ok((parameters, Settings::evaluate(scope, task)?))
        })?;
        let parameters = Payload::from(parameters);
        self.note(Stage::AfterParameters, &parameters);
        let parameters = self.prepare(path, task, parameters.value().clone())?;
        self.check_size(&parameters, size_name(task))?;

        let now = self.world.now;
        let deadline = settings.timeout_seconds.map(|seconds| after_seconds(now, seconds));
        // Whoever works on an activity can't be expected to be alive before there is one.
        let beats_from_now = settings.heartbeat_seconds.filter(|_| task.call != Call::Activity);
        let heartbeat_due = beats_from_now.map(|seconds| after_seconds(now, seconds));
        let Some(frame) = self.execution.frames.get(path) else { return Ok(()) };
        let detail = history::scheduled(task, &self.execution.info.region, &parameters, &settings);
        let scheduled = self.emit(detail, frame.previous);
        self.update(path, |frame| {
            frame.previous = scheduled;
            frame.attempts += 1;
            frame.phase = Phase::Task(Attempt {
                number: key.attempt,
                started: false,
                deadline,
                heartbeat_seconds: settings.heartbeat_seconds,
                heartbeat_due,
                secret,
                external_ref: None,
                submitted: false,
                fetched: task.call == Call::Activity,
            });
        });
        self.effect(Effect::Schedule(Box::new(ScheduledTask {
            task: key,
            state: state.name.clone(),
            resource: task.resource.clone(),
            parameters,
            role_arn: settings.role_arn,
            deadline,
            heartbeat_seconds: settings.heartbeat_seconds,
            token,
        })));
        Ok(())
    }

    fn check_activity(&self, path: &str, task: &Task) -> Step {
        let arn = &task.resource.arn;
        if task.call != Call::Activity || (self.world.activity_exists)(arn) {
            return Ok(());
        }
        let Some(frame) = self.execution.frames.get(path) else { return Ok(()) };
        Err(state_error(frame, EvalError::runtime(format!("The activity {arn} does not exist."))))
    }

    /// Checks and completes parameters that only the run time knows.
    fn prepare(&self, path: &str, task: &Task, parameters: Value) -> Result<Payload, StateError> {
        if task.call != Call::Service {
            return Ok(parameters.into());
        }
        let info = &self.execution.info;
        let origin = TaskOrigin {
            execution_arn: &info.arn,
            state_machine_arn: &info.machine_arn,
            account: &info.account,
            region: &info.region,
        };
        let shown = parameters.clone();
        match (
            self.world.catalog.prepare(&task.resource, parameters, origin),
            self.execution.frames.get(path),
        ) {
            (Ok(prepared), _) => Ok(prepared.into()),
            (Err(reasons), Some(frame)) => Err(state_error(
                frame,
                EvalError::runtime(format!(
                    "The Parameters '{shown}' could not be used to start the Task: [{}]",
                    reasons.join(", ")
                )),
            )),
            (Err(_), None) => Ok(shown.into()),
        }
    }

    fn secret(&self) -> [u8; 16] {
        let mut secret = [0; 16];
        secret[..8].copy_from_slice(&(self.world.random)().to_le_bytes());
        secret[8..].copy_from_slice(&(self.world.random)().to_le_bytes());
        secret
    }

    /// Records that a scheduled attempt has gone out. An activity's begins when a worker fetches it, not before.
    pub(crate) fn start_task(&mut self, path: &FramePath) {
        let Some((_, state)) = self.current(path) else { return };
        let Kind::Task(task) = &state.kind else { return };
        if task.call != Call::Activity {
            self.record_start(path, task, None);
        }
    }

    /// A worker has fetched an activity's task.
    fn fetched(&mut self, path: &FramePath, worker_name: Option<Str>) {
        let Some((_, state)) = self.current(path) else { return };
        let Kind::Task(task) = &state.kind else { return };
        if task.call == Call::Activity {
            self.record_start(path, task, worker_name);
            self.beat(path);
        }
    }

    fn record_start(&mut self, path: &FramePath, task: &Task, worker_name: Option<Str>) {
        let Some(frame) = self.execution.frames.get(path) else { return };
        if !matches!(frame.phase, Phase::Task(Attempt { started: false, .. })) {
            return;
        }
        let started = self.emit(history::started(task, worker_name), frame.previous);
        self.update(path, |frame| {
            frame.previous = started;
            if let Phase::Task(attempt) = &mut frame.phase {
                attempt.started = true;
            }
        });
    }

    /// What became of the open attempt, said by a worker or by whoever holds its token.
    pub(crate) fn task_report(
        &mut self,
        key: &TaskKey,
        attempt: &Attempt,
        by_token: bool,
        report: TaskReport,
    ) {
        let path = &key.frame;
        // A report can overtake the step that records the start when the budget ended the turn in between.
        self.start_task(path);
        match report {
            TaskReport::Started { worker_name } => self.fetched(path, worker_name),
            TaskReport::Heartbeat => self.beat(path),
            TaskReport::Submitted { .. } if attempt.submitted || by_token => {}
            TaskReport::Submitted { external_ref, output } => self.submitted(key, external_ref, output),
            TaskReport::Succeeded(output) => self.succeeded(path, output),
            // A worker says so when it has an attempt past its deadline and hasn't looked at what became of it: a job that
            // may be running is to be stopped, as when the clock says so here.
            TaskReport::Failed(fault)
                if !by_token && self.probe.is_none() && fault.error.as_deref() == Some(error::TIMEOUT) =>
            {
                self.time_out(path, attempt);
            }
            TaskReport::Failed(fault) => {
                self.settle(path);
                self.task_failed(path, fault.into());
            }
            TaskReport::Mocked(outcome) => {
                self.mocked_on_the_way(key, outcome.is_ok());
                match outcome {
                    Ok(output) => self.succeeded(path, output),
                    // What a mock says of time is no clock's word.
                    Err(fault) => {
                        self.settle(path);
                        self.task_failed(path, fault.into());
                    }
                }
            }
        }
    }

    /// What comes before the end of an attempt that a test case answers: an activity's task is fetched, a job or a callback's
    /// call is accepted, unless it is that which fails. What its service answered nobody made up.
    fn mocked_on_the_way(&mut self, key: &TaskKey, succeeds: bool) {
        let Some((_, state)) = self.current(&key.frame) else { return };
        let Kind::Task(task) = &state.kind else { return };
        match (task.call, task.resource.pattern) {
            (Call::Activity, _) => self.fetched(&key.frame, None),
            (Call::Service, Pattern::Job(_) | Pattern::Callback) if succeeds => {
                self.submitted(key, "".into(), Payload::from_checked_text("{}"));
            }
            (Call::Service | Call::Function, _) => {}
        }
    }

    fn beat(&mut self, path: &FramePath) {
        let now = self.world.now;
        self.update(path, |frame| {
            if let Phase::Task(attempt) = &mut frame.phase {
                attempt.heartbeat_due = attempt.heartbeat_seconds.map(|seconds| after_seconds(now, seconds));
            }
        });
    }

    fn submitted(&mut self, key: &TaskKey, external_ref: Str, output: Payload) {
        let path = &key.frame;
        let Some((frame, state)) = self.current(path) else { return };
        let (previous, Kind::Task(task)) = (frame.previous, &state.kind) else { return };
        // The job's id first: whatever comes of its answer, it may have to be stopped.
        self.update(path, |frame| {
            if let Phase::Task(attempt) = &mut frame.phase {
                attempt.submitted = true;
                attempt.external_ref = Some(external_ref.clone());
            }
        });
        if let Err(error) = self.check_size(&output, size_name(task)) {
            self.abandon(path);
            self.task_failed(path, error);
            return;
        }
        let event = self.emit(history::submitted(task, output), previous);
        self.update(path, |frame| frame.previous = event);
        self.beat(path);
        self.effect(match task.resource.pattern {
            Pattern::Job(_) => Effect::Watch { task: key.clone(), external_ref },
            Pattern::Callback | Pattern::RequestResponse => Effect::Settle(key.clone()),
        });
    }

    fn succeeded(&mut self, path: &FramePath, output: Payload) {
        let Some((frame, state)) = self.current(path) else { return };
        let (previous, Kind::Task(task)) = (frame.previous, &state.kind) else { return };
        self.settle(path);
        if let Err(error) = self.check_size(&output, size_name(task)) {
            self.task_failed(path, error);
            return;
        }
        let event = self.emit(history::succeeded(task, &output), previous);
        self.update(path, |frame| frame.previous = event);
        if let Err(error) = self.conclude_task(path, &state, task, &output) {
            self.fail(path, error);
        }
    }

    fn conclude_task(&mut self, path: &FramePath, state: &State, task: &Task, raw: &Payload) -> Step {
        self.note(Stage::Result, raw);
        let result = self.template_or(path, task.result_selector.as_ref(), raw)?;
        self.note(Stage::AfterResultSelector, &result);
        let output = self.put(path, &task.result_path, &result)?;
        self.note(Stage::AfterResultPath, &output);
        self.conclude(path, state, output, raw, &task.transition)
    }

    fn task_failed(&mut self, path: &FramePath, error: StateError) {
        let Some((frame, state)) = self.current(path) else { return };
        let Kind::Task(task) = &state.kind else { return };
        let error = StateError { of_task: true, ..error };
        let failed = self.emit(history::failed(task, error.fault.clone()), frame.previous);
        self.update(path, |frame| frame.previous = failed);
        self.fail(path, error);
    }

    /// The open attempt has missed its deadline or its heartbeat.
    pub(crate) fn time_out(&mut self, path: &FramePath, attempt: &Attempt) {
        self.start_task(path);
        let Some((frame, state)) = self.current(path) else { return };
        let (previous, Kind::Task(task)) = (frame.previous, &state.kind) else { return };
        let missed = if attempt.deadline.is_some_and(|deadline| deadline <= self.world.now) {
            error::TIMEOUT
        } else {
            error::HEARTBEAT_TIMEOUT
        };
        self.abandon(path);
        let error = StateError::timeout(missed);
        let timed_out = self.emit(history::timed_out(task, error.fault.clone()), previous);
        self.update(path, |frame| frame.previous = timed_out);
        self.fail(path, error);
    }

    fn settle(&mut self, path: &FramePath) {
        if let Some((key, _)) = self.take_attempt(path) {
            self.effect(Effect::Settle(key));
        }
    }
}

/// What of a Task is read from the state's data.
pub(super) struct Settings {
    pub(super) timeout_seconds: Option<u64>,
    pub(super) heartbeat_seconds: Option<u64>,
    pub(super) role_arn: Option<Str>,
}

impl Settings {
    fn evaluate(scope: &Scope<'_>, task: &Task) -> EvalResult<Self> {
        let role_arn = match &task.credentials {
            None => None,
            Some(credentials) => match scope.template(credentials)?.get("RoleArn") {
                Some(Value::String(arn)) => Some(arn.clone()),
                _ => return Err(EvalError::runtime("The field 'RoleArn' of Credentials must give a string")),
            },
        };
        let timeout_seconds = seconds(scope, "TimeoutSecondsPath", task.timeout_seconds.as_ref())?;
        let heartbeat_seconds = seconds(scope, "HeartbeatSecondsPath", task.heartbeat_seconds.as_ref())?;
        if let (Some(timeout), Some(heartbeat)) = (timeout_seconds, heartbeat_seconds)
            && heartbeat >= timeout
        {
            return Err(too_rare(task, timeout, heartbeat));
        }
        Ok(Self { timeout_seconds, heartbeat_seconds, role_arn })
    }
}

/// The fault of a heartbeat that the timeout would come before.
fn too_rare(task: &Task, timeout: u64, heartbeat: u64) -> EvalError {
    let message = format!("HeartbeatSeconds ({heartbeat}) must be smaller than TimeoutSeconds ({timeout}).");
    let evaluated =
        [&task.heartbeat_seconds, &task.timeout_seconds].into_iter().find_map(|setting| match setting {
            Some(Setting::Jsonata(jsonata)) => Some(jsonata.field.clone()),
            _ => None,
        });
    match evaluated {
        Some(field) => EvalError::evaluation(Some(field), message),
        None => EvalError::runtime(message),
    }
}

/// A positive number of seconds, written or read.
fn seconds(scope: &Scope<'_>, field: &str, setting: Option<&Setting<u64>>) -> EvalResult<Option<u64>> {
    match setting {
        None => Ok(None),
        Some(Setting::Value(seconds)) => Ok(Some(*seconds)),
        Some(Setting::Jsonata(jsonata)) => {
            let seconds = scope.jsonata_count(jsonata)?;
            let fault = match seconds {
                0 => "be a positive integer",
                1..=MAX_SECONDS => return Ok(Some(seconds)),
                _ => "not be greater than 99999999",
            };
            let message = format!("The {} field must {fault} but was: {seconds}", jsonata.field);
            Err(EvalError::evaluation(Some(jsonata.field.clone()), message))
        }
        Some(Setting::Path(expression)) => {
            let value = scope.expression(expression)?;
            let fault = match value.as_i64().and_then(|seconds| u64::try_from(seconds).ok()) {
                None | Some(0) => "does not reference a positive integer",
                Some(seconds @ 1..=MAX_SECONDS) => return Ok(Some(seconds)),
                Some(_) => "references a value greater than 99999999",
            };
            let (source, value) = (&expression.source, super::plain(&value));
            Err(EvalError::runtime(format!("The {field} parameter {fault}: {source} == {value}")))
        }
    }
}

/// What the error of a payload that is too large calls the task.
fn size_name(task: &Task) -> &str {
    match task.call {
        Call::Service => &task.resource.resource_type,
        Call::Function | Call::Activity => &task.resource.arn,
    }
}
