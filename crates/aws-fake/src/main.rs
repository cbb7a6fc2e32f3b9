//! Runs the fake AWS alone, for tests in other languages and for benchmarks that want it in a process of its own.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use newel_aws_fake::{Fake, Limits};

/// A scripted stand-in for AWS Batch, ECS, Glue, DynamoDB and STS. It checks no signatures and is for tests only.
///
/// Point a client's endpoint URL at it; steer it through /__fake (see docs/testing.md).
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Loopback address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// File to write the port number to once the fake listens.
    #[arg(long, value_name = "FILE")]
    port_file: Option<PathBuf>,
    /// The most jobs to hold.
    #[arg(long, value_name = "N", default_value_t = Limits::default().jobs)]
    max_jobs: usize,
    /// Threads that serve; one leaves the other cores to what is tested.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(usize::from(options.threads))
        .enable_all()
        .build()
        .context("failed to start the runtime")?;
    runtime.block_on(serve(options))
}

async fn serve(options: Options) -> anyhow::Result<()> {
    let limits = Limits { jobs: options.max_jobs, ..Limits::default() };
    let mut fake = Fake::bind(options.listen, limits)
        .await
        .with_context(|| format!("failed to listen on {}", options.listen))?;
    if let Some(file) = &options.port_file {
        std::fs::write(file, format!("{}\n", fake.address().port()))
            .with_context(|| format!("failed to write {}", file.display()))?;
    }
    writeln!(std::io::stdout(), "newel-aws-fake ready on {}", fake.url())
        .context("failed to say that it is ready")?;
    tokio::select! {
        served = fake.run() => served.context("the server failed"),
        stop = tokio::signal::ctrl_c() => stop.context("failed to listen for signals"),
    }
}
