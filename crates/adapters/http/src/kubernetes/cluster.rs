//! One cluster's API server: where it is, whom it has to prove to be, and who calls.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use newel_worker::aws::{Access, Aws};
use newel_worker::{Failure, Identity};
use rustls::ClientConfig;
use tokio::time::Instant;
use url::Url;

use crate::client::{Call, Client, Fault, Limits, Reply};
use crate::kubernetes::client_failure;
use crate::parameters::{Pairs, Parameters, add_query, invalid};
use crate::signing;
use crate::tls;

/// How long a token is valid. Servers accept at most 15 minutes.
const TOKEN_LASTS: Duration = Duration::from_secs(60);
/// How often a call is made that the server is too busy to look at.
const ATTEMPTS: u32 = 4;
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// The longest certificate of an authority, as Base64.
const MAX_AUTHORITY: usize = 32 * 1024;

/// What is needed to call clusters.
#[derive(Debug)]
pub(crate) struct Clusters {
    pub(crate) timeout: Duration,
    /// Whether jobs are marked so that a lost submission can be found.
    pub(crate) markers: bool,
}

/// Which cluster is meant: three parameters of every action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) name: String,
    pub(crate) endpoint: String,
    /// PEM in Base64.
    pub(crate) authority: String,
}

impl Address {
    pub(crate) fn read(parameters: Parameters<'_>) -> Result<Self, Failure> {
        let authority = parameters.text("CertificateAuthority")?;
        if authority.len() > MAX_AUTHORITY {
            return Err(invalid("the CertificateAuthority is too long"));
        }
        Ok(Self {
            name: parameters.text("ClusterName")?.to_owned(),
            endpoint: parameters.text("Endpoint")?.to_owned(),
            authority: authority.to_owned(),
        })
    }
}

/// A cluster that can be called under one identity.
#[derive(Debug)]
pub(crate) struct Cluster<'c> {
    client: &'c Client,
    url: Url,
    authorities: Arc<ClientConfig>,
    authorization: HeaderValue,
    deadline: Instant,
}

impl Clusters {
    /// A cluster, with a token of the identity.
    ///
    /// # Errors
    /// When the parameters are unusable or there are no credentials.
    pub(crate) async fn open<'c>(
        &self,
        client: &'c Client,
        aws: &Aws,
        identity: &Identity,
        execution: &str,
        address: &Address,
    ) -> Result<Cluster<'c>, Failure> {
        let url = client.endpoint(&address.endpoint).map_err(invalid)?;
        let authorities = tls::of_cluster(&address.authority);
        let authorities = authorities
            .map_err(|error| invalid(format_args!("the CertificateAuthority can't be used: {error}")))?;
        let caller = aws.caller(identity, execution).await.map_err(|access| match access {
            Access::Denied(failure) => failure,
            Access::Unreachable(cause) => client_failure(&cause),
        })?;
        let credentials =
            signing::credentials(caller.config()).await.map_err(|cause| client_failure(&cause))?;
        let region = region_of(&url).unwrap_or(&identity.region);
        let token = token(&address.name, credentials, region).map_err(|cause| client_failure(&cause))?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| client_failure("the token can't be a header"))?;
        authorization.set_sensitive(true);
        Ok(Cluster { client, url, authorities, authorization, deadline: Instant::now() + self.timeout })
    }
}

/// The region in `<id>.<zone>.<region>.eks.amazonaws.com`.
fn region_of(url: &Url) -> Option<&str> {
    let host = url.host_str()?;
    let (front, _) = host.split_once(".eks.amazonaws.com")?;
    front.rsplit('.').next()
}

/// Who calls, as EKS takes it: a signed request to the security token service that names the cluster.
fn token(
    cluster: &str,
    credentials: aws_credential_types::Credentials,
    region: &str,
) -> Result<String, String> {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let url = format!("https://sts.{region}.{domain}/?Action=GetCallerIdentity&Version=2011-06-15");
    let headers = [("x-k8s-aws-id", cluster)];
    let signed = signing::presign(&url, &headers, TOKEN_LASTS, credentials, region, "sts")?;
    Ok(format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(signed)))
}

/// One request to a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Pairs,
    pub(crate) body: Option<(&'static str, Bytes)>,
    /// Bytes that the answer may have.
    pub(crate) limit: usize,
}

impl Ask {
    pub(crate) fn get(path: String, query: Pairs, limit: usize) -> Self {
        Self { method: Method::GET, path, query, body: None, limit }
    }
}

impl Cluster<'_> {
    /// Makes a request. One that the server was too busy for had no effect and is made again, a few times.
    ///
    /// # Errors
    /// [`Fault`], which tells whether it may have had an effect.
    pub(crate) async fn send(&self, ask: Ask) -> Result<Reply, Fault> {
        let call = self.call(&ask);
        let limits = Limits { deadline: self.deadline, body: ask.limit };
        let mut wait = FIRST_WAIT;
        for _ in 1..ATTEMPTS {
            let reply = self.client.send(call.clone(), limits, Some(&self.authorities)).await?;
            if reply.status != StatusCode::TOO_MANY_REQUESTS {
                return Ok(reply);
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        self.client.send(call, limits, Some(&self.authorities)).await
    }

    fn call(&self, ask: &Ask) -> Call {
        let mut url = self.url.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/{}", ask.path.trim_start_matches('/')));
        url.set_query(None);
        add_query(&mut url, &ask.query, &[]);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, */*"));
        let body = ask.body.as_ref().map_or_else(Bytes::new, |(kind, body)| {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            body.clone()
        });
        Call { method: ask.method.clone(), url, headers, body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_tells_its_region() {
        let region = |url: &str| region_of(&Url::parse(url).unwrap()).map(str::to_owned);
        assert_eq!(region("https://AB12.gr7.eu-west-1.eks.amazonaws.com").as_deref(), Some("eu-west-1"));
        assert_eq!(region("https://AB12.cn-north-1.eks.amazonaws.com.cn").as_deref(), Some("cn-north-1"));
        assert_eq!(region("https://127.0.0.1:6443"), None);
    }

    #[test]
    fn a_token_is_a_signed_question_about_the_caller() {
        let credentials =
            aws_credential_types::Credentials::new("AKID", "secret", Some("session".into()), None, "test");
        let token = token("my cluster", credentials, "eu-west-1").unwrap();
        let url = URL_SAFE_NO_PAD.decode(token.strip_prefix("k8s-aws-v1.").unwrap()).unwrap();
        let url = Url::parse(std::str::from_utf8(&url).unwrap()).unwrap();
        assert_eq!(url.host_str(), Some("sts.eu-west-1.amazonaws.com"));
        let query: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
        assert_eq!(query["Action"], "GetCallerIdentity");
        assert_eq!(query["Version"], "2011-06-15");
        assert_eq!(query["X-Amz-Expires"], "60");
        assert_eq!(query["X-Amz-SignedHeaders"], "host;x-k8s-aws-id");
        assert_eq!(query["X-Amz-Security-Token"], "session");
        assert!(
            query["X-Amz-Credential"].starts_with("AKID/")
                && query["X-Amz-Credential"].ends_with("/eu-west-1/sts/aws4_request")
        );
        assert_eq!(query["X-Amz-Signature"].len(), 64);
    }
}
