//! On whose behalf calls are made, and what is kept for the next one.

use std::sync::Arc;

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::runtime_plugin::RuntimePlugins;
use newel_aws_catalog::Service;
use newel_value::Str;
use parking_lot::RwLock;
use rustc_hash::FxHashMap;

use crate::discovery::Discovered;
use crate::endpoint::Settings;
use crate::{invoke, settings};

/// A configuration of the SDK (region, credentials, transport, limits), with what calls of each service have in common
/// under it: made at the first call, kept for the others. So whoever makes many calls keeps one of these, not one a call.
/// Cloning shares what is kept, which grows with the services that are called and with nothing else.
#[derive(Clone, Debug)]
pub struct Caller(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    config: SdkConfig,
    services: RwLock<FxHashMap<Str, Arc<Prepared>>>,
}

/// What calls of one service have in common.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// By which the endpoint is found.
    pub(crate) settings: Settings,
    /// The endpoint, where the service has to be asked for it.
    pub(crate) discovered: Discovered,
    /// The orchestrator's parts; none of them is of one call.
    pub(crate) plugins: RuntimePlugins,
}

impl Caller {
    /// Calls by this configuration.
    #[must_use]
    pub fn new(config: SdkConfig) -> Self {
        Self(Arc::new(Kept { config, services: RwLock::default() }))
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &SdkConfig {
        &self.0.config
    }

    pub(crate) fn prepared(&self, service: &Service) -> Arc<Prepared> {
        let name = service.botocore_name();
        if let Some(kept) = self.0.services.read().get(name) {
            return Arc::clone(kept);
        }
        // Two calls at once may both make it; the first to finish wins.
        let config = self.config();
        let prepared = Arc::new(Prepared {
            settings: settings::of(config, service),
            discovered: Discovered::default(),
            plugins: invoke::plugins(config, service),
        });
        Arc::clone(self.0.services.write().entry(name.into()).or_insert(prepared))
    }
}
