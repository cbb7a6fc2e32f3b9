//! What can be typed, and what the process's exit codes mean.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;

/// Newel runs AWS Step Functions workflows on your own machines.
#[derive(Debug, clap::Parser)]
#[command(
    name = "newel",
    version,
    after_help = "\
Try it:
  newel dev                                   orchestrator and workers, data in ./newel-data
  newel start hello.asl.json --input '{}' --wait
  aws stepfunctions list-state-machines --endpoint-url http://127.0.0.1:8083

`newel COMMAND --help` tells more. Settings come from a TOML file and from NEWEL_<SECTION>__<KEY>
variables over it; `newel orchestrator --print-config` shows those in force."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Run the orchestrator and all workers in this process.
    #[command(visible_alias = "serve")]
    Dev(Dev),
    /// Create or update a state machine from a file and start an execution of it.
    Start(Start),
    /// Show the events of an execution.
    History(History),
    /// Check a definition without a server.
    Validate(Validate),
    /// Create and update what a directory or a template asks for.
    Apply(Apply),
    /// Copy the database of a data directory to a file, while a server uses it.
    Backup(Backup),
    /// Make a data directory's database out of a backup.
    Restore(Restore),
    /// Run a definition against made-up answers, in no time.
    Test(Test),
    /// Show what a Task may name, how it may wait, and which worker carries it out.
    Integrations(Integrations),
    /// Show the least IAM policy that a definition's Tasks need.
    Iam(Iam),
    /// Run the orchestrator alone.
    Orchestrator(newel_orchestrator::cli::Arguments),
    /// Run the worker of one integration family.
    Worker(Worker),
}

/// Run the orchestrator and all workers in this process.
///
/// They talk gRPC to each other as they do when they are apart. Prints one line when it is ready, and stops in order at
/// Ctrl-C. What was acknowledged is in the data directory and goes on at the next start.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  newel dev
  newel dev --data-dir /var/lib/newel --config newel.toml
  newel dev --aws-endpoint http://127.0.0.1:5000    workers call an emulator instead of AWS
  newel dev --mock-config MockConfigFile.json       test cases answer tasks: docs/newel-test.md

Sections of the configuration file: those of `newel orchestrator --print-config`, and [worker],
which all workers share.")]
pub(crate) struct Dev {
    /// Where the database is kept [default: newel-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Where the AWS JSON API is served [default: 127.0.0.1:8083]
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<SocketAddr>,
    /// Where gRPC is served [default: 127.0.0.1:8084]
    #[arg(long, value_name = "ADDR")]
    pub(crate) grpc: Option<SocketAddr>,
    /// An emulator that workers call instead of AWS. An account's calls are signed with its 12 digits as the key id
    #[arg(long, value_name = "URL")]
    pub(crate) aws_endpoint: Option<String>,
    /// Mock configuration of Step Functions Local: executions started as ARN#CASE have their tasks answered by that case
    #[arg(long, value_name = "FILE")]
    pub(crate) mock_config: Option<PathBuf>,
    /// Configuration file
    #[arg(long, value_name = "FILE", env = "NEWEL_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Says what is the case anyway: `newel serve --all`
    #[arg(long, hide = true)]
    pub(crate) all: bool,
}

/// How the server is reached.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Server {
    /// The server's gRPC address
    #[arg(long, value_name = "URL", env = "NEWEL_ENDPOINT", default_value = "http://127.0.0.1:8084")]
    pub(crate) endpoint: String,
    /// File with the bearer token, if the server asks for one
    #[arg(long, value_name = "FILE", env = "NEWEL_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Account, 12 digits [default: the server's]
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) account: Option<String>,
    /// Region [default: the server's]
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
}

/// Create or update a state machine from a file and start an execution of it.
///
/// The state machine is named after the file, without its extensions. Without --wait the execution's ARN is printed. With
/// --wait its progress is shown on standard error while it runs, and its output printed at the end.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  newel start order.asl.json --input '{\"id\": 7}'
  newel start order.asl.json --input @input.json --name order-7 --wait
  newel start order.asl.json --wait | jq .total

Exit codes with --wait: 0 succeeded, 1 failed, 2 timed out, 3 aborted.
Otherwise: 64 wrong usage, 65 refused by the server, 66 no such file, 69 server not reached.")]
pub(crate) struct Start {
    /// The definition, a file in the Amazon States Language
    pub(crate) file: PathBuf,
    /// The input: JSON, or @FILE to read it from a file
    #[arg(long, value_name = "JSON|@FILE", default_value = "{}")]
    pub(crate) input: String,
    /// The execution's name [default: a UUID]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The state machine's name [default: the file's]
    #[arg(long, value_name = "NAME")]
    pub(crate) state_machine: Option<String>,
    /// The role that executions run under
    #[arg(long, value_name = "ARN", default_value = "arn:aws:iam::000000000000:role/newel")]
    pub(crate) role_arn: String,
    /// Show the execution's progress and wait for its end
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) server: Server,
}

