use std::ffi::OsString;
use std::io::Write as _;

use serde::Deserialize;

use super::{Error, Sources, load};

#[derive(Debug, Deserialize, PartialEq)]
#[serde(default)]
struct Settings {
    http: Http,
    limits: Limits,
    worker: Option<Worker>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { http: Http::default(), limits: Limits { payload_bytes: 262_144, ratio: 0.5 }, worker: None }
    }
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(default)]
struct Http {
    listen: String,
    tls: bool,
    advertise: Vec<String>,
    mode: Mode,
    banner: Option<String>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8083".to_owned(),
            tls: false,
            advertise: Vec::new(),
            mode: Mode::Plain,
            banner: None,
        }
    }
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Plain,
    Fancy,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
struct Limits {
    payload_bytes: u32,
    ratio: f64,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Worker {
    token_file: String,
}

fn resolve(defaults: &str, file: &str, variables: &[(&str, &str)]) -> Result<Settings, Error> {
    let mut path = tempfile::NamedTempFile::new().unwrap();
    path.write_all(file.as_bytes()).unwrap();
    let variables = variables.iter().map(|(name, text)| (OsString::from(name), OsString::from(text)));
    let result = Sources::new().defaults(defaults)?.file(path.path())?.environment(variables)?.resolve();
    // The messages name the file; a fixed name makes them comparable.
    let temporary = path.path().display().to_string();
    result.map_err(|error| match error {
        Error::UnknownKey { key, origin, hint } => {
            Error::UnknownKey { key, origin: rename(origin, &temporary), hint }
        }
        Error::Value { key, origin, problem } => {
            Error::Value { key, origin: rename(origin, &temporary), problem }
        }
        other => other,
    })
}

fn rename(origin: super::Origin, temporary: &str) -> super::Origin {
    match origin {
        super::Origin::File(path) if &*path == temporary => super::Origin::File("newel.toml".into()),
        other => other,
    }
}

fn check_error(file: &str, variables: &[(&str, &str)], expect: &str) {
    let error = resolve("", file, variables).unwrap_err();
    assert_eq!(error.to_string(), expect, "file {file:?}, variables {variables:?}");
}

#[test]
fn later_layers_win_key_by_key() {
    let defaults = "[http]\nlisten = \"default:1\"\nbanner = \"default\"\ntls = true";
    let file = "[http]\nlisten = \"file:2\"\nbanner = \"file\"\n[limits]\npayload_bytes = 10";
    let settings = resolve(defaults, file, &[("NEWEL_HTTP__LISTEN", "env:3")]).unwrap();
    assert_eq!(settings.http.listen, "env:3");
    assert_eq!(settings.http.banner.as_deref(), Some("file"));
    assert!(settings.http.tls, "from the defaults");
    assert_eq!(settings.limits.payload_bytes, 10);
    assert_eq!(settings.worker, None);
}

#[test]
fn nothing_given_is_the_default_of_the_types() {
    assert_eq!(resolve("", "", &[]).unwrap(), Settings::default());
}

#[test]
fn a_variable_is_read_as_the_type_of_its_key() {
    let variables = [
        ("NEWEL_HTTP__TLS", "true"),
        ("NEWEL_HTTP__MODE", "fancy"),
        ("NEWEL_HTTP__BANNER", "007"),
        ("NEWEL_LIMITS__PAYLOAD_BYTES", "4194304"),
        ("NEWEL_LIMITS__RATIO", "2"),
        ("NEWEL_WORKER", "not ours: no double underscore"),
        ("NEWEL_CONFIG", "not ours either"),
        ("OTHER_HTTP__NOPE", "nor this"),
    ];
    let settings = resolve("", "", &variables).unwrap();
    assert_eq!(settings.http.banner.as_deref(), Some("007"), "a string key keeps its digits");
    assert_eq!(settings.http.mode, Mode::Fancy);
    assert!(settings.http.tls);
    assert_eq!(settings.limits, Limits { payload_bytes: 4_194_304, ratio: 2.0 });
}

#[test]
fn lists_and_unsetting_from_variables() {
    let check = |text: &str, expect: &[&str]| {
        let settings = resolve("", "", &[("NEWEL_HTTP__ADVERTISE", text)]).unwrap();
        assert_eq!(settings.http.advertise, expect, "{text:?}");
    };
    check("a:1, b:2", &["a:1", "b:2"]);
    check("[\"a,b\", \"c\"]", &["a,b", "c"]);
    check("", &[]);
    let settings = resolve("", "[http]\nbanner = \"x\"", &[("NEWEL_HTTP__BANNER", "")]).unwrap();
    assert_eq!(settings.http.banner, None);
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_known_one() {
    check_error(
        "[http]\nlsten = \"x\"",
        &[],
        "unknown key `http.lsten` in file newel.toml; did you mean `http.listen`?",
    );
    check_error(
        "",
        &[("NEWEL_LIMITS__PAYLOAD_BYTE", "1")],
        "unknown key `limits.payload_byte` in environment variable NEWEL_LIMITS__PAYLOAD_BYTE; \
         did you mean `limits.payload_bytes`?",
    );
    check_error("[htp]\nlisten = \"x\"", &[], "unknown key `htp` in file newel.toml; did you mean `http`?");
    check_error(
        "[limits]\nsomething_else = 1",
        &[],
        "unknown key `limits.something_else` in file newel.toml; \
         known keys there: `limits.payload_bytes`, `limits.ratio`",
    );
}

#[test]
fn wrong_values_name_key_and_origin() {
    check_error(
        "[limits]\npayload_bytes = -1",
        &[],
        "`limits.payload_bytes` in file newel.toml: invalid value: integer `-1`, expected u32",
    );
    check_error(
        "[limits]\npayload_bytes = \"many\"",
        &[],
        "`limits.payload_bytes` in file newel.toml: invalid type: string \"many\", expected u32",
    );
    check_error(
        "",
        &[("NEWEL_LIMITS__PAYLOAD_BYTES", "4MiB")],
        "`limits.payload_bytes` in environment variable NEWEL_LIMITS__PAYLOAD_BYTES: \
         expected a number, not `4MiB`",
    );
    check_error(
        "",
        &[("NEWEL_HTTP__TLS", "yes")],
        "`http.tls` in environment variable NEWEL_HTTP__TLS: expected true or false, not `yes`",
    );
    check_error(
        "[http]\nmode = \"bold\"",
        &[],
        "`http.mode` in file newel.toml: expected plain or fancy, not `bold`",
    );
    check_error("http = 1", &[], "`http` in file newel.toml: expected a section");
    check_error(
        "[http]\nadvertise = [\"a\", 2]",
        &[],
        "`http.advertise.1` in file newel.toml: invalid type: integer `2`, expected a string",
    );
    check_error(
        "",
        &[("NEWEL_HTTP__LISTEN", "x"), ("NEWEL_HTTP__LISTEN__PORT", "1")],
        "`http.listen.port` in environment variable NEWEL_HTTP__LISTEN__PORT: \
         `http.listen` is a value, not a section",
    );
}

#[test]
fn a_missing_key_names_its_variable() {
    check_error(
        "[worker]",
        &[],
        "`worker.token_file` is required: set it in the configuration file or by environment variable \
         NEWEL_WORKER__TOKEN_FILE",
    );
}

#[test]
fn files_that_cannot_be_read_or_parsed() {
    let missing = load::<Settings>(Some(std::path::Path::new("/no/such/newel.toml")), "").unwrap_err();
    assert!(
        missing.to_string().starts_with("cannot read configuration file /no/such/newel.toml: "),
        "{missing}"
    );
    let broken = resolve("", "[http\nlisten = 1", &[]).unwrap_err().to_string();
    assert!(broken.contains("is not valid TOML") && broken.contains("line 1"), "{broken}");
    let long = resolve("", &"#".repeat((1 << 20) + 1), &[]).unwrap_err().to_string();
    assert!(long.contains("longer than 1048576 bytes"), "{long}");
}
