//! The program `newel-worker-aws`.

use std::process::ExitCode;

use clap::Parser as _;
use clap::builder::PossibleValuesParser;
use newel_worker_aws::{FAMILIES, adapter};

/// A Newel worker for one family of AWS services.
#[derive(Debug, clap::Parser)]
#[command(version)]
struct Arguments {
    /// The family.
    #[arg(long, env = "NEWEL_FAMILY", value_parser = PossibleValuesParser::new(FAMILIES))]
    family: String,
    #[command(flatten)]
    worker: newel_worker::cli::Arguments,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    newel_worker::cli::serve("newel-worker-aws", &arguments.worker, async |options, integrations| {
        Ok(adapter(&arguments.family, options, integrations).await? as _)
    })
}
