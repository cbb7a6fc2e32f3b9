//! Packs the service models of a botocore wheel into the file that `newel_aws_catalog::Catalog` opens.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, error, fs};

use newel_aws_catalog::pack::pack_wheel;
use sha2::{Digest as _, Sha256};

const USAGE: &str = "\
usage: newel-catalog-pack --wheel WHEEL --output FILE [--check-sha256 HEX]

Packs the service models inside a botocore wheel into one small file.
With --check-sha256 a wheel whose SHA-256 differs is refused.
";

type Failure = Box<dyn error::Error>;

fn main() -> ExitCode {
    match run() {
        Ok(summary) => {
            // A closed pipe is no reason to fail: the file is written.
            let _ = std::io::stdout().write_all(summary.as_bytes());
            ExitCode::SUCCESS
        }
        Err(failure) => {
            let mut text = format!("newel-catalog-pack: {failure}");
            let mut source = failure.source();
            while let Some(cause) = source {
                let _ = write!(text, ": {cause}");
                source = cause.source();
            }
            let _ = writeln!(std::io::stderr(), "{text}");
            ExitCode::FAILURE
        }
    }
}

struct Options {
    wheel: PathBuf,
    output: PathBuf,
    sha256: Option<String>,
}

fn options() -> Result<Options, Failure> {
    let (mut wheel, mut output, mut sha256) = (None, None, None);
    let mut args = env::args_os().skip(1);
    while let Some(arg) = args.next() {
        let to: &mut Option<OsString> = match arg.to_str() {
            Some("--wheel") => &mut wheel,
            Some("--output") => &mut output,
            Some("--check-sha256") => &mut sha256,
            _ => return Err(USAGE.into()),
        };
        *to = Some(args.next().ok_or(USAGE)?);
    }
    Ok(Options {
        wheel: wheel.ok_or(USAGE)?.into(),
        output: output.ok_or(USAGE)?.into(),
        sha256: sha256.map(|hex| hex.to_string_lossy().to_lowercase()),
    })
}

fn run() -> Result<String, Failure> {
    let options = options()?;
    let wheel = fs::read(&options.wheel)?;
    let found = hex::encode(Sha256::digest(&wheel));
    if options.sha256.as_ref().is_some_and(|expected| *expected != found) {
        return Err(format!("{} has SHA-256 {found}, not the expected one", options.wheel.display()).into());
    }
    let packed = pack_wheel(Cursor::new(wheel))?;
    // Written beside and renamed, so that nobody opens half a file.
    let partial = options.output.with_extension("partial");
    fs::write(&partial, &packed.file)?;
    fs::rename(&partial, &options.output)?;
    Ok(format!(
        "{}: {} services, {} operations of botocore {}, {} bytes\n",
        options.output.display(),
        packed.services,
        packed.operations,
        packed.botocore,
        packed.file.len()
    ))
}