/// Show the events of an execution.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  newel history arn:aws:states:us-east-1:000000000000:execution:order:order-7
  newel history ARN --json | jq 'select(.type == \"TaskFailed\")'")]
pub(crate) struct History {
    /// The execution's ARN
    pub(crate) execution_arn: String,
    /// One JSON object a line, with the members that AWS's GetExecutionHistory has
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) server: Server,
}

/// Check a definition without a server.
///
/// Errors are what CreateStateMachine would refuse; warnings are what was likely not meant. Each is told with its place in
/// the file.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  newel validate order.asl.json
  newel validate order.asl.json --type express
  newel validate order.asl.json --json | jq '.diagnostics[].message'

Exit codes: 0 no errors, 1 errors, 66 no such file.")]
pub(crate) struct Validate {
    /// The definition, a file in the Amazon States Language
    pub(crate) file: PathBuf,
    /// What it is to be checked for
    #[arg(long = "type", value_name = "TYPE", default_value = "standard")]
    pub(crate) machine_type: MachineType,
    /// The answer as AWS's ValidateStateMachineDefinition gives it, warnings included
    #[arg(long)]
    pub(crate) json: bool,
    /// The packed models of AWS's services [default: $NEWEL_CATALOG, or aws-catalog.bin beside the program or in
    /// /usr/share/newel]
    #[arg(long, value_name = "FILE")]
    pub(crate) catalog: Option<PathBuf>,
}

/// Create and update what a directory or a template asks for, after showing what that changes.
///
/// SOURCE is a directory of definitions (NAME.asl.json or .asl.yaml), with a newel.yaml that says more about them if wanted, or a
/// CloudFormation or SAM template with state machines, versions, aliases and activities; its other resources are passed over.
/// What is on the server and not in SOURCE stays as it is.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  newel apply workflows/ --role-arn arn:aws:iam::000000000000:role/workflow
  newel apply template.yaml --parameter Stage=test --value Table.Arn=arn:aws:dynamodb:... --yes
  newel apply template.yaml --dry-run          exit code 2 if there is something to do

Exit codes: 0 done or nothing to do, 1 not confirmed, 2 there is something to do (--dry-run), 64 wrong usage,
65 the source is wrong or the server refuses, 66 no such file, 69 server not reached.")]
pub(crate) struct Apply {
    /// A directory, a manifest or a template
    pub(crate) source: PathBuf,
    /// Don't ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Only show what would be done
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// The role of state machines that name none
    #[arg(long, value_name = "ARN")]
    pub(crate) role_arn: Option<String>,
    /// A parameter of the template
    #[arg(long = "parameter", value_name = "NAME=VALUE")]
    pub(crate) parameters: Vec<String>,
    /// What a reference to something outside stands for: a resource's name, or its name and attribute
    #[arg(long = "value", value_name = "RESOURCE[.ATTRIBUTE]=VALUE")]
    pub(crate) values: Vec<String>,
    #[command(flatten)]
    pub(crate) server: Server,
}

/// Copy the database of a data directory to a file, while a server uses it.
///
/// The copy is of one moment, with everything that was acknowledged before; the server goes on meanwhile. The file is there
/// once it is whole, and is never overwritten. It is compressed, and carries a checksum that `newel restore` looks at.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  newel backup /backups/newel-monday
  newel backup /backups/newel-monday --data-dir /var/lib/newel

