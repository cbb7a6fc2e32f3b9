//! The reference of a job: all that it takes to find it again, in one text.
//!
//! `<name>/<token> <scope>`, where the token is that of the submission (empty if the job isn't marked), and the scope says
//! in JSON which cluster and namespace, and which logs are wanted. Jobs of one scope are watched together.

use std::sync::Arc;

use newel_value::{ObjectBuilder, Value};
use newel_worker::ExternalRef;

use crate::kubernetes::cluster::Address;

/// What jobs of one scope have in common.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scope {
    pub(super) address: Address,
    pub(super) namespace: String,
    /// `LogOptions`.
    pub(super) logs: Value,
}

/// A job.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct JobRef {
    pub(super) name: String,
    pub(super) token: String,
}

impl Scope {
    fn to_text(&self) -> String {
        let mut scope = ObjectBuilder::default();
        scope.insert("ClusterName", &*self.address.name);
        scope.insert("Endpoint", &*self.address.endpoint);
        scope.insert("CertificateAuthority", &*self.address.authority);
        scope.insert("Namespace", &*self.namespace);
        scope.insert("LogOptions", self.logs.clone());
        Value::from(scope.build()).to_json()
    }

    /// Reads what [`Self::reference`] wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let scope = Value::parse(text).ok()?;
        let text = |name: &str| scope.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            address: Address {
                name: text("ClusterName")?,
                endpoint: text("Endpoint")?,
                authority: text("CertificateAuthority")?,
            },
            namespace: text("Namespace")?,
            logs: scope.get("LogOptions").cloned().unwrap_or_default(),
        })
    }

    /// The reference of a job in this scope.
    pub(super) fn reference(&self, job: &JobRef) -> ExternalRef {
        ExternalRef::new(format!("{}/{} {}", job.name, job.token, self.to_text()))
    }
}

impl JobRef {
    /// The job and its scope.
    pub(super) fn parse(reference: &ExternalRef) -> Option<(Self, Scope)> {
        let (job, scope) = reference.as_str().split_once(' ')?;
        let (name, token) = job.split_once('/')?;
        Some((Self { name: name.to_owned(), token: token.to_owned() }, Scope::parse(scope)?))
    }
}

/// What a reference has in common with those of jobs that can be described together with it.
pub(crate) fn group(reference: &ExternalRef) -> Arc<str> {
    reference.as_str().split_once(' ').map_or_else(|| "".into(), |(_, scope)| scope.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_as_it_was_written() {
        let scope = Scope {
            address: Address { name: "c 1".into(), endpoint: "https://e".into(), authority: "QUJD".into() },
            namespace: "default".into(),
            logs: Value::parse(r#"{"RetrieveLogs":true}"#).unwrap(),
        };
        let job = JobRef { name: "job-a".into(), token: "t".into() };
        let reference = scope.reference(&job);
        assert_eq!(JobRef::parse(&reference), Some((job, scope.clone())));
        assert_eq!(Scope::parse(&group(&reference)), Some(scope));
        assert_eq!(JobRef::parse(&ExternalRef::new("")), None);
    }
}
