//! The processes that are measured: started, watched through `/proc`, killed.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::api::Api;
use crate::{Setup, empty};

const START_TIMEOUT: Duration = Duration::from_secs(60);
/// An endpoint that nobody serves: most scenarios don't call AWS.
const NO_AWS: &str = "http://127.0.0.1:9";

/// Which of Newel's programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// `newel dev`.
    Dev,
    /// `newel orchestrator`, so that workers can come from elsewhere.
    Orchestrator,
}

/// A process that is watched.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts a program whose output nobody reads.
    pub(crate) fn start(mut command: Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        Ok(Self(command.spawn().with_context(|| format!("failed to start {command:?}"))?))
    }

    /// Ends it by SIGKILL and waits until it is gone.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        self.0.kill().await.context("failed to kill a process")
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let pid = self.0.id().context("the process has ended")?;
        Ok(std::fs::read_to_string(format!("/proc/{pid}/{file}"))?)
    }

    /// Processor time that it has used so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = self.proc("stat")?;
        // After the name, which may hold anything and ends with the last parenthesis: user and system time are the 12th
        // and 13th.
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let mut times = fields.split_whitespace().skip(11).map_while(|field| field.parse::<u64>().ok());
        let ticks = times.next().zip(times.next()).map(|(user, system)| user + system);
        let ticks = ticks.context("a strange /proc/PID/stat")?;
        Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
    }

    /// Resident memory in MiB.
    fn resident_mib(&self) -> anyhow::Result<u64> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib >> 10)
    }
}

/// A process that serves.
#[derive(Debug)]
pub(crate) struct Server {
    /// What serves.
    pub(crate) process: Process,
    /// Where it serves AWS JSON, or what stands in for it.
    pub(crate) http: SocketAddr,
    /// Where it serves gRPC; the empty server doesn't.
    pub(crate) grpc: Option<SocketAddr>,
}

impl Server {
    /// Starts Newel on a directory and waits for its line.
    pub(crate) async fn newel(setup: &Setup, program: Program, directory: &Path) -> anyhow::Result<Self> {
        Self::start(setup, program, directory, NO_AWS).await
    }

    /// Starts `newel dev` beside something that stands in for AWS.
    pub(crate) async fn dev_beside(setup: &Setup, directory: &Path, aws: &str) -> anyhow::Result<Self> {
        Self::start(setup, Program::Dev, directory, aws).await
    }

    async fn start(setup: &Setup, program: Program, directory: &Path, aws: &str) -> anyhow::Result<Self> {
        let mut command = Command::new(&setup.newel);
        let any = "127.0.0.1:0";
        match program {
            Program::Dev => {
                command.arg("dev").arg("--data-dir").arg(directory);
                command.args(["--http", any, "--grpc", any, "--aws-endpoint", aws]);
            }
            Program::Orchestrator => {
                command.arg("orchestrator").env("NEWEL_STORE__PATH", directory);
                command.env("NEWEL_HTTP__LISTEN", any).env("NEWEL_GRPC__LISTEN", any);
            }
        }
        command.env("NEWEL_TELEMETRY__LOG_FILTER", "warn");
        // Workers look for their region and credentials at the start; here is nobody to ask.
        command.env("AWS_REGION", "us-east-1").env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("AWS_ACCESS_KEY_ID", "000000000000").env("AWS_SECRET_ACCESS_KEY", "bench");
        let (child, line) = start(command, "newel is ready: ").await?;
        let address = |name: &str| {
            let found = line.split_whitespace().find_map(|part| part.strip_prefix(name));
            found.and_then(|text| text.parse().ok()).with_context(|| format!("no {name} in {line:?}"))
        };
        Ok(Self { process: Process(child), http: address("http=")?, grpc: Some(address("grpc=")?) })
    }

    /// Starts the empty server, with an answer like that of an operation.
    pub(crate) async fn empty(operation: &str) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(empty::ARGUMENT).arg(operation);
        let (child, line) = start(command, empty::READY).await?;
        let http = line.strip_prefix(empty::READY).and_then(|text| text.trim().parse().ok());
        let http = http.with_context(|| format!("no address in {line:?}"))?;
        Ok(Self { process: Process(child), http, grpc: None })
    }

    /// Ends it by SIGKILL and waits until it is gone.
    pub(crate) async fn kill(self) -> anyhow::Result<()> {
        self.process.kill().await
    }

    /// Resident memory in MiB.
    pub(crate) fn resident_mib(&self) -> anyhow::Result<u64> {
        self.process.resident_mib()
    }

    /// The sum of a Prometheus counter over its labels; `None` if there is no such counter (yet).
    pub(crate) async fn counter(&self, name: &str) -> anyhow::Result<Option<u64>> {
        let (status, page) = Api::connect(self.http).await?.get("/metrics").await?;
        anyhow::ensure!(status.is_success(), "/metrics: {status}");
        let page = String::from_utf8_lossy(&page);
        let samples = page.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            rest.starts_with([' ', '{']).then(|| rest.rsplit(' ').next()?.parse::<f64>().ok()).flatten()
        });
        Ok(samples.map(|value| value as u64).reduce(|a, b| a + b))
    }
}

/// Starts a program and waits for the line of its standard output that begins with `ready`. Later lines are read and
/// dropped, so that the program never waits for us.
async fn start(mut command: Command, ready: &str) -> anyhow::Result<(Child, String)> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().with_context(|| format!("failed to start {command:?}"))?;
    let stdout = child.stdout.take().context("no standard output")?;
    let mut lines = BufReader::new(stdout).lines();
    let found = timeout(START_TIMEOUT, async {
        while let Some(line) = lines.next_line().await? {
            if line.starts_with(ready) {
                return Ok(line);
            }
        }
        anyhow::bail!("{command:?} ended before it was ready")
    });
    let line = found.await.with_context(|| format!("{command:?} isn't ready in time"))??;
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok((child, line))
}

/// An empty directory for one server.
pub(crate) fn directory(setup: &Setup) -> anyhow::Result<TempDir> {
    let builder = tempfile::Builder::new().prefix("newel-bench-").tempdir_in(&setup.data_dir);
    builder.with_context(|| format!("no directory in {}", setup.data_dir.display()))
}

/// What a server used while something was done to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    cpu: Duration,
    since: Instant,
}

impl Usage {
    pub(crate) fn begin(process: &Process) -> anyhow::Result<Self> {
        Ok(Self { cpu: process.cpu()?, since: Instant::now() })
    }

    /// Wall and processor time since.
    pub(crate) fn end(self, process: &Process) -> anyhow::Result<(Duration, Duration)> {
        Ok((self.since.elapsed(), process.cpu()?.saturating_sub(self.cpu)))
    }
}
