//! What map runs have happen on the clock: they begin, and so do their children, and their executions hear how they ended.

use newel_asl::error;
use newel_machine::{Fault, Input, MapRunOrder, child_info, transfer_fault};
use newel_value::Str;

use crate::Problem;
use crate::map_runs::{MapRun, Next, Surroundings};
use crate::player::Player;
use crate::record::Reading;
use crate::run::{Answered, Play, Work, random};

impl Play<'_> {
    /// A map run is ordered: it begins, or waits until fewer are open.
    pub(crate) fn order(&mut self, parent: u64, player: &Player, order: MapRunOrder) -> Result<(), Problem> {
        let arn = order.key.arn.clone();
        // The frame's latest event is the run's beginning, which belongs to the Map's step.
        let started = player.execution.frame(&order.key.frame).map_or(0, |frame| frame.previous);
        let depth = player.reading.depth_of(&self.steps, started) + 1;
        let run = MapRun::new(order, (parent, depth), &player.plan, self.scene.limits);
        self.runs.insert(arn.clone(), run.ok_or(Problem::Stuck)?);
        self.runs_waiting.push_back(arn);
        self.begin_runs()
    }

    /// Begins as many runs as may be open.
    fn begin_runs(&mut self) -> Result<(), Problem> {
        while self.runs_begun < self.scene.limits.open_map_runs
            && let Some(arn) = self.runs_waiting.pop_front()
        {
            let Some(run) = self.runs.get_mut(&arn) else { continue };
            run.begun = true;
            self.runs_begun += 1;
            if run.take_own_items()? {
                self.todo.push_back(Work::Run(arn));
                continue;
            }
            let answer = self.calls.of_reader(&run.order.state)?;
            let read = answer.outcome.clone().map_err(|Fault { error, cause }| {
                transfer_fault(
                    error::ITEM_READER_FAILED,
                    error.unwrap_or_default(),
                    cause.unwrap_or_default(),
                )
            });
            self.answer_in(answer.delay_millis, Answered::Items(arn, read));
        }
        Ok(())
    }

    /// Has a run do all that it can do now.
    pub(crate) fn work_on(&mut self, arn: &Str) -> Result<(), Problem> {
        loop {
            let around =
                Surroundings { limits: self.scene.limits, random: &|| random(&self.random), now: self.now };
            let Some(run) = self.runs.get_mut(arn) else { return Ok(()) };
            match run.next(around) {
                Next::Begin { index, items, input } => {
                    run.opened(index, items, self.all_players);
                    let info = child_info(&run.order.scope.info, run.names(), index, input, self.now);
                    let reading = Reading::of_child(run.depth, index);
                    let child = Player::new(info, run.plan.clone(), reading, Some((arn.clone(), index)));
                    self.enter(child)?;
                }
                Next::Stop(children) => {
                    for child in children {
                        self.give(child, Input::Stop(Fault::default()))?;
                    }
                }
                Next::End(report) => {
                    let ended = self.runs.remove(arn);
                    if let (Some(run), Some(report)) = (&ended, report) {
                        let input = Input::MapRun(run.order.key.clone(), 0, report);
                        self.todo.push_back(Work::Give(run.parent, input));
                    }
                    self.runs_begun -= u64::from(ended.is_some_and(|run| run.begun));
                    return self.begin_runs();
                }
                Next::Wait => return Ok(()),
            }
        }
    }

    /// Nobody waits for a run any more.
    pub(crate) fn abort(&mut self, arn: Str) {
        if let Some(run) = self.runs.get_mut(&arn) {
            run.abort();
            self.todo.push_back(Work::Run(arn));
        }
    }
}
