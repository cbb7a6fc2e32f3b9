//! Who calls: account, region and role, read from the credential scope of the request's signature.
//!
//! The signature itself isn't verified: what a test needs to know is under which identity a call was made. An access key
//! id of 12 digits is the account; keys handed out by AssumeRole encode account and role; every other key is the default
//! account under no role.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use parking_lot::RwLock;
use rustc_hash::FxHashMap;

use crate::jobs::Space;
use crate::wire::Failure;

/// The account of an access key that names none.
pub(crate) const DEFAULT_ACCOUNT: &str = "000000000000";

const TEMPORARY_KEY_PREFIX: &str = "ASIA";
const ACCOUNT_DIGITS: usize = 12;

/// An identity that has called at least once.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) account: Arc<str>,
    pub(crate) region: Arc<str>,
    /// ARN of the assumed role; empty for none.
    pub(crate) role: Arc<str>,
    /// Position in [`Callers`], a cheap key.
    pub(crate) number: usize,
    pub(crate) space: Arc<Space>,
}

/// Every caller, space and role seen, each kept for the life of the fake so that credentials stay valid over a reset.
#[derive(Debug)]
pub(crate) struct Callers {
    known: RwLock<Known>,
    max: usize,
}

#[derive(Debug, Default)]
struct Known {
    by_credential: FxHashMap<(String, String), Arc<Caller>>,
    callers: Vec<Arc<Caller>>,
    spaces: Vec<Arc<Space>>,
    roles: Vec<Arc<str>>,
}

/// What the `Authorization` header's credential scope says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scope<'a> {
    pub(crate) access_key: &'a str,
    pub(crate) region: &'a str,
    /// Signing name of the service.
    pub(crate) service: &'a str,
}

impl<'a> Scope<'a> {
    /// Reads `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, …`.
    pub(crate) fn of(headers: &'a HeaderMap) -> Result<Self, Failure> {
        let missing = || Failure::new(403, "MissingAuthenticationToken", "Missing Authentication Token");
        let header = headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
        let text = header.to_str().map_err(|_| missing())?;
        let (_, scope) = text.split_once("Credential=").ok_or_else(missing)?;
        let scope = scope.split([',', ' ']).next().unwrap_or_default();
        let mut parts = scope.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(access_key), Some(_), Some(region), Some(service), Some("aws4_request"))
                if !access_key.is_empty() && !region.is_empty() =>
            {
                Ok(Self { access_key, region, service })
            }
            _ => Err(Failure::new(403, "IncompleteSignature", "the credential scope is malformed")),
        }
    }
}

impl Callers {
    pub(crate) fn new(max: usize) -> Self {
        Self { known: RwLock::default(), max }
    }

    /// The caller behind a signature's scope.
    pub(crate) fn identify(&self, scope: &Scope<'_>) -> Result<Arc<Caller>, Failure> {
        let key = (scope.access_key.to_owned(), scope.region.to_owned());
        if let Some(caller) = self.known.read().by_credential.get(&key) {
            return Ok(Arc::clone(caller));
        }
        let mut known = self.known.write();
        let (account, role) = known.resolve(scope.access_key)?;
        if known.by_credential.len() >= self.max {
            return Err(Failure::new(503, "ServiceUnavailable", "too many identities for this fake"));
        }
        let caller = known.caller(&account, scope.region, role);
        known.by_credential.insert(key, Arc::clone(&caller));
        Ok(caller)
    }

    /// The access key id of a session of `role` in `account`: 12 digits of account, then the role's number.
    pub(crate) fn temporary_key(&self, account: &str, role: &str) -> Result<String, Failure> {
        let mut known = self.known.write();
        let number = match known.roles.iter().position(|known| **known == *role) {
            Some(number) => number,
            None if known.roles.len() >= self.max => {
                return Err(Failure::new(503, "ServiceUnavailable", "too many roles for this fake"));
            }
            None => {
                known.roles.push(role.into());
                known.roles.len() - 1
            }
        };
        Ok(format!("{TEMPORARY_KEY_PREFIX}{account}{number:04X}"))
    }

    pub(crate) fn by_number(&self, number: usize) -> Option<Arc<Caller>> {
        self.known.read().callers.get(number).cloned()
    }

    pub(crate) fn spaces(&self) -> Vec<Arc<Space>> {
        self.known.read().spaces.clone()
    }
}

