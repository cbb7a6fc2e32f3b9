//! The program `newel-worker-glue`.

use std::process::ExitCode;

fn main() -> ExitCode {
    newel_worker::cli::main("newel-worker-glue", newel_worker_glue::Glue, newel_worker_glue::FAMILY)
}
