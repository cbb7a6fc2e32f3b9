//! Bearer tokens of gRPC callers.
//!
//! Once any token is configured, every call needs one: a port that asks its workers who they are doesn't let clients
//! in unasked.

use std::fmt;
use std::sync::Arc;

use newel_asl::arn::is_region;
use newel_engine::request::Tenant;
use newel_runtime::SecretFile;
use newel_value::Str;
use tonic::metadata::MetadataMap;
use tonic::service::Interceptor;
use tonic::{Request, Status};

use super::{Credentials, is_account};
use crate::Error;

/// Metadata that names the account, if the token doesn't.
const ACCOUNT: &str = "newel-account";
/// Metadata that names the region, if the token doesn't.
const REGION: &str = "newel-region";

/// An integration family: `batch`, `ecs`, `glue`, `dynamodb` ...
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Family(pub Str);

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whom a bearer token belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// A client that acts for this tenant.
    Client {
        /// Whose things it may touch.
        tenant: Tenant,
    },
    /// A worker.
    Worker {
        /// Its family.
        family: Family,
    },
}

/// Finds out who calls over gRPC. Cheap to clone.
#[derive(Clone, Debug)]
pub struct GrpcAuth(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tokens: Vec<(SecretFile, Holder)>,
    default: Tenant,
}

#[derive(Debug)]
enum Holder {
    Client { account: Option<Str>, region: Option<Str> },
    Worker(Family),
}

impl GrpcAuth {
    /// Takes the tokens of `credentials`; reads each once, so that a bad file is told at the start.
    ///
    /// # Errors
    /// A token's file can't be read or is empty.
    pub fn new(credentials: &Credentials, default: Tenant) -> Result<Self, Error> {
        let clients = credentials.client_tokens.iter().map(|token| {
            let holder = Holder::Client { account: token.account.clone(), region: token.region.clone() };
            (token.file.clone(), holder)
        });
        let workers = credentials
            .worker_tokens
            .iter()
            .map(|t| (t.file.clone(), Holder::Worker(Family(t.family.clone()))));
        let tokens: Vec<_> = clients.chain(workers).collect();
        for (file, _) in &tokens {
            file.current()?;
        }
        Ok(Self(Arc::new(Inner { tokens, default })))
    }

    /// Whether callers are asked who they are.
    #[must_use]
    pub fn is_secured(&self) -> bool {
        !self.0.tokens.is_empty()
    }

    /// Who calls; `None` if nobody is asked.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` without a known token; `PERMISSION_DENIED` when the metadata names an account or region that
    /// the token isn't good for; `INVALID_ARGUMENT` when it names none at all.
    pub fn principal(&self, metadata: &MetadataMap) -> Result<Option<Principal>, Status> {
        if !self.is_secured() {
            return Ok(None);
        }
        match self.holder(metadata)? {
            Holder::Worker(family) => Ok(Some(Principal::Worker { family: family.clone() })),
            Holder::Client { account, region } => {
                let tenant = self.tenant(metadata, account.as_ref(), region.as_ref())?;
                Ok(Some(Principal::Client { tenant }))
            }
        }
    }

    /// The tenant a client's call is about.
    pub(crate) fn client(&self, metadata: &MetadataMap) -> Result<Tenant, Status> {
        match self.principal(metadata)? {
            None => self.tenant(metadata, None, None),
            Some(Principal::Client { tenant }) => Ok(tenant),
            Some(Principal::Worker { .. }) => {
                Err(Status::permission_denied("a worker's token is no client's"))
            }
        }
    }

