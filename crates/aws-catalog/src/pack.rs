//! Reads the botocore wheel and packs what Newel needs of it.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use flate2::read::GzDecoder;
use newel_value::Value;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::archive::Source;
use crate::model::ModelError;
use crate::{Error, ServiceModel, archive};

/// Services whose models are left out, because another service took their name: `sms-voice` is a legacy alias of
/// `pinpoint-sms-voice`.
const LEFT_OUT: &[&str] = &["sms-voice"];

/// No file of the wheel is larger; one that says otherwise isn't botocore's.
const MAX_FILE: u64 = 64 << 20;

/// Why a wheel can't be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The wheel can't be read.
    #[error("wheel can't be read")]
    Wheel(#[from] ZipError),
    /// A file of the wheel can't be read.
    #[error("{path} can't be read")]
    File {
        /// The file inside the wheel.
        path: String,
        /// What went wrong.
        source: std::io::Error,
    },
    /// A file of the wheel isn't JSON.
    #[error("{path} isn't JSON: {message}")]
    Json {
        /// The file inside the wheel.
        path: String,
        /// The parser's words.
        message: String,
    },
    /// A service model isn't as expected.
    #[error("model of {service}")]
    Model {
        /// botocore's folder.
        service: String,
        /// What is wrong.
        source: ModelError,
    },
    /// The wheel lacks something every botocore has.
    #[error("wheel has no {0}")]
    Missing(&'static str),
    /// The models don't fit the format.
    #[error(transparent)]
    Archive(#[from] Error),
}

/// What was packed.
#[derive(Debug)]
pub struct Packed {
    /// The bytes of the catalog file.
    pub file: Vec<u8>,
    /// The botocore release.
    pub botocore: String,
    /// How many services.
    pub services: usize,
    /// How many operations they have together.
    pub operations: usize,
}

/// Packs the latest API version of every service of a botocore wheel.
///
/// # Errors
/// [`PackError`] if the wheel isn't as expected.
pub fn pack_wheel(wheel: impl Read + Seek) -> Result<Packed, PackError> {
    let mut wheel = Wheel(ZipArchive::new(wheel)?);
    let botocore = wheel.release()?;
    let partitions =
        wheel.json("botocore/data/partitions.json")?.ok_or(PackError::Missing("partitions.json"))?;
    let mut sources = Vec::new();
    for (service, folder) in wheel.services() {
        if LEFT_OUT.contains(&service.as_str()) {
            continue;
        }
        let model = wheel.json(&format!("{folder}/service-2.json"))?.unwrap_or_default();
        // What botocore adds by hand, such as members that only SDKs look at.
        let extras = wheel.json(&format!("{folder}/service-2.sdk-extras.json"))?;
        let model = match extras.as_ref().and_then(|extras| extras.get("merge")) {
            Some(extras) => merged(&model, extras),
            None => model,
        };
        let model = ServiceModel::from_botocore(&model)
            .map_err(|source| PackError::Model { service: service.clone(), source })?;
        sources.push(Source {
            botocore: service,
            model,
            endpoint_rules: compact(wheel.json(&format!("{folder}/endpoint-rule-set-1.json"))?),
            waiters: compact(wheel.json(&format!("{folder}/waiters-2.json"))?),
        });
    }
    let services = sources.len();
    let operations = sources.iter().map(|s| s.model.operations.len()).sum();
    let file = archive::pack(&botocore, partitions.to_json(), sources)?;
    Ok(Packed { file, botocore, services, operations })
}

fn compact(json: Option<Value>) -> String {
    json.map(|json| json.to_json()).unwrap_or_default()
}

/// A value with another one's members in it, at every depth; what is no object gives way.
fn merged(value: &Value, with: &Value) -> Value {
    let (Value::Object(object), Value::Object(more)) = (value, with) else { return with.clone() };
    let mut both = object.to_builder();
    for (key, value) in more.iter() {
        let value = object.get(key).map_or_else(|| value.clone(), |known| merged(known, value));
        both.insert(newel_value::Str::clone(key), value);
    }
    both.build().into()
}

struct Wheel<R>(ZipArchive<R>);

impl<R: Read + Seek> Wheel<R> {
    fn names(&self) -> Vec<String> {
        self.0.file_names().flatten().map(String::from).collect()
    }

    /// The release, from the name of the wheel's own metadata.
    fn release(&self) -> Result<String, PackError> {
        let release = |name: &String| {
            let release = name.strip_prefix("botocore-")?.strip_suffix(".dist-info/METADATA")?;
            Some(release.to_owned())
        };
        self.names().iter().find_map(release).ok_or(PackError::Missing("METADATA"))
    }

    /// Every service's folder of its latest API version, in name order.
    fn services(&self) -> BTreeMap<String, String> {
        let mut latest: BTreeMap<String, String> = BTreeMap::new();
        for name in self.names() {
            let parts: Vec<&str> = name.split('/').collect();
            let ["botocore", "data", service, version, "service-2.json" | "service-2.json.gz"] = parts[..]
            else {
                continue;
            };
            let folder = format!("botocore/data/{service}/{version}");
            let known = latest.entry(service.to_owned()).or_default();
            // Versions are dates, so the later one is the greater text.
            if folder > *known {
                *known = folder;
            }
        }
        latest
    }

    /// The JSON of a file, which may be gzipped in the wheel; none if the wheel doesn't have it.
    fn json(&mut self, path: &str) -> Result<Option<Value>, PackError> {
        for (path, gzipped) in [(format!("{path}.gz"), true), (path.to_owned(), false)] {
            let file = match self.0.by_name(&path) {
                Ok(file) => file.take(MAX_FILE),
                Err(ZipError::FileNotFound) => continue,
                Err(error) => return Err(error.into()),
            };
            let mut text = String::new();
            let read = if gzipped {
                GzDecoder::new(file).take(MAX_FILE).read_to_string(&mut text)
            } else {
                { file }.read_to_string(&mut text)
            };
            read.map_err(|source| PackError::File { path: path.clone(), source })?;
            let value = Value::parse(&text)
                .map_err(|e| PackError::Json { path: path.clone(), message: e.to_string() })?;
            return Ok(Some(value));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;
    use crate::Catalog;

    fn model(service_id: &str, version: &str) -> String {
        format!(
            r#"{{"metadata":{{"serviceId":"{service_id}","serviceFullName":"x","apiVersion":"{version}","endpointPrefix":"x",
                "signatureVersion":"v4","protocol":"json"}},"operations":{{}},"shapes":{{}}}}"#
        )
    }

    const EXTRAS: &[u8] = br#"{"version": 1.0, "merge": {"metadata": {"serviceFullName": "more"},
        "shapes": {"Added": {"type": "string"}}}}"#;

    fn gzipped(text: &str) -> Vec<u8> {
        let mut gz = GzEncoder::new(Vec::new(), Compression::default());
        gz.write_all(text.as_bytes()).unwrap();
        gz.finish().unwrap()
    }

    fn wheel(files: &[(&str, Vec<u8>)]) -> Cursor<Vec<u8>> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (path, content) in files {
            zip.start_file(*path, SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap()
    }

    #[test]
    fn the_latest_version_of_each_service_is_packed() {
        let packed = pack_wheel(wheel(&[
            ("botocore-9.9.9.dist-info/METADATA", Vec::new()),
            ("botocore/data/partitions.json", b"{ }".to_vec()),
            ("botocore/data/one/2020-01-01/service-2.json.gz", gzipped(&model("One", "2020-01-01"))),
            ("botocore/data/one/2012-01-01/service-2.json", model("One", "2012-01-01").into_bytes()),
            ("botocore/data/one/2020-01-01/endpoint-rule-set-1.json.gz", gzipped(r#"{ "rules": [] }"#)),
            ("botocore/data/two/2021-01-01/service-2.json", model("Two", "2021-01-01").into_bytes()),
            ("botocore/data/two/2021-01-01/service-2.sdk-extras.json", EXTRAS.to_vec()),
            ("botocore/data/sms-voice/2021-01-01/service-2.json", model("Two", "2021-01-01").into_bytes()),
        ]))
        .unwrap();
        assert_eq!((packed.botocore.as_str(), packed.services), ("9.9.9", 2));
        let catalog = Catalog::from_bytes(packed.file).unwrap();
        assert_eq!(catalog.names().collect::<Vec<_>>(), ["one", "two"]);
        let one = catalog.service("one").unwrap().unwrap();
        assert_eq!(&*one.metadata().api_version, "2020-01-01");
        assert_eq!(catalog.endpoint_rules(one).unwrap(), Some(r#"{"rules":[]}"#));
        let two = catalog.service("two").unwrap().unwrap();
        assert_eq!((&*two.metadata().full_name, &*two.metadata().service_id), ("more", "Two"));
        assert!(two.shape_named("Added").is_some());
        assert_eq!((catalog.waiters(one).unwrap(), catalog.partitions().unwrap()), (None, "{}"));
    }

    #[test]
    fn what_is_no_wheel_is_refused() {
        assert!(matches!(pack_wheel(Cursor::new(b"nonsense".to_vec())), Err(PackError::Wheel(_))));
        assert!(matches!(pack_wheel(wheel(&[])), Err(PackError::Missing("METADATA"))));
        let broken = [
            ("botocore-1.dist-info/METADATA", Vec::new()),
            ("botocore/data/partitions.json", b"{}".to_vec()),
            ("botocore/data/one/2020-01-01/service-2.json", b"{}".to_vec()),
        ];
        assert!(matches!(pack_wheel(wheel(&broken)), Err(PackError::Model { .. })));
    }
}
