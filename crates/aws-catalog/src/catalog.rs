//! Opens the packed file and gives out its services.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use newel_value::{Str, Value};

use crate::archive::{self, Entry, Extras, Index, Source};
use crate::{Error, Service};

/// The models of all AWS services. Opening reads an index; a service is unpacked when it is first asked for and kept.
pub struct Catalog {
    file: Cow<'static, [u8]>,
    frames_at: usize,
    index: Index,
    by_botocore: HashMap<Str, usize>,
    services: Vec<OnceLock<Result<Service, Error>>>,
    extras: OnceLock<Result<Extras, Error>>,
}

impl Catalog {
    /// Opens a catalog file.
    ///
    /// # Errors
    /// [`Error`] if it can't be read or is no catalog of this format.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let bytes = std::fs::read(path)
            .map_err(|source| Error::Read { path: path.to_owned(), source: Arc::new(source) })?;
        Self::from_bytes(bytes)
    }

    /// The catalog in these bytes.
    ///
    /// # Errors
    /// [`Error`] if they are no catalog of this format.
    pub fn from_bytes(file: impl Into<Cow<'static, [u8]>>) -> Result<Self, Error> {
        let file = file.into();
        let (index, frames_at) = archive::open(&file)?;
        let by_botocore =
            index.services.iter().enumerate().map(|(i, entry)| (Str::clone(&entry.botocore), i)).collect();
        let services = index.services.iter().map(|_| OnceLock::new()).collect();
        Ok(Self { file, frames_at, index, by_botocore, services, extras: OnceLock::new() })
    }

    /// The catalog inside this program: the one that `NEWEL_CATALOG_FILE` named when it was built.
    ///
    /// # Errors
    /// [`Error::NotEmbedded`] if none was named.
    #[cfg(feature = "embed")]
    pub fn embedded() -> Result<Self, Error> {
        const FILE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/catalog.bin"));
        if FILE.is_empty() { Err(Error::NotEmbedded) } else { Self::from_bytes(FILE) }
    }

    /// A catalog of models at hand, for tests and tools that need a few services only: botocore's folder and its
    /// `service-2.json`, parsed.
    ///
    /// # Errors
    /// [`Error::Pack`] if one of them is no model.
    pub fn from_models<'m>(models: impl IntoIterator<Item = (&'m str, &'m Value)>) -> Result<Self, Error> {
        let source = |(botocore, model): (&str, &Value)| {
            let model = crate::ServiceModel::from_botocore(model).map_err(|e| Error::Pack(e.to_string()))?;
            let botocore = botocore.to_owned();
            Ok(Source { botocore, model, endpoint_rules: String::new(), waiters: String::new() })
        };
        let sources = models.into_iter().map(source).collect::<Result<_, Error>>()?;
        Self::from_bytes(archive::pack("", String::new(), sources)?)
    }

    /// The botocore release the models come from.
    #[must_use]
    pub fn botocore_version(&self) -> &str {
        &self.index.botocore
    }

    /// The services' names in Step Functions, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.index.services.iter().map(|entry| &*entry.name)
    }

    /// A service by the name it has in `arn:aws:states:::aws-sdk:<name>:<action>`; none if there is no such service.
    ///
    /// # Errors
    /// [`Error::Damaged`] if its part of the file is.
    pub fn service(&self, name: &str) -> Result<Option<&Service>, Error> {
        self.at(self.index.services.binary_search_by(|entry| (*entry.name).cmp(name)).ok())
    }

    /// A service by botocore's name, which is the AWS CLI's too: `stepfunctions`.
    ///
    /// # Errors
    /// [`Error::Damaged`] if its part of the file is.
    pub fn botocore(&self, name: &str) -> Result<Option<&Service>, Error> {
        self.at(self.by_botocore.get(name).copied())
    }

    /// The endpoint rule set of a service, compact JSON; none if it has none.
    ///
    /// # Errors
    /// [`Error::Damaged`] if that part of the file is.
    pub fn endpoint_rules(&self, service: &Service) -> Result<Option<&str>, Error> {
        Ok(text_of(&self.extras()?.endpoint_rules, self.by_botocore.get(service.botocore_name())))
    }

    /// The waiters of a service, compact JSON; none if it has none.
    ///
    /// # Errors
    /// [`Error::Damaged`] if that part of the file is.
    pub fn waiters(&self, service: &Service) -> Result<Option<&str>, Error> {
        Ok(text_of(&self.extras()?.waiters, self.by_botocore.get(service.botocore_name())))
    }

    /// AWS's partitions with their regions and suffixes: botocore's `partitions.json`, compact.
    ///
    /// # Errors
    /// [`Error::Damaged`] if that part of the file is.
    pub fn partitions(&self) -> Result<&str, Error> {
        Ok(&self.extras()?.partitions)
    }

    fn at(&self, at: Option<usize>) -> Result<Option<&Service>, Error> {
        let Some((cell, entry)) = at.and_then(|at| self.services.get(at).zip(self.index.services.get(at)))
        else {
            return Ok(None);
        };
        match cell.get_or_init(|| self.unpack(entry)) {
            Ok(service) => Ok(Some(service)),
            Err(error) => Err(error.clone()),
        }
    }

    fn unpack(&self, entry: &Entry) -> Result<Service, Error> {
        let model = archive::unpack(&self.file, self.frames_at, entry.frame)?;
        Service::new(entry, model)
    }

    fn extras(&self) -> Result<&Extras, Error> {
        let extras =
            self.extras.get_or_init(|| archive::unpack(&self.file, self.frames_at, self.index.extras));
        extras.as_ref().map_err(Clone::clone)
    }
}

fn text_of<'a>(texts: &'a [String], at: Option<&usize>) -> Option<&'a str> {
    at.and_then(|at| texts.get(*at)).map(String::as_str).filter(|text| !text.is_empty())
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalog")
            .field("botocore", &self.index.botocore)
            .field("services", &self.index.services.len())
            .finish_non_exhaustive()
    }
}