Exit codes: 0 done, 1 failed, 66 no database there, 73 the file exists.")]
pub(crate) struct Backup {
    /// The file to write
    pub(crate) file: PathBuf,
    /// The directory that the database is in
    #[arg(long, value_name = "DIR", env = "NEWEL_STORE__PATH", default_value = "newel-data")]
    pub(crate) data_dir: PathBuf,
    /// Say nothing but what went wrong
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// Make a data directory's database out of a backup.
///
/// No server may use the directory. Nothing is changed before the backup has proved to be whole. Never let the server that the
/// backup is of and one on the restored database run at the same time: both would go on with the same executions.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  newel restore /backups/newel-monday --data-dir /var/lib/newel
  newel restore /backups/newel-monday --force       the database that is there goes away

Exit codes: 0 done, 1 failed, 65 the backup is damaged or of a later release, 66 no such file, 73 there is a database.")]
pub(crate) struct Restore {
    /// The backup
    pub(crate) file: PathBuf,
    /// The directory to put the database in
    #[arg(long, value_name = "DIR", env = "NEWEL_STORE__PATH", default_value = "newel-data")]
    pub(crate) data_dir: PathBuf,
    /// Replace a database that is there
    #[arg(long)]
    pub(crate) force: bool,
    /// Say nothing but what went wrong
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// Run a definition against made-up answers, in no time.
///
/// The answers of tasks, and the items that distributed Maps read, come from a file of mocks, and waits, retries and timeouts
/// take no time. Tells the states that were entered, in child executions too, and when that would have been, and how the execution ended; with an expectation in the file, whether it came true.
/// The file may be a mock configuration of Step Functions Local, too. No server is needed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  newel test order.asl.json --mocks order.mocks.json
  newel test order.asl.json --mocks order.mocks.json --case CardDeclined
  newel test order.asl.json --mocks MockConfigFile.json --state-machine Order --input '{\"id\": 7}'

The form of the file: docs/newel-test.md.

Exit codes: 0 every case ended as expected (without an expectation: succeeded), 1 one didn't, 2 the definition, the mocks or
the input are wrong.")]
pub(crate) struct Test {
    /// The definition, a file in the Amazon States Language
    pub(crate) file: PathBuf,
    /// The file of mocks
    #[arg(long, value_name = "FILE")]
    pub(crate) mocks: PathBuf,
    /// The case to run [default: all of them]
    #[arg(long, value_name = "NAME")]
    pub(crate) case: Option<String>,
    /// The input: JSON, or @FILE to read it from a file [default: the case's, or {}]
    #[arg(long, value_name = "JSON|@FILE")]
    pub(crate) input: Option<String>,
    /// The state machine whose cases are meant, in a file of Step Functions Local that has several
    #[arg(long, value_name = "NAME")]
    pub(crate) state_machine: Option<String>,
    /// What the definition is to be checked for
    #[arg(long = "type", value_name = "TYPE", default_value = "standard")]
    pub(crate) machine_type: MachineType,
    /// One JSON object a case
    #[arg(long)]
    pub(crate) json: bool,
    /// The packed models of AWS's services [default: $NEWEL_CATALOG, or aws-catalog.bin beside the program or in
    /// /usr/share/newel]
    #[arg(long, value_name = "FILE")]
    pub(crate) catalog: Option<PathBuf>,
}

/// Show what a Task may name, how it may wait, and which worker carries it out.
///
/// Without --endpoint it is what this release knows. With it the server is asked too: for the resources that workers registered,
/// and for the families that have a worker now.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  newel integrations
  newel integrations --json | jq '.integrations[] | select(.family == \"emr\")'
  newel integrations --endpoint http://127.0.0.1:8084
  newel integrations remove acme            what workers registered as arn:aws:states:::acme:*

Exit codes: 0 done, 64 wrong usage, 65 refused by the server, 66 no such file, 69 server not reached."
)]
pub(crate) struct Integrations {
    #[command(subcommand)]
    pub(crate) command: Option<IntegrationsCommand>,
    /// The gRPC address of a server to ask
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// File with the bearer token, if the server asks for one
    #[arg(long, value_name = "FILE", env = "NEWEL_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum IntegrationsCommand {
    /// Remove resources that workers registered; what runs goes on.
    Remove(RemoveIntegration),
}

/// Remove resources that workers registered.
///
/// New definitions can't name them any more. Executions whose definition names them go on. A worker that brings them along
/// registers them again when it connects.
#[derive(Debug, clap::Args)]
pub(crate) struct RemoveIntegration {
    /// A service, or one action of it: acme, acme:render
    #[arg(value_name = "SERVICE[:ACTION]")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) server: Server,
}

/// Show the least IAM policy that a definition's Tasks need.
///
/// Prints a policy document: what workers call to start, follow and end the Tasks, read and write the items of distributed Maps,
/// assume the roles of Credentials, and pass the roles that parameters name. Resources are named where the definition says
/// them, else "*". What Tasks under Credentials do is their role's business: --role prints its part. Remarks go to standard
/// error.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  newel iam order.asl.json > policy.json
  aws iam put-role-policy --role-name order --policy-name newel --policy-document \"$(newel iam order.asl.json)\"
  newel iam order.asl.json --role arn:aws:iam::111122223333:role/reports

