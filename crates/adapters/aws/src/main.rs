//! The program `newel-worker-aws`.

use std::process::ExitCode;

fn main() -> ExitCode {
    newel_worker_aws::cli::main()
}
