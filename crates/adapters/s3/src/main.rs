//! The program `newel-worker-s3`.

use std::process::ExitCode;

fn main() -> ExitCode {
    newel_worker::cli::main_of("newel-worker-s3", newel_worker_s3::adapter)
}
