//! The program `newel-worker-ecs`.

use std::process::ExitCode;

fn main() -> ExitCode {
    newel_worker::cli::main::<newel_worker_ecs::Ecs>("newel-worker-ecs")
}
