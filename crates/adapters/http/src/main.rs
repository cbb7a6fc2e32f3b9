//! The program `newel-worker-http`.

use std::process::ExitCode;

fn main() -> ExitCode {
    newel_worker_http::main()
}
