//! Endpoints of every service of a catalog, remembered.

use std::mem;
use std::sync::{Arc, OnceLock};

use newel_aws_catalog::{Catalog, Operation, Service};
use newel_value::{Str, Value};
use parking_lot::{Mutex, RwLock};
use rustc_hash::FxHashMap;

use super::{Endpoint, Params, Partitions, ResolveError, RuleError, RuleSet, Settings, params};

/// Resolves endpoints by the rules in a catalog. A service's rules are read when it is first asked for; the endpoints
/// used last are remembered.
#[derive(Debug)]
pub struct Resolver {
    catalog: Arc<Catalog>,
    partitions: OnceLock<Result<Partitions, ResolveError>>,
    services: RwLock<FxHashMap<Str, Arc<ServiceRules>>>,
}

/// What is kept of a service.
#[derive(Debug)]
struct ServiceRules {
    rules: Result<RuleSet, ResolveError>,
    recent: Mutex<Recent>,
}

impl Resolver {
    /// A resolver for the services of this catalog.
    #[must_use]
    pub fn new(catalog: Arc<Catalog>) -> Self {
        Self { catalog, partitions: OnceLock::new(), services: RwLock::default() }
    }

    /// The endpoint of a call, without the operation's host prefix ([`super::host_prefix`]). `body` is the request as the
    /// wire's JSON.
    ///
    /// # Errors
    /// [`ResolveError`]; what the rules themselves refuse is the user's to mend.
    pub fn resolve(
        &self,
        service: &Service,
        operation: &Operation,
        body: &Value,
        settings: &Settings,
    ) -> Result<Arc<Endpoint>, ResolveError> {
        if !settings.region.is_empty() && !is_host_label(&settings.region) {
            return Err(ResolveError::Region(settings.region.clone()));
        }
        let kept = self.rules(service);
        let rules = kept.rules.as_ref().map_err(Clone::clone)?;
        let params = params(rules, service, operation, body, settings);
        if let Some(endpoint) = kept.recent.lock().get(&params) {
            return Ok(endpoint);
        }
        let partitions = self.partitions.get_or_init(|| self.read_partitions());
        let endpoint = Arc::new(rules.resolve(&params, partitions.as_ref().map_err(Clone::clone)?)?);
        kept.recent.lock().insert(params, Arc::clone(&endpoint));
        Ok(endpoint)
    }

    fn rules(&self, service: &Service) -> Arc<ServiceRules> {
        let name = service.botocore_name();
        if let Some(kept) = self.services.read().get(name) {
            return Arc::clone(kept);
        }
        // Two calls at once may both read the rules; the first to finish wins.
        let read = Arc::new(ServiceRules { rules: self.read_rules(service), recent: Mutex::default() });
        Arc::clone(self.services.write().entry(name.into()).or_insert(read))
    }

    fn read_rules(&self, service: &Service) -> Result<RuleSet, ResolveError> {
        let text = self.catalog.endpoint_rules(service)?;
        let text = text.ok_or_else(|| ResolveError::NoRules(service.botocore_name().into()))?;
        Ok(RuleSet::parse(&json(text)?)?)
    }

    fn read_partitions(&self) -> Result<Partitions, ResolveError> {
        Ok(Partitions::parse(&json(self.catalog.partitions()?)?)?)
    }
}

/// Whether a region can be a part of a host's name, and nothing more than a part.
fn is_host_label(region: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    region.len() <= 63 && region.bytes().all(is_allowed) && !region.starts_with('-') && !region.ends_with('-')
}

fn json(text: &str) -> Result<Value, RuleError> {
    Value::parse(text).map_err(|error| RuleError::new(error.to_string()))
}

/// The endpoints used last, in two generations: when the young one is full it becomes the old one, whose entries are
/// dropped unless they are used again before the next time.
#[derive(Debug, Default)]
struct Recent {
    young: FxHashMap<Params, Arc<Endpoint>>,
    old: FxHashMap<Params, Arc<Endpoint>>,
}

/// Endpoints of a service in one generation. Most services have one; S3 has one a bucket.
const GENERATION: usize = 128;

impl Recent {
    fn get(&mut self, params: &Params) -> Option<Arc<Endpoint>> {
        if let Some(endpoint) = self.young.get(params) {
            return Some(Arc::clone(endpoint));
        }
        let (params, endpoint) = self.old.remove_entry(params)?;
        self.insert(params, Arc::clone(&endpoint));
        Some(endpoint)
    }

    fn insert(&mut self, params: Params, endpoint: Arc<Endpoint>) {
        if self.young.len() >= GENERATION {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(params, endpoint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(i: usize) -> Params {
        let mut params = Params::default();
        params.insert("Bucket", i.to_string().as_str());
        params
    }

    #[test]
    fn what_is_used_stays_and_the_rest_is_dropped() {
        let mut recent = Recent::default();
        recent.insert(key(0), Arc::default());
        recent.insert(key(1), Arc::default());
        for i in 2..10 * GENERATION {
            recent.insert(key(i), Arc::default());
            assert!(recent.get(&key(0)).is_some(), "{i}");
            assert!(recent.young.len() + recent.old.len() <= 2 * GENERATION);
        }
        assert!(recent.get(&key(1)).is_none());
    }
}
