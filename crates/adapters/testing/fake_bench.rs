//! What the adapters' tests share: a family's adapter over the fake AWS.
//!
//! Included by each adapter's tests with `#[path]`; it isn't a crate of its own.

use std::sync::Arc;
use std::time::Duration;

use newel_aws_catalog::Catalog;
use newel_aws_fake::{Fake, FaultKind, FaultRule, Selector, Service};
use newel_integrations::Integrations;
use newel_worker::contract::{self, Fault};
use newel_worker::{AwsOptions, Options, Pattern};

/// The account and region of [`contract::attempt`].
pub(crate) const ACCOUNT: &str = "123456789012";

/// The integrations over the packed catalog, which `make` puts there.
pub(crate) fn integrations() -> Integrations {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../.newel/aws-catalog.bin");
    let catalog = Catalog::open(file).expect("the packed catalog: run `make` once");
    Integrations::new(Arc::new(catalog))
}

/// Options for a fake at that address, under which the execution's account is the caller's.
pub(crate) fn options(fake: &Fake) -> Options {
    let aws = AwsOptions {
        endpoint_url: Some(fake.url()),
        dev_account_credentials: true,
        call_timeout_seconds: 20,
        ..AwsOptions::default()
    };
    Options { aws, listing_lag_seconds: 1, ..Options::default() }
}

/// A service of the fake and the start call that the tests break.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) fake: Fake,
    pub(crate) service: Service,
    pub(crate) operation: &'static str,
}

impl Bench {
    /// A fake whose clock stands still.
    pub(crate) async fn start(service: Service, operation: &'static str) -> Self {
        let fake = Fake::start().await.expect("a free port");
        fake.freeze(true);
        Self { fake, service, operation }
    }

    pub(crate) fn break_next_start(&self, fault: Fault) {
        let select = Selector {
            service: Some(self.service),
            operation: Some(self.operation.to_owned()),
            ..Selector::default()
        };
        let kind = match fault {
            Fault::LostAnswer => FaultKind::LostAnswer,
            Fault::Reset => FaultKind::Reset,
            Fault::Throttled => FaultKind::Throttle,
            Fault::ServerError => FaultKind::ServerError,
            Fault::Denied => FaultKind::Denied,
        };
        self.fake.add_faults(vec![FaultRule::new(select, kind).times(1)]).expect("a sensible fault");
    }

    pub(crate) fn pass_time(&self) {
        self.fake.advance(Duration::from_secs(3600));
    }
}

/// An attempt of a resource.
pub(crate) fn attempt(resource: &str, pattern: Pattern, parameters: &str) -> newel_worker::Attempt {
    let attempt = contract::attempt(resource, pattern, parameters);
    assert_eq!(&*attempt.identity.account, ACCOUNT);
    attempt
}
