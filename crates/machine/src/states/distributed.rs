//! Distributed Map: a map run outside, of which the execution records how it began and how it ended.

use newel_asl::error;
use newel_asl::plan::{Batcher, Distributed, Expression, Kind, Map, Setting, State, Transformation};
use newel_asl::{MachineType, arn::MapRunArn};
use newel_value::{ObjectBuilder, Payload, Value};

use super::branches::{Branches, items};
use crate::eval::{EvalResult, Scope};
use crate::event::{Detail, EventId};
use crate::execution::{Frame, FramePath, Phase};
use crate::fault::{EvalError, StateError};
use crate::input::{Effect, Reply};
use crate::intrinsic::uuid;
use crate::map_run::{
    Batch, Item, ItemScope, MapItems, MapRun, MapRunKey, MapRunOrder, MapRunReport, MapSettings, Tolerance,
};
use crate::turn::{Runner, Step};

/// The most items that a reader gives, or a batch has.
const MAX_ITEMS: i64 = 100_000_000;
/// The most bytes that a batch may have: those of a child's input.
const MAX_BATCH_BYTES: i64 = 262_144;

impl Runner<'_, '_> {
    /// Begins a map run.
    pub(super) fn start_map_run(
        &mut self,
        path: &FramePath,
        state: &State,
        map: &Map,
        distributed: &Distributed,
    ) -> Step {
        let effective = self.effective_input(path, state)?;
        let found = match distributed.reader {
            None => Some(self.evaluate(path, effective.value(), |scope| items(scope, state, map))?),
            Some(_) => None,
        };
        let length = found.as_ref().map_or(0, |items| Item::count_of(items.value()));
        let Some(frame) = self.execution.frames.get(path) else { return Ok(()) };
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        let started = self.emit(Detail::MapStarted { length }, frame.previous);
        self.update(path, |frame| frame.previous = started);
        // What is wrong with these is told after the state's start.
        let (items, settings) = self.evaluate(path, effective.value(), |scope| {
            Ok((source(scope, distributed, found)?, settings(scope, map, distributed)?))
        })?;
        let Some(scope) = self.item_scope(path, effective) else { return Ok(()) };
        let arn = self.map_run_arn(distributed);
        let run_started = self.emit(Detail::MapRunStarted { map_run_arn: arn.clone() }, started);
        let run = MapRun { arn: arn.clone(), open: true, redrives: 0, redrivable: true };
        self.update(path, |frame| {
            frame.previous = run_started;
            frame.phase = Phase::MapRun(run);
        });
        self.effect(Effect::StartMapRun(Box::new(MapRunOrder {
            key: MapRunKey { frame: path.clone(), arn },
            state: state.name.clone(),
            label: distributed.label.clone(),
            express: distributed.execution_type == MachineType::Express,
            items,
            settings,
            scope,
        })));
        Ok(())
    }

    fn map_run_arn(&self, distributed: &Distributed) -> newel_value::Str {
        let info = &self.execution.info;
        MapRunArn {
            home: newel_asl::arn::Home {
                partition: "aws".into(),
                region: info.region.clone(),
                account: info.account.clone(),
            },
            // A child's machine is named `NAME/LABEL`; a run in it belongs to the same machine.
            machine: info.machine_name.split('/').next().unwrap_or_default().into(),
            label: distributed.label.clone(),
            run: uuid(self.world.random).into(),
        }
        .to_string()
        .into()
    }

    /// What the children's inputs are made of.
    fn item_scope(&self, path: &FramePath, input: Payload) -> Option<ItemScope> {
        let frames = &self.execution.frames;
        let frame = frames.get(path)?;
        let mut variables = ObjectBuilder::with_capacity(frame.variables.len());
        let mut around = Some(frame);
        while let Some(one) = around {
            for (name, value) in one.variables.iter() {
                // An inner variable hides an outer one of its name.
                if variables.get(name).is_none() {
                    variables.insert(name.clone(), value.clone());
                }
            }
            around = one.parent.as_deref().and_then(|parent| frames.get(parent));
        }
        let frame =
            Frame { parent: None, variables: variables.build(), phase: Phase::Ready, ..frame.clone() };
        Some(ItemScope {
            info: self.execution.info.clone(),
            frame,
            input,
            redrives: self.execution.redrives.clone(),
        })
    }

