//! The program `newel-worker-batch`.

use std::process::ExitCode;

fn main() -> ExitCode {
    newel_worker::cli::main("newel-worker-batch", newel_worker_batch::Batch, newel_worker_batch::FAMILY)
}
