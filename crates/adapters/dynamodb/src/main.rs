//! The program `newel-worker-dynamodb`.

use std::process::ExitCode;

fn main() -> ExitCode {
    newel_worker::cli::main(
        "newel-worker-dynamodb",
        newel_worker_dynamodb::DynamoDb,
        newel_worker_dynamodb::FAMILY,
    )
}