    /// What became of a map run.
    pub(crate) fn map_run_report(&mut self, key: &MapRunKey, redrives: u64, report: MapRunReport) -> Reply {
        let path = &key.frame;
        let Some((frame, state)) = self.current(path) else { return Reply::Stale };
        let Kind::Map(map) = &state.kind else { return Reply::Stale };
        match &frame.phase {
            Phase::MapRun(run) if run.arn == key.arn && run.open && run.redrives == redrives => {}
            _ => return Reply::Stale,
        }
        let started = frame.previous;
        match report {
            MapRunReport::Succeeded(output) => {
                let ended = self.emit(Detail::MapRunSucceeded, started);
                if let Err(error) = self.conclude_map_run(path, &state, map, &output, [started, ended]) {
                    self.fail(path, error);
                }
            }
            MapRunReport::Failed(fault) => {
                let failed = self.emit(Detail::MapRunFailed(fault.clone()), started);
                // These come from the definition and the data: the same run would fail so again.
                let hopeless = [error::DATA_LIMIT_EXCEEDED, error::RUNTIME, error::QUERY_EVALUATION_ERROR];
                let redrivable = !fault.error.as_deref().is_some_and(|error| hopeless.contains(&error));
                self.update(path, |frame| {
                    frame.previous = failed;
                    if let Phase::MapRun(run) = &mut frame.phase {
                        run.open = false;
                        run.redrivable = redrivable;
                    }
                });
                self.fail(path, fault.into());
            }
        }
        Reply::Accepted
    }

    fn conclude_map_run(
        &mut self,
        path: &FramePath,
        state: &State,
        map: &Map,
        output: &Payload,
        [started, ended]: [EventId; 2],
    ) -> Step {
        let succeeded = self.emit(Detail::MapSucceeded, ended);
        // The state's Exited follows the run's start, as AWS has it since November 2024.
        self.update(path, |frame| {
            frame.previous = started;
            frame.phase = Phase::Ready;
        });
        self.conclude_result(path, state, &Branches::of_map(map), output).map_err(|mut error| {
            self.update(path, |frame| frame.previous = succeeded);
            self.record_evaluation(path, &mut error);
            error
        })
    }

    /// Redrives the map run of a Map state whose execution is redriven.
    pub(crate) fn redrive_map_run(&mut self, path: &FramePath, redriven: EventId) {
        let Some(frame) = self.execution.frames.get(path) else { return };
        let Phase::MapRun(run) = &frame.phase else { return };
        let key = MapRunKey { frame: path.clone(), arn: run.arn.clone() };
        let redrives = run.redrives + 1;
        if redrives > self.world.limits.map_run_redrives {
            let cause = format!(
                "The Map Run '{}' has been redriven {} times and can't be redriven again.",
                key.arn, run.redrives
            );
            self.fail_around(path, None, redriven, StateError::new(error::RUNTIME, cause));
            return;
        }
        let detail = Detail::MapRunRedriven { map_run_arn: key.arn.clone(), redrive_count: redrives };
        let previous = self.emit(detail, redriven);
        self.update(path, |frame| {
            frame.previous = previous;
            frame.retries.clear();
            if let Phase::MapRun(run) = &mut frame.phase {
                run.open = true;
                run.redrives = redrives;
            }
        });
        self.effect(Effect::RedriveMapRun { key, redrives });
    }

    /// Lets the open map run of a frame go, if there is one. Says whether there was.
    pub(crate) fn abort_map_run(&mut self, path: &FramePath) -> bool {
        let (key, redrives) = match self.execution.frames.get(path).map(|frame| &frame.phase) {
            Some(Phase::MapRun(run)) if run.open => {
                (MapRunKey { frame: path.clone(), arn: run.arn.clone() }, run.redrives)
            }
            _ => return false,
        };
        self.update(path, |frame| {
            if let Phase::MapRun(run) = &mut frame.phase {
                run.open = false;
            }
        });
        self.effect(Effect::AbortMapRun { key, redrives });
        true
    }
}

fn source(scope: &Scope<'_>, distributed: &Distributed, found: Option<Payload>) -> EvalResult<MapItems> {
    let (reader, None) = (&distributed.reader, &found) else {
        return Ok(MapItems::State(found.unwrap_or_default()));
    };
    let Some(reader) = reader else { return Ok(MapItems::State(Payload::default())) };
    let max_items = match &reader.max_items {
        Some(setting) => whole(scope, "MaxItemsPath", setting)?,
        None => 0,
    };
    if max_items > MAX_ITEMS {
        return Err(beyond(reader.max_items.as_ref(), "MaxItems", MAX_ITEMS));
    }
    Ok(MapItems::Reader {
        resource: reader.resource.clone(),
        parameters: reader
            .parameters
            .as_ref()
            .map_or(Ok(Value::Null), |template| scope.template(template))?,
        config: reader.config.clone(),
        max_items: u64::try_from(max_items).map_err(|_| EvalError {
            error: error::ITEM_READER_FAILED,
            message: "field MaxItems must be positive".to_owned(),
            evaluation: None,
        })?,
    })
}

