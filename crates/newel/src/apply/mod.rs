//! `newel apply`: what a directory or a template asks for, beside what the server has; the difference is shown, and then made.
//!
//! `node` reads YAML and JSON, `resolve` works out CloudFormation's functions, `template` and `manifest` read what is desired,
//! `plan` compares (all of that without a server), `server` looks and does, `show` is for people.

mod desired;
mod fields;
mod manifest;
mod node;
mod parameter;
mod plan;
mod resolve;
mod server;
mod show;
mod source;
mod template;

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use crate::arguments::{Apply, Failure, Outcome, exit, read_file};
use crate::client;
use desired::Desired;
use node::Node;
use plan::{Action, Change};
use server::Server;
use source::Source;

/// What the command line says beside the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) role_arn: Option<String>,
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) values: Vec<(String, String)>,
}

/// Whose things are meant if the command line doesn't say: what a server takes for itself unless it is configured otherwise.
const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";

/// Runs the command.
pub(crate) async fn run(command: &Apply) -> Outcome {
    let mut server = command.server.clone();
    let given = Given {
        account: server.account.get_or_insert_with(|| ACCOUNT.to_owned()).clone(),
        region: server.region.get_or_insert_with(|| REGION.to_owned()).clone(),
        role_arn: command.role_arn.clone(),
        parameters: pairs(&command.parameters, "--parameter")?,
        values: pairs(&command.values, "--value")?,
    };
    let desired = read(&command.source, &given)?;
    let client = client::connect(&server)?;
    let mut server = Server { client, account: given.account, region: given.region };
    let live = server.live(&desired).await?;
    let changes = plan::plan(desired, &live).map_err(wrong)?;
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    print!("{}", show::plan(&changes, colour));
    let open = changes.iter().any(|change| change.action != Action::Nothing);
    match (open, command.dry_run) {
        (false, _) => return Ok(exit::SUCCESS),
        (true, true) => return Ok(exit::CHANGES),
        (true, false) => {}
    }
    if !command.yes && !confirmed()? {
        println!("nothing was done");
        return Ok(exit::FAILED);
    }
    carry_out(&mut server, &changes).await
}

/// Does it all, one after the other, and stops at what is refused.
async fn carry_out(server: &mut Server, changes: &[Change]) -> Outcome {
    for change in changes.iter().filter(|change| change.action != Action::Nothing) {
        let title = change.desired.resource.title();
        server.carry_out(change).await.map_err(|failure| Failure {
            error: failure
                .error
                .context(format!("{title} ({}); what comes after it was left", change.desired.label)),
            ..failure
        })?;
        println!("{title}: done");
    }
    Ok(exit::SUCCESS)
}

/// Reads a directory, a manifest or a template.
fn read(path: &Path, given: &Given) -> Result<Vec<Desired>, Failure> {
    if path.is_dir() {
        return manifest::read_directory(path, given).map_err(wrong);
    }
    let text = read_file(path)?;
    let node = Node::parse(&text).map_err(|fault| wrong(Source { file: path }.told("", &fault)))?;
    if !template::is_template(&node) {
        return manifest::read(path, &node, given).map_err(wrong);
    }
    let template::Read { desired, remarks } = template::read(path, &node, given).map_err(wrong)?;
    for remark in remarks {
        eprintln!("{}: {remark}", path.display());
    }
    Ok(desired)
}

fn wrong(message: String) -> Failure {
    Failure::new(exit::REFUSED, anyhow::anyhow!(message))
}

/// `NAME=VALUE` as the options have it.
fn pairs(given: &[String], option: &str) -> Result<Vec<(String, String)>, Failure> {
    let pair = |text: &String| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    let wrong = |text: &String| Failure::usage(format!("{option} {text}: it must be NAME=VALUE"));
    given.iter().map(|text| pair(text).ok_or_else(|| wrong(text))).collect()
}

/// Asks whoever sits there.
fn confirmed() -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage("there is nobody to ask: --yes applies it, --dry-run only shows it"));
    }
    print!("apply this? [y/N] ");
    let failed = |error: std::io::Error| Failure::new(exit::SOFTWARE, error);
    std::io::stdout().flush().map_err(failed)?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
