//! `newel-bench`: loads a real Newel over its real ports and measures what it costs.
//!
//! Every scenario starts a server of its own on an empty directory, and beside it, in the same run and with the same
//! loader and bodies, an axum server whose one handler does nothing. So what is printed is a ratio first and a rate
//! second: the rate depends on the machine, the ratio much less. Processor time is read from the server's own account.
//!
//! Where to start: [`scenarios`] has what is measured, [`load`] how it is loaded, [`server`] what is started and watched.

mod api;
mod empty;
mod load;
mod objects;
mod report;
mod scenarios;
mod server;
mod worker;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;

use scenarios::Scenario;

/// Loads Newel and an empty server with the same requests, and prints both and their ratio.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "\
Build both programs with the same profile first:
  cargo build --release -p newel -p newel-bench
  target/release/newel-bench all
  target/release/newel-bench waiting --count 100000"
)]
struct Arguments {
    /// What to measure.
    #[arg(value_enum)]
    what: Scenario,
    /// How many executions, instead of the scenario's own number.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Connections that load the server at once.
    #[arg(long, value_name = "N", default_value_t = 64)]
    connections: usize,
    /// The program to measure [default: `newel` beside this program]
    #[arg(long, value_name = "FILE")]
    newel: Option<PathBuf>,
    /// Where the servers keep their data, each run in a directory of its own [default: the system's temporary
    /// directory]. A disk whose syncs are real makes the figures real.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// What scenarios are run with.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) count: Option<u64>,
    pub(crate) connections: usize,
    pub(crate) newel: PathBuf,
    pub(crate) data_dir: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("failed to start the runtime")?;
    // This program starts itself so; it is no scenario for people to choose.
    if std::env::args().nth(1).as_deref() == Some(empty::ARGUMENT) {
        return runtime.block_on(empty::serve(std::env::args().nth(2).as_deref()));
    }
    let arguments = Arguments::parse();
    let beside = || Ok::<_, anyhow::Error>(std::env::current_exe()?.with_file_name("newel"));
    let newel = arguments.newel.map_or_else(beside, Ok)?;
    anyhow::ensure!(newel.is_file(), "{} isn't there: build it or name it with --newel", newel.display());
    let setup = Setup {
        count: arguments.count,
        connections: arguments.connections.max(1),
        newel,
        data_dir: arguments.data_dir.unwrap_or_else(std::env::temp_dir),
    };
    report::machine(&setup);
    runtime.block_on(async {
        for scenario in arguments.what.each() {
            scenario.run(&setup).await.with_context(|| format!("{scenario:?}"))?;
        }
        Ok(())
    })
}