fn settings(scope: &Scope<'_>, map: &Map, distributed: &Distributed) -> EvalResult<MapSettings> {
    let writer = distributed.writer.as_ref();
    let tolerance = tolerance(scope, map)?;
    Ok(MapSettings {
        max_concurrency: count(scope, "MaxConcurrencyPath", &map.max_concurrency)?,
        tolerated_failure_count: tolerance.count,
        tolerated_failure_percentage: tolerance.percentage,
        batch: match &distributed.batcher {
            Some(batcher) => Some(batch(scope, batcher)?),
            None => None,
        },
        destination: match writer.and_then(|writer| writer.destination.as_ref()) {
            Some((resource, Some(parameters))) => Some((resource.clone(), scope.template(parameters)?)),
            Some((resource, None)) => Some((resource.clone(), Value::Null)),
            None => None,
        },
        transformation: writer.map_or(Transformation::Compact, |writer| writer.transformation),
        json_lines: writer.is_some_and(|writer| writer.json_lines),
    })
}

pub(super) fn batch(scope: &Scope<'_>, batcher: &Batcher) -> EvalResult<Batch> {
    let limit = |field: &str, setting: &Option<Setting<u64>>, most: i64| {
        let Some(setting) = setting else { return Ok(None) };
        let number = whole(scope, field, setting)?;
        let name = field.trim_end_matches("Path");
        if number > most {
            return Err(beyond(Some(setting), name, most));
        }
        let positive = u64::try_from(number).ok().filter(|number| *number > 0);
        positive.map(Some).ok_or_else(|| refusal(Some(setting), format!("{name} must be greater than zero.")))
    };
    Ok(Batch {
        max_items: limit("MaxItemsPerBatchPath", &batcher.max_items, MAX_ITEMS)?,
        max_bytes: limit("MaxInputBytesPerBatchPath", &batcher.max_bytes, MAX_BATCH_BYTES)?,
        input: match &batcher.input {
            Some(template) => Some(scope.template(template)?),
            None => None,
        },
    })
}

/// A Map's `ToleratedFailureCount` and `ToleratedFailurePercentage`.
pub(super) fn tolerance(scope: &Scope<'_>, map: &Map) -> EvalResult<Tolerance> {
    let failures = map.tolerated_failure_count.as_ref();
    let share = map.tolerated_failure_percentage.as_ref();
    Ok(Tolerance {
        count: failures.map(|setting| count(scope, "ToleratedFailureCountPath", setting)).transpose()?,
        percentage: share.map(|setting| percentage(scope, setting)).transpose()?,
    })
}

/// A whole number that isn't negative.
pub(super) fn count(scope: &Scope<'_>, field: &str, setting: &Setting<u64>) -> EvalResult<u64> {
    if let Setting::Jsonata(jsonata) = setting {
        return scope.jsonata_count(jsonata);
    }
    let number = whole(scope, field, setting)?;
    let name = field.trim_end_matches("Path");
    u64::try_from(number).map_err(|_| EvalError::runtime(format!("{name} cannot be negative.")))
}

/// What is wrong with a setting's value: of an expression, that it gave it.
fn refusal<T>(setting: Option<&Setting<T>>, message: String) -> EvalError {
    match setting {
        Some(Setting::Jsonata(jsonata)) => EvalError::evaluation(Some(jsonata.field.clone()), message),
        _ => EvalError::runtime(message),
    }
}

fn beyond(setting: Option<&Setting<u64>>, name: &str, most: i64) -> EvalError {
    refusal(setting, format!("{name} must be less than or equal to {most}."))
}

/// A whole number, written or read; AWS reads texts of digits too.
fn whole(scope: &Scope<'_>, field: &str, setting: &Setting<u64>) -> EvalResult<i64> {
    match setting {
        Setting::Value(number) => Ok(i64::try_from(*number).unwrap_or(i64::MAX)),
        Setting::Jsonata(jsonata) => scope.jsonata_whole(jsonata),
        Setting::Path(expression) => {
            let value = scope.expression(expression)?;
            let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
            number.ok_or_else(|| invalid(field, expression, &value, "integer"))
        }
    }
}

fn percentage(scope: &Scope<'_>, setting: &Setting<f64>) -> EvalResult<f64> {
    let percentage = match setting {
        Setting::Value(number) => *number,
        Setting::Jsonata(jsonata) => scope.jsonata_number(jsonata)?.as_f64().unwrap_or(f64::NAN),
        Setting::Path(expression) => {
            let value = scope.expression(expression)?;
            let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
            number
                .filter(|number| number.is_finite())
                .ok_or_else(|| invalid("ToleratedFailurePercentagePath", expression, &value, "float"))?
        }
    };
    if (0.0..=100.0).contains(&percentage) {
        return Ok(percentage);
    }
    Err(refusal(Some(setting), "ToleratedFailurePercentage must be between 0 and 100.".to_owned()))
}

fn invalid(field: &str, expression: &Expression, value: &Value, what: &str) -> EvalError {
    EvalError::runtime(format!(
        "The {field} field refers to value \"{}\" which is not a valid {what}: {}",
        super::plain(value),
        expression.source
    ))
}