    /// Lets a client pass that may change what isn't of one account: nobody is asked, or its token is bound to none.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` without a known token; `PERMISSION_DENIED` with one that is bound, or a worker's.
    pub(crate) fn operator(&self, metadata: &MetadataMap) -> Result<(), Status> {
        if !self.is_secured() {
            return Ok(());
        }
        match self.holder(metadata)? {
            Holder::Client { account: None, region: None } => Ok(()),
            Holder::Client { .. } => Err(Status::permission_denied(
                "this is about every account: it takes a client's token that isn't bound to an account or region",
            )),
            Holder::Worker(_) => Err(Status::permission_denied("a worker's token is no client's")),
        }
    }

    fn holder(&self, metadata: &MetadataMap) -> Result<&Holder, Status> {
        let given = metadata
            .get("authorization")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or_else(|| Status::unauthenticated("a bearer token is required"))?;
        // Every token is compared, whichever matches, so that time doesn't tell which.
        let mut found = None;
        for (file, holder) in &self.0.tokens {
            match file.current() {
                Ok(secret) if secret.matches(given) => found = Some(holder),
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "a bearer token is unreadable: its holder is locked out")
                }
            }
        }
        found.ok_or_else(|| Status::unauthenticated("unknown bearer token"))
    }

    fn tenant(
        &self,
        metadata: &MetadataMap,
        account: Option<&Str>,
        region: Option<&Str>,
    ) -> Result<Tenant, Status> {
        Ok(Tenant {
            account: named(metadata, ACCOUNT, is_account, account, &self.0.default.account)?,
            region: named(metadata, REGION, is_region, region, &self.0.default.region)?,
        })
    }
}

/// What the metadata names, if the token allows it; else what the token is bound to; else the default.
fn named(
    metadata: &MetadataMap,
    key: &'static str,
    well_formed: fn(&str) -> bool,
    bound: Option<&Str>,
    default: &Str,
) -> Result<Str, Status> {
    let Some(named) = metadata.get(key) else { return Ok(bound.unwrap_or(default).clone()) };
    let named = named
        .to_str()
        .ok()
        .filter(|text| well_formed(text))
        .ok_or_else(|| Status::invalid_argument(format!("{key} is malformed")))?;
    match bound {
        Some(bound) if **bound != *named => {
            Err(Status::permission_denied(format!("the bearer token is not good for this {key}")))
        }
        _ => Ok(named.into()),
    }
}

/// Finds out which family a worker belongs to. As an [`Interceptor`] it leaves the [`Principal`] in the request's
/// extensions.
#[derive(Clone, Debug)]
pub struct WorkerAuth(GrpcAuth);

impl WorkerAuth {
    /// The part of `auth` that a worker service needs.
    #[must_use]
    pub const fn new(auth: GrpcAuth) -> Self {
        Self(auth)
    }

    /// The family that the caller's token belongs to; `None` if nobody is asked, and what a worker says of itself is to
    /// be believed.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` without a known token; `PERMISSION_DENIED` with a client's.
    pub fn authenticate(&self, metadata: &MetadataMap) -> Result<Option<Family>, Status> {
        match self.0.principal(metadata)? {
            None => Ok(None),
            Some(Principal::Worker { family }) => Ok(Some(family)),
            Some(Principal::Client { .. }) => {
                Err(Status::permission_denied("a client's token is no worker's"))
            }
        }
    }
}

impl Interceptor for WorkerAuth {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(family) = self.authenticate(request.metadata())? {
            request.extensions_mut().insert(Principal::Worker { family });
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;
    use crate::{ClientToken, WorkerToken};

    fn auth(directory: &std::path::Path) -> GrpcAuth {
        let file = |name: &str| {
            let path = directory.join(name);
            std::fs::write(&path, format!("{name}-token\n")).unwrap();
            SecretFile::new(path)
        };
        let credentials = Credentials {
            client_tokens: vec![
                ClientToken { file: file("any"), account: None, region: None },
                ClientToken { file: file("bound"), account: Some("111122223333".into()), region: None },
            ],
            worker_tokens: vec![WorkerToken { family: "batch".into(), file: file("batch") }],
            ..Credentials::default()
        };
        GrpcAuth::new(&credentials, tenant("000000000000", "us-east-1")).unwrap()
    }

