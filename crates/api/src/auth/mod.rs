//! Who calls: access keys and signatures for AWS JSON, bearer tokens for gRPC.

mod bearer;
mod keys;
mod sigv4;

use newel_asl::arn::is_region;
use newel_engine::request::Tenant;
use newel_runtime::SecretFile;
use newel_value::Str;
use serde::Deserialize;

pub use bearer::{Family, GrpcAuth, Principal, WorkerAuth};
pub use keys::AccessKeys;

use crate::refusal::Refusal;

/// Who may call. Nothing configured means that everyone may, which only loopback addresses permit.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// Keys that AWS JSON requests are signed with.
    pub access_keys: AccessKeys,
    /// Tokens of gRPC clients.
    pub client_tokens: Vec<ClientToken>,
    /// Tokens of workers.
    pub worker_tokens: Vec<WorkerToken>,
}

/// A gRPC client's bearer token, and whose things it may touch.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientToken {
    /// The file that holds it.
    pub file: SecretFile,
    /// The only account it is good for; any, named by the call's metadata, if absent.
    #[serde(default)]
    pub account: Option<Str>,
    /// The only region it is good for; any, named by the call's metadata, if absent.
    #[serde(default)]
    pub region: Option<Str>,
}

/// The bearer token of a family's workers.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerToken {
    /// The family: `batch`, `ecs` ...
    pub family: Str,
    /// The file that holds it.
    pub file: SecretFile,
}

/// Finds out whose things an AWS JSON request is about.
#[derive(Clone, Debug)]
pub(crate) struct HttpAuth {
    keys: AccessKeys,
    default: Tenant,
}

impl HttpAuth {
    pub(crate) const fn new(keys: AccessKeys, default: Tenant) -> Self {
        Self { keys, default }
    }

    /// The tenant of a request. With access keys its signature must be right; without, what it claims is believed, as
    /// development tools do: an access key id of 12 digits is the account, the credential's scope names the region.
    pub(crate) fn tenant(
        &self,
        request: &http::request::Parts,
        body: &[u8],
        now: newel_asl::Timestamp,
    ) -> Result<Tenant, Refusal> {
        if self.keys.is_empty() {
            return Ok(self.claimed(request));
        }
        sigv4::verify(request, body, &self.keys, now)
    }

    fn claimed(&self, request: &http::request::Parts) -> Tenant {
        let mut tenant = self.default.clone();
        let Some((key_id, region)) = sigv4::claim(request) else { return tenant };
        if is_account(key_id) {
            tenant.account = key_id.into();
        }
        if is_region(region) {
            tenant.region = region.into();
        }
        tenant
    }
}

/// Whether a text is an account: 12 digits.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}
