//! The program `newel-orchestrator`: arguments, configuration, telemetry, and then [`start`](crate::start).

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;
use newel_runtime::{Shutdown, config, telemetry};

use crate::{Config, Exports};

/// The Newel orchestrator: runs Step Functions workflows, serves their API, and hands tasks to workers.
///
/// Settings come from a TOML file and from environment variables over it: NEWEL_<SECTION>__<KEY>, for example
/// NEWEL_HTTP__LISTEN=127.0.0.1:9083 or NEWEL_STORE__PATH=/var/lib/newel. --print-config shows the keys that have a
/// value, with the value in force.
#[derive(Debug, clap::Parser)]
#[command(version)]
pub struct Arguments {
    /// Configuration file.
    #[arg(long, value_name = "FILE", env = "NEWEL_CONFIG")]
    pub config: Option<PathBuf>,
    /// Check keys and values, open nothing, and exit: code 0 if they are sound.
    #[arg(long)]
    pub check_config: bool,
    /// Print the configuration in force as TOML and exit.
    #[arg(long)]
    pub print_config: bool,
}

/// The `main` of the program: reads arguments and configuration, runs until SIGTERM or SIGINT, and gives the process's
/// exit code: 0 after an orderly stop, 1 otherwise.
#[must_use]
pub fn main() -> ExitCode {
    main_with(&Arguments::parse())
}

/// As [`main`], for a program that has read the arguments itself.
#[must_use]
pub fn main_with(arguments: &Arguments) -> ExitCode {
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("newel-orchestrator: {}", whole_story(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes on one line; a cause that the text before it quotes already isn't said twice.
#[must_use]
pub fn whole_story(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |story, cause| {
        let cause = cause.to_string();
        match story.as_str() {
            "" => cause,
            told if told.contains(&cause) => story,
            told => format!("{told}: {cause}"),
        }
    })
}

/// The line that says that work is taken: what scripts wait for.
pub fn announce(running: &crate::Running) {
    println!("newel is ready: http={} grpc={}", running.http, running.grpc);
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let config: Config = config::load(arguments.config.as_deref(), "")?;
    if arguments.print_config {
        print!("{}", toml::to_string(&config)?);
        return Ok(());
    }
    if arguments.check_config {
        config.check().map_err(anyhow::Error::msg)?;
        println!("the configuration is sound");
        return Ok(());
    }
    let telemetry = telemetry::init("newel-orchestrator", &config.telemetry)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let shutdown = Shutdown::on_signals()?;
        let running = crate::start(config, Exports::of(&telemetry), shutdown).await?;
        announce(&running);
        running.ended().await
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_once() {
        let error = anyhow::anyhow!("no room").context("cannot write x: no room").context("cannot start");
        assert_eq!(whole_story(&error), "cannot start: cannot write x: no room");
    }
}