    fn tenant(account: &str, region: &str) -> Tenant {
        Tenant { account: account.into(), region: region.into() }
    }

    fn metadata(pairs: &[(&'static str, &str)]) -> MetadataMap {
        let mut map = MetadataMap::new();
        for (key, value) in pairs {
            map.insert(*key, value.parse().unwrap());
        }
        map
    }

    #[test]
    fn tokens_tell_clients_and_accounts_apart() {
        let directory = tempfile::tempdir().unwrap();
        let auth = auth(directory.path());
        let check = |pairs: &[(&'static str, &str)], expect: Result<Tenant, Code>| {
            assert_eq!(auth.client(&metadata(pairs)).map_err(|status| status.code()), expect, "{pairs:?}");
        };
        let (any, bound, worker) = ("Bearer any-token", "bearer bound-token", "Bearer batch-token");
        check(&[("authorization", any)], Ok(tenant("000000000000", "us-east-1")));
        check(
            &[("authorization", any), (ACCOUNT, "999988887777"), (REGION, "eu-west-1")],
            Ok(tenant("999988887777", "eu-west-1")),
        );
        check(&[("authorization", bound)], Ok(tenant("111122223333", "us-east-1")));
        check(&[("authorization", bound), (ACCOUNT, "999988887777")], Err(Code::PermissionDenied));
        check(&[("authorization", worker)], Err(Code::PermissionDenied));
        check(&[("authorization", "Bearer any-token2")], Err(Code::Unauthenticated));
        check(&[("authorization", "Basic any-token")], Err(Code::Unauthenticated));
        check(&[("authorization", any), (ACCOUNT, "12")], Err(Code::InvalidArgument));
        check(&[], Err(Code::Unauthenticated));
    }

    #[test]
    fn a_worker_is_of_its_tokens_family() {
        let directory = tempfile::tempdir().unwrap();
        let auth = WorkerAuth::new(auth(directory.path()));
        let family = |token: &str| auth.authenticate(&metadata(&[("authorization", token)]));
        assert_eq!(family("Bearer batch-token").unwrap(), Some(Family("batch".into())));
        assert_eq!(family("Bearer any-token").unwrap_err().code(), Code::PermissionDenied);
        assert_eq!(family("Bearer x").unwrap_err().code(), Code::Unauthenticated);

        let mut request = Request::new(());
        request.metadata_mut().insert("authorization", "Bearer batch-token".parse().unwrap());
        let request = auth.clone().call(request).unwrap();
        let worker = Principal::Worker { family: Family("batch".into()) };
        assert_eq!(request.extensions().get::<Principal>(), Some(&worker));
    }

    #[test]
    fn a_replaced_token_counts_at_once_and_a_lost_one_locks_out() {
        let directory = tempfile::tempdir().unwrap();
        let auth = auth(directory.path());
        let known = |token: &str| auth.principal(&metadata(&[("authorization", token)])).is_ok();
        std::fs::write(directory.path().join("any"), "a-much-newer-token").unwrap();
        assert!(known("Bearer a-much-newer-token") && !known("Bearer any-token"));
        std::fs::remove_file(directory.path().join("any")).unwrap();
        assert!(!known("Bearer a-much-newer-token") && known("Bearer batch-token"));
    }

    #[test]
    fn nothing_configured_asks_nobody() {
        let auth = GrpcAuth::new(&Credentials::default(), tenant("000000000000", "us-east-1")).unwrap();
        assert_eq!(auth.principal(&metadata(&[])).unwrap(), None);
        assert_eq!(
            auth.client(&metadata(&[(ACCOUNT, "111122223333")])).unwrap(),
            tenant("111122223333", "us-east-1")
        );
        assert_eq!(WorkerAuth::new(auth).authenticate(&metadata(&[])).unwrap(), None);
    }
}
