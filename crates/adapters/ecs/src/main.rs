//! The program `newel-worker-ecs`.

use std::process::ExitCode;

fn main() -> ExitCode {
    newel_worker::cli::main("newel-worker-ecs", newel_worker_ecs::Ecs, newel_worker_ecs::FAMILY)
}
