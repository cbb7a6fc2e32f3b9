//! The engine from outside: its services on real stores, and whole lives of it in simulation.

#![expect(clippy::unwrap_used, reason = "in tests a panic is how a failure shows")]

mod activities;
mod deletion;
mod encryption;
mod executions;
mod express;
mod faults;
mod limits;
mod machines;
mod map_runs;
mod neighbours;
mod redrive;
mod registrations;
mod sim;
mod support;
mod tasks;
mod test_cases;
mod test_state;
mod transfers;
mod transitions;
mod versions;
mod watching;
