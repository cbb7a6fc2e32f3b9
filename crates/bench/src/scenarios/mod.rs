//! What is measured.

mod calls;
mod express;
mod flat;
mod maprun;
mod pass;
mod s3csv;
mod tasks;
mod throughput;
mod waiting;

use serde_json::{Value, json};

use crate::Setup;

/// Something to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scenario {
    /// Everything but the long ones: maprun, s3csv, flat, waiting and tokens.
    All,
    /// Executions of five Pass states; then kill -9 under load, and what was seen complete is looked for.
    Pass,
    /// StartSyncExecution of three Pass states.
    Express,
    /// A loop of 100 iterations over a Choice.
    Choice,
    /// An inline Map of 1,000 items.
    Map,
    /// A distributed Map of 10,000 items, then of 100,000: what a child costs, and memory.
    #[value(name = "maprun")]
    MapRun,
    /// A CSV file of 10,000,000 rows in S3: what a row costs, and memory.
    #[value(name = "s3csv")]
    S3Csv,
    /// A Task through a worker that does nothing.
    Tasks,
    /// Calls of AWS by one worker: DynamoDB's GetItem, answered by the scripted fake.
    Calls,
    /// The cost of an execution from the first to the hundred-thousandth.
    Flat,
    /// 100,000 executions in a Wait state: memory, start after a kill -9, rate of starts.
    Waiting,
    /// The same with executions that wait for their task tokens.
    Tokens,
}

impl Scenario {
    /// The scenarios that this stands for.
    pub(crate) fn each(self) -> Vec<Self> {
        match self {
            Self::All => vec![Self::Pass, Self::Express, Self::Choice, Self::Map, Self::Tasks, Self::Calls],
            one => vec![one],
        }
    }

    pub(crate) async fn run(self, setup: &Setup) -> anyhow::Result<()> {
        match self {
            Self::All => Ok(()),
            Self::Pass => pass::run(setup).await,
            Self::Express => express::run(setup).await,
            Self::Choice => throughput::run(setup, &throughput::CHOICE).await,
            Self::Map => throughput::run(setup, &throughput::MAP).await,
            Self::MapRun => maprun::run(setup).await,
            Self::S3Csv => s3csv::run(setup).await,
            Self::Tasks => tasks::run(setup).await,
            Self::Calls => calls::run(setup).await,
            Self::Flat => flat::run(setup).await,
            Self::Waiting => waiting::run(setup, waiting::On::Time).await,
            Self::Tokens => waiting::run(setup, waiting::On::Token).await,
        }
    }
}

/// A chain of Pass states.
fn passes(count: usize) -> Value {
    let state = |place: usize| {
        if place + 1 == count {
            json!({"Type": "Pass", "End": true})
        } else {
            json!({"Type": "Pass", "Next": format!("P{}", place + 1)})
        }
    };
    let states: serde_json::Map<String, Value> =
        (0..count).map(|place| (format!("P{place}"), state(place))).collect();
    json!({"StartAt": "P0", "States": states})
}
