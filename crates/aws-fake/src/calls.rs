//! How often each operation was called, by whom, and in which second.

use std::collections::VecDeque;

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::identity::{Caller, Callers};
use crate::services::{Operation, Service};

/// Seconds with calls that are remembered for each line, the newest ones.
const MAX_SECONDS: usize = 7200;

/// The calls of one operation by one (account, region, role).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CallReport {
    /// 12 digits.
    pub account: String,
    /// The region of the signature.
    pub region: String,
    /// ARN of the assumed role; empty for none.
    pub role: String,
    /// The service.
    pub service: Service,
    /// The operation as AWS names it.
    pub operation: String,
    /// Calls received, those that met a fault included.
    pub calls: u64,
    /// Calls that met a fault.
    pub faults: u64,
    /// Calls answered with an error, by fault or not.
    pub errors: u64,
    /// Elements asked for in all calls of an operation that takes a list (ids to describe, tasks to start).
    pub items: u64,
    /// `[second since the epoch, calls in it]`, oldest first, seconds without a call left out.
    pub seconds: Vec<(u64, u32)>,
}

#[derive(Debug, Default)]
struct Tally {
    calls: u64,
    faults: u64,
    errors: u64,
    items: u64,
    seconds: VecDeque<(u64, u32)>,
}

/// The counters of a whole fake.
#[derive(Debug, Default)]
pub(crate) struct CallBook {
    tallies: Mutex<FxHashMap<(usize, Service, &'static str), Tally>>,
}

impl CallBook {
    /// Counts a call as it arrives, before anything can go wrong with it.
    pub(crate) fn arrived(
        &self,
        caller: &Caller,
        operation: &Operation,
        service: Service,
        items: u64,
        now_ms: u64,
    ) {
        let mut tallies = self.tallies.lock();
        let tally = tallies.entry((caller.number, service, operation.name)).or_default();
        tally.calls += 1;
        tally.items += items;
        let second = now_ms / 1000;
        match tally.seconds.back_mut() {
            Some((last, calls)) if *last == second => *calls += 1,
            _ => {
                if tally.seconds.len() == MAX_SECONDS {
                    tally.seconds.pop_front();
                }
                tally.seconds.push_back((second, 1));
            }
        }
    }

    /// Adds how a call counted by [`Self::arrived`] went.
    pub(crate) fn went_wrong(
        &self,
        caller: &Caller,
        operation: &Operation,
        service: Service,
        fault: bool,
        error: bool,
    ) {
        if let Some(tally) = self.tallies.lock().get_mut(&(caller.number, service, operation.name)) {
            tally.faults += u64::from(fault);
            tally.errors += u64::from(error);
        }
    }

    pub(crate) fn clear(&self) {
        self.tallies.lock().clear();
    }

    /// All lines, ordered by account, region, role, service and operation.
    pub(crate) fn report(&self, callers: &Callers) -> Vec<CallReport> {
        let tallies = self.tallies.lock();
        let mut lines: Vec<CallReport> = tallies
            .iter()
            .filter_map(|((number, service, operation), tally)| {
                let caller = callers.by_number(*number)?;
                Some(CallReport {
                    account: caller.account.to_string(),
                    region: caller.region.to_string(),
                    role: caller.role.to_string(),
                    service: *service,
                    operation: (*operation).to_owned(),
                    calls: tally.calls,
                    faults: tally.faults,
                    errors: tally.errors,
                    items: tally.items,
                    seconds: tally.seconds.iter().copied().collect(),
                })
            })
            .collect();
        lines.sort_by(|a, b| {
            let key = |line: &CallReport| {
                (line.service, line.account.clone(), line.region.clone(), line.role.clone())
            };
            key(a).cmp(&key(b)).then_with(|| a.operation.cmp(&b.operation))
        });
        lines
    }
}
