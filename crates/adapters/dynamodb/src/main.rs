//! The program `newel-worker-dynamodb`.

use std::process::ExitCode;

fn main() -> ExitCode {
    newel_worker::cli::main::<newel_worker_dynamodb::DynamoDb>("newel-worker-dynamodb")
}
