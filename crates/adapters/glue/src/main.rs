//! The program `newel-worker-glue`.

use std::process::ExitCode;

fn main() -> ExitCode {
    newel_worker::cli::main::<newel_worker_glue::Glue>("newel-worker-glue")
}