impl Known {
    fn resolve(&self, access_key: &str) -> Result<(String, Arc<str>), Failure> {
        let is_account =
            |text: &str| text.len() == ACCOUNT_DIGITS && text.bytes().all(|b| b.is_ascii_digit());
        if is_account(access_key) {
            return Ok((access_key.to_owned(), "".into()));
        }
        let rest = access_key.strip_prefix(TEMPORARY_KEY_PREFIX);
        let Some((account, number)) = rest.and_then(|rest| rest.split_at_checked(ACCOUNT_DIGITS)) else {
            return Ok((DEFAULT_ACCOUNT.to_owned(), "".into()));
        };
        if !is_account(account) {
            return Ok((DEFAULT_ACCOUNT.to_owned(), "".into()));
        }
        let role = usize::from_str_radix(number, 16).ok().and_then(|number| self.roles.get(number));
        let unknown = || {
            Failure::new(
                403,
                "InvalidClientTokenId",
                "The security token included in the request is invalid.",
            )
        };
        Ok((account.to_owned(), Arc::clone(role.ok_or_else(unknown)?)))
    }

    fn caller(&mut self, account: &str, region: &str, role: Arc<str>) -> Arc<Caller> {
        let same = |caller: &&Arc<Caller>| {
            *caller.account == *account && *caller.region == *region && caller.role == role
        };
        if let Some(caller) = self.callers.iter().find(same) {
            return Arc::clone(caller);
        }
        let space = self.space(account, region);
        let (account, region) = (Arc::clone(&space.account), Arc::clone(&space.region));
        let caller = Arc::new(Caller { account, region, role, number: self.callers.len(), space });
        self.callers.push(Arc::clone(&caller));
        caller
    }

    fn space(&mut self, account: &str, region: &str) -> Arc<Space> {
        if let Some(space) =
            self.spaces.iter().find(|space| *space.account == *account && *space.region == *region)
        {
            return Arc::clone(space);
        }
        let space = Arc::new(Space::new(account, region));
        self.spaces.push(Arc::clone(&space));
        space
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(access_key: &str) -> Scope<'_> {
        Scope { access_key, region: "eu-west-1", service: "batch" }
    }

    #[test]
    fn keys_name_accounts_and_roles() {
        let callers = Callers::new(100);
        let role = "arn:aws:iam::222222222222:role/runner";
        let key = callers.temporary_key("222222222222", role).unwrap();
        assert_eq!(callers.temporary_key("222222222222", role).unwrap(), key);
        let check = |access_key: &str, account: &str, role: &str| {
            let caller = callers.identify(&scope(access_key)).unwrap();
            assert_eq!((&*caller.account, &*caller.role, &*caller.region), (account, role, "eu-west-1"));
        };
        check("AKIAEXAMPLE", DEFAULT_ACCOUNT, "");
        check("ASIAEXAMPLEEXAMPLE", DEFAULT_ACCOUNT, "");
        check("111111111111", "111111111111", "");
        check(&key, "222222222222", role);
        assert!(callers.identify(&scope("ASIA222222222222FFFF")).is_err());
    }

    #[test]
    fn two_keys_of_one_identity_are_one_caller() {
        let callers = Callers::new(100);
        let first = callers.identify(&scope("AKIAONE")).unwrap();
        let second = callers.identify(&scope("000000000000")).unwrap();
        assert_eq!(first.number, second.number);
        let other_region = Scope { region: "us-east-1", ..scope("AKIAONE") };
        assert!(!Arc::ptr_eq(&callers.identify(&other_region).unwrap().space, &first.space));
    }

    #[test]
    fn the_number_of_identities_is_bounded() {
        let callers = Callers::new(2);
        assert!(callers.identify(&scope("111111111111")).is_ok());
        assert!(callers.identify(&scope("222222222222")).is_ok());
        assert!(callers.identify(&scope("333333333333")).is_err());
        assert!(callers.identify(&scope("111111111111")).is_ok());
    }

    #[test]
    fn scopes_are_read_from_the_header() {
        let check = |text: &str, expect: Option<Scope<'_>>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, text.parse().unwrap());
            assert_eq!(Scope::of(&headers).ok(), expect, "{text}");
        };
        let good = "AWS4-HMAC-SHA256 Credential=AK/20260101/us-east-1/batch/aws4_request, SignedHeaders=host, Signature=0";
        check(good, Some(Scope { access_key: "AK", region: "us-east-1", service: "batch" }));
        check("AWS4-HMAC-SHA256 Credential=AK/20260101/us-east-1/batch, SignedHeaders=host", None);
        check("Bearer x", None);
        assert!(Scope::of(&HeaderMap::new()).is_err());
    }
}
