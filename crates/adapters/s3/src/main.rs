//! The program `newel-worker-s3`.

use std::process::ExitCode;
use std::sync::Arc;

use newel_worker::Adapter;
use newel_worker::cli::{Arguments, serve};

fn main() -> ExitCode {
    let arguments = <Arguments as clap::Parser>::parse();
    serve("newel-worker-s3", &arguments, async |options, integrations| {
        let adapter: Arc<dyn Adapter> = newel_worker_s3::adapter(options, integrations).await;
        Ok(adapter)
    })
}