Exit codes: 0 done, 1 the definition is wrong, 66 no such file.")]
pub(crate) struct Iam {
    /// The definition, a file in the Amazon States Language
    pub(crate) file: PathBuf,
    /// The role of Credentials whose part is wanted, instead of the state machine's own
    #[arg(long, value_name = "ARN")]
    pub(crate) role: Option<String>,
    /// The packed models of AWS's services [default: $NEWEL_CATALOG, or aws-catalog.bin beside the program or in
    /// /usr/share/newel]
    #[arg(long, value_name = "FILE")]
    pub(crate) catalog: Option<PathBuf>,
}

/// Run the worker of one integration family.
#[derive(Debug, clap::Args)]
pub(crate) struct Worker {
    /// The family
    #[arg(value_parser = PossibleValuesParser::new(TYPED_FAMILIES.iter().chain(newel_worker_aws::FAMILIES)))]
    pub(crate) family: String,
    #[command(flatten)]
    pub(crate) arguments: newel_worker::cli::Arguments,
}

/// The types of state machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum MachineType {
    Standard,
    Express,
}

impl From<MachineType> for newel_asl::MachineType {
    fn from(machine_type: MachineType) -> Self {
        match machine_type {
            MachineType::Standard => Self::Standard,
            MachineType::Express => Self::Express,
        }
    }
}

/// The families that have a program each; the others share one.
const TYPED_FAMILIES: [&str; 7] = ["batch", "ecs", "glue", "dynamodb", "http", "s3", "sdk"];

/// Exit codes; those from 64 on are those of sysexits.h.
pub(crate) mod exit {
    pub(crate) const SUCCESS: u8 = 0;
    pub(crate) const FAILED: u8 = 1;
    pub(crate) const TIMED_OUT: u8 = 2;
    pub(crate) const CHANGES: u8 = 2;
    pub(crate) const ABORTED: u8 = 3;
    pub(crate) const USAGE: u8 = 64;
    pub(crate) const REFUSED: u8 = 65;
    pub(crate) const NO_INPUT: u8 = 66;
    pub(crate) const UNREACHABLE: u8 = 69;
    pub(crate) const SOFTWARE: u8 = 70;
    pub(crate) const CANNOT_CREATE: u8 = 73;
}

/// Why a command didn't do what it was asked to.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) error: anyhow::Error,
}

impl Failure {
    pub(crate) fn new(code: u8, error: impl Into<anyhow::Error>) -> Self {
        Self { code, error: error.into() }
    }

    pub(crate) fn usage(message: impl std::fmt::Display) -> Self {
        Self::new(exit::USAGE, anyhow::anyhow!("{message}"))
    }
}

/// The exit code of a command, if it gets that far.
pub(crate) type Outcome = Result<u8, Failure>;

/// Reads a text that the user named.
pub(crate) fn read_file(path: &std::path::Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        Failure::new(
            exit::NO_INPUT,
            anyhow::Error::new(error).context(format!("cannot read {}", path.display())),
        )
    })
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn commands_are_read() {
        let read = |line: &str| Arguments::try_parse_from(line.split(' ')).map(|arguments| arguments.command);
        assert!(matches!(read("newel serve --all").unwrap(), Command::Dev(Dev { all: true, .. })));
        assert!(matches!(
            read("newel worker dynamodb").unwrap(),
            Command::Worker(Worker { family, .. }) if family == "dynamodb"
        ));
        assert!(read("newel worker messaging").is_ok() && read("newel worker sns").is_err());
        assert!(matches!(read("newel orchestrator --print-config").unwrap(), Command::Orchestrator(_)));
        assert!(matches!(read("newel backup b").unwrap(), Command::Backup(Backup { quiet: false, .. })));
        assert!(matches!(
            read("newel restore b --force").unwrap(),
            Command::Restore(Restore { force: true, .. })
        ));
        assert!(matches!(
            read("newel integrations --json").unwrap(),
            Command::Integrations(Integrations { command: None, endpoint: None, json: true, .. })
        ));
        assert!(matches!(
            read("newel integrations remove acme:render --endpoint h:1").unwrap(),
            Command::Integrations(Integrations {
                command: Some(IntegrationsCommand::Remove(RemoveIntegration { name, .. })),
                ..
            }) if name == "acme:render"
        ));
        assert!(read("newel integrations remove").is_err());
        assert!(matches!(read("newel iam f").unwrap(), Command::Iam(Iam { role: None, .. })));
        assert!(read("newel start").is_err());
    }
}
