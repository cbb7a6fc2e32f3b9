//! The program's arguments.

use std::process::ExitCode;

use clap::Parser as _;
use clap::builder::PossibleValuesParser;

/// A Newel worker for one family of AWS services.
#[derive(Debug, clap::Parser)]
#[command(version)]
struct Arguments {
    /// The family.
    #[arg(long, env = "NEWEL_FAMILY", value_parser = PossibleValuesParser::new(crate::FAMILIES))]
    family: String,
    #[command(flatten)]
    worker: newel_worker::cli::Arguments,
}

/// The `main` of the program: as [`newel_worker::cli::main`], for the family that the arguments name.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    main_with(&arguments.family, &arguments.worker)
}

/// As [`main`], for a program that has read the arguments itself.
#[must_use]
pub fn main_with(family: &str, arguments: &newel_worker::cli::Arguments) -> ExitCode {
    newel_worker::cli::serve("newel-worker-aws", arguments, async |options, integrations| {
        Ok(crate::adapter(family, options, integrations).await? as _)
    })
}
