//! `ReaderConfig`, understood.

use newel_asl::transfer::ReadPage;
use newel_value::{Object, Str, Value};

use crate::csv::Csv;
use crate::json::Json;
use crate::objects::{Failed, Outcome};

/// The form of one file.
#[derive(Clone, Debug)]
pub(crate) enum Format {
    Text(Text),
    Parquet,
}

/// The form of a file that is read from its front to its end.
#[derive(Clone, Debug)]
pub(crate) enum Text {
    Csv(Csv),
    Json(Json),
    Lines,
}

/// What is read.
#[derive(Clone, Debug)]
pub(crate) enum Reading {
    /// One file.
    File(Format),
    /// The files that an S3 inventory names.
    Inventory,
    /// The files that Athena's `UNLOAD` wrote.
    Athena(Format),
    /// What a listing shows.
    Listing,
    /// The files that a listing shows.
    Listed(Format),
}

fn text<'a>(config: &'a Object, name: &str) -> Option<&'a str> {
    config.get(name).and_then(Value::as_str)
}

/// What is read by this action with this configuration.
pub(crate) fn reading(action: &str, read: &ReadPage) -> Outcome<Reading> {
    let config = &read.config;
    if action == "s3:listObjectsV2" {
        return match text(config, "Transformation") {
            Some("LOAD_AND_FLATTEN") => Ok(Reading::Listed(format(config)?)),
            _ => Ok(Reading::Listing),
        };
    }
    match (text(config, "InputType"), text(config, "ManifestType")) {
        (_, Some("ATHENA_DATA")) => Ok(Reading::Athena(format(config)?)),
        (Some("MANIFEST"), _) | (_, Some("S3_INVENTORY")) => Ok(Reading::Inventory),
        _ => Ok(Reading::File(format(config)?)),
    }
}

fn format(config: &Object) -> Outcome<Format> {
    match text(config, "InputType") {
        Some("CSV") => Ok(Format::Text(Text::Csv(csv(config)?))),
        Some("JSON") => {
            let json = Json::at(text(config, "ItemsPointer").unwrap_or_default())?;
            Ok(Format::Text(Text::Json(json)))
        }
        Some("JSONL") => Ok(Format::Text(Text::Lines)),
        Some("PARQUET") => Ok(Format::Parquet),
        Some(other) => Err(Failed(format!("The files that are read can't be of InputType {other}."))),
        None => Err(Failed::new("The ItemReader's ReaderConfig needs an InputType.")),
    }
}

fn csv(config: &Object) -> Outcome<Csv> {
    let delimiter = match text(config, "CSVDelimiter").unwrap_or("COMMA") {
        "COMMA" => b',',
        "PIPE" => b'|',
        "SEMICOLON" => b';',
        "SPACE" => b' ',
        "TAB" => b'\t',
        other => return Err(Failed(format!("There is no CSVDelimiter {other}."))),
    };
    let given = text(config, "CSVHeaderLocation") == Some("GIVEN");
    let headers = config.get("CSVHeaders").and_then(Value::as_array).filter(|_| given);
    let headers = headers.map(|headers| headers.iter().filter_map(Value::as_str).map(Str::from).collect());
    if given && headers.is_none() {
        return Err(Failed::new("CSVHeaders are needed where CSVHeaderLocation is GIVEN."));
    }
    Csv::new(delimiter, headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(action: &str, config: &str, expected: &str) {
        let Ok(Value::Object(config)) = Value::parse(config) else { panic!("{config}") };
        let read = ReadPage { parameters: Value::Null, config, cursor: None, most: 1 };
        let found = match reading(action, &read) {
            Ok(reading) => format!("{reading:?}"),
            Err(failed) => failed.0,
        };
        assert!(found.starts_with(expected), "{found}");
    }

    #[test]
    fn configurations_are_understood() {
        let get = "s3:getObject";
        check(get, r#"{"InputType":"CSV"}"#, "File(Text(Csv");
        check(get, r#"{"InputType":"JSON","ItemsPointer":"/a/0"}"#, "File(Text(Json");
        check(get, r#"{"InputType":"JSONL"}"#, "File(Text(Lines))");
        check(get, r#"{"InputType":"MANIFEST"}"#, "Inventory");
        check(get, r#"{"InputType":"MANIFEST","ManifestType":"S3_INVENTORY"}"#, "Inventory");
        check(get, r#"{"ManifestType":"S3_INVENTORY"}"#, "Inventory");
        check(get, r#"{"InputType":"CSV","ManifestType":"S3_INVENTORY"}"#, "Inventory");
        check(get, r#"{"InputType":"JSONL","ManifestType":"ATHENA_DATA"}"#, "Athena(Text(Lines))");
        check("s3:listObjectsV2", "{}", "Listing");
        check(
            "s3:listObjectsV2",
            r#"{"Transformation":"LOAD_AND_FLATTEN","InputType":"JSON"}"#,
            "Listed(Text(Json",
        );
        check(
            "s3:listObjectsV2",
            r#"{"Transformation":"LOAD_AND_FLATTEN"}"#,
            "The ItemReader's ReaderConfig needs",
        );
        check(get, "{}", "The ItemReader's ReaderConfig needs an InputType.");
        check(get, r#"{"InputType":"PARQUET"}"#, "File(Parquet)");
        check(get, r#"{"InputType":"PARQUET","ManifestType":"ATHENA_DATA"}"#, "Athena(Parquet)");
        check(get, r#"{"InputType":"ORC"}"#, "The files that are read can't be of InputType ORC.");
        check(get, r#"{"InputType":"CSV","CSVHeaderLocation":"GIVEN"}"#, "CSVHeaders are needed");
        check(get, r#"{"InputType":"JSON","ItemsPointer":"a"}"#, "The ItemsPointer a is no JSON Pointer");
    }
}
