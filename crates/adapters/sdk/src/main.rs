//! The program `newel-worker-sdk`.

use std::process::ExitCode;
use std::sync::Arc;

use newel_worker::Adapter;
use newel_worker::cli::{Arguments, serve};

fn main() -> ExitCode {
    let arguments = <Arguments as clap::Parser>::parse();
    serve("newel-worker-sdk", &arguments, async |options, integrations| {
        let adapter: Arc<dyn Adapter> = newel_worker_sdk::adapter(options, integrations).await;
        Ok(adapter)
    })
}
