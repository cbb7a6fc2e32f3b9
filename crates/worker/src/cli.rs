//! The program of one worker family: arguments, configuration, telemetry, and then [`run()`](crate::run()).

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use newel_aws_catalog::Catalog;
use newel_integrations::Integrations;
use newel_runtime::{Shutdown, Telemetry, config, telemetry};
use serde::Deserialize;

use crate::adapter::Adapter;
use crate::optimized::{Optimized, Service};
use crate::options::Options;

/// A Newel worker: carries out the Task states of one integration family and reports to the orchestrator.
///
/// Settings come from a TOML file and from environment variables over it: NEWEL_<SECTION>__<KEY>, for example
/// NEWEL_WORKER__ORCHESTRATORS=http://newel:8084 or NEWEL_WORKER__AWS__ASSUME_ROLE=always. The sections are
/// worker, catalog and telemetry. Credentials for AWS are found as the AWS SDKs find them.
#[derive(Debug, clap::Parser)]
#[command(version)]
pub struct Arguments {
    /// Configuration file.
    #[arg(long, value_name = "FILE", env = "NEWEL_CONFIG")]
    config: Option<PathBuf>,
}

/// A worker's configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Configuration {
    worker: Options,
    catalog: CatalogOptions,
    telemetry: Telemetry,
}

/// Section `[catalog]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CatalogOptions {
    /// The packed models of AWS's services; [`Catalog::find`] says where they are looked for otherwise.
    path: Option<PathBuf>,
}

/// The `main` of a family's program: reads arguments and configuration, runs until SIGTERM or SIGINT, and gives the
/// process's exit code: 0 after an orderly stop, 1 otherwise. `program` names it in telemetry.
#[must_use]
pub fn main<S: Service>(program: &'static str, service: S, family: &str) -> ExitCode {
    main_with(program, &Arguments::parse(), service, family)
}

/// As [`main`], for a program that has read the arguments itself.
#[must_use]
pub fn main_with<S: Service>(
    program: &'static str,
    arguments: &Arguments,
    service: S,
    family: &str,
) -> ExitCode {
    serve(program, arguments, async |options, integrations| {
        let adapter = Optimized::load(service, family, options, integrations).await?;
        Ok(Arc::new(adapter) as Arc<dyn Adapter>)
    })
}

/// As [`main_with`], for a family whose adapter is made by `make` out of the worker's options.
#[must_use]
pub fn serve(
    program: &'static str,
    arguments: &Arguments,
    make: impl AsyncFnOnce(&Options, Integrations) -> anyhow::Result<Arc<dyn Adapter>>,
) -> ExitCode {
    match start(program, arguments, make) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{program}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(
    program: &'static str,
    arguments: &Arguments,
    make: impl AsyncFnOnce(&Options, Integrations) -> anyhow::Result<Arc<dyn Adapter>>,
) -> anyhow::Result<()> {
    let configuration: Configuration = config::load(arguments.config.as_deref(), "")?;
    let _telemetry = telemetry::init(program, &configuration.telemetry)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let shutdown = Shutdown::on_signals()?;
        let catalog = Catalog::find(configuration.catalog.path.as_deref())?;
        let integrations = Integrations::new(Arc::new(catalog));
        let adapter = make(&configuration.worker, integrations).await?;
        crate::run(configuration.worker, adapter, shutdown).await?;
        Ok(())
    })
}
