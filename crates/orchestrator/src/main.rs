//! The program `newel-orchestrator`.

use std::process::ExitCode;

fn main() -> ExitCode {
    newel_orchestrator::cli::main()
}
