//! The program `newel`. Under the name of a deployable program (`newel-orchestrator`, `newel-worker-batch` ...) it is
//! that program.

mod apply;
mod arguments;
mod backup;
mod client;
mod dev;
mod history;
mod iam;
mod integrations;
mod position;
mod progress;
mod start;
mod test;
mod text;
mod validate;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, Command, Failure, exit};

fn main() -> ExitCode {
    let name = std::env::args_os().next();
    let name = name.as_deref().map(Path::new).and_then(Path::file_name).and_then(std::ffi::OsStr::to_str);
    match name.unwrap_or_default() {
        "newel-orchestrator" => newel_orchestrator::cli::main(),
        "newel-worker-batch" => newel_worker::cli::main(
            "newel-worker-batch",
            newel_worker_batch::Batch,
            newel_worker_batch::FAMILY,
        ),
        "newel-worker-ecs" => {
            newel_worker::cli::main("newel-worker-ecs", newel_worker_ecs::Ecs, newel_worker_ecs::FAMILY)
        }
        "newel-worker-http" => newel_worker_http::main(),
        "newel-worker-s3" => {
            let arguments = <newel_worker::cli::Arguments as clap::Parser>::parse();
            worker("s3", &arguments)
        }
        "newel-worker-glue" => {
            newel_worker::cli::main("newel-worker-glue", newel_worker_glue::Glue, newel_worker_glue::FAMILY)
        }
        "newel-worker-dynamodb" => newel_worker::cli::main(
            "newel-worker-dynamodb",
            newel_worker_dynamodb::DynamoDb,
            newel_worker_dynamodb::FAMILY,
        ),
        "newel-worker-aws" => newel_worker_aws::cli::main(),
        _ => command_line(),
    }
}

fn command_line() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // A closed standard output or error leaves nowhere to say so.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::SUCCESS });
        }
    };
    let result = match &arguments.command {
        Command::Dev(command) => dev::run(command),
        Command::Start(command) => client::block_on(start::run(command)),
        Command::History(command) => client::block_on(history::run(command)),
        Command::Validate(command) => validate::run(command),
        Command::Test(command) => test::run(command),
        Command::Apply(command) => client::block_on(apply::run(command)),
        Command::Integrations(command) => client::block_on(integrations::run(command)),
        Command::Iam(command) => iam::run(command),
        Command::Backup(command) => backup::take(command),
        Command::Restore(command) => backup::put_back(command),
        Command::Orchestrator(command) => return newel_orchestrator::cli::main_with(command),
        Command::Worker(command) => return worker(&command.family, &command.arguments),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(Failure { code, error }) => {
            eprintln!("newel: {}", newel_orchestrator::cli::whole_story(&error));
            ExitCode::from(code)
        }
    }
}

fn worker(family: &str, arguments: &newel_worker::cli::Arguments) -> ExitCode {
    use newel_worker::cli::{main_with, serve};
    match family {
        "batch" => main_with("newel-worker-batch", arguments, newel_worker_batch::Batch, family),
        "ecs" => main_with("newel-worker-ecs", arguments, newel_worker_ecs::Ecs, family),
        "glue" => main_with("newel-worker-glue", arguments, newel_worker_glue::Glue, family),
        "dynamodb" => main_with("newel-worker-dynamodb", arguments, newel_worker_dynamodb::DynamoDb, family),
        "http" => newel_worker_http::main_with(arguments),
        "s3" => serve("newel-worker-s3", arguments, async |options, integrations| {
            Ok(newel_worker_s3::adapter(options, integrations).await as _)
        }),
        "sdk" => serve("newel-worker-sdk", arguments, async |options, integrations| {
            Ok(newel_worker_sdk::adapter(options, integrations).await as _)
        }),
        _ => newel_worker_aws::cli::main_with(family, arguments),
    }
}
