//! Signature Version 4, for calls to API Gateway and for the tokens of clusters.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::Request;

use crate::client::{Call, authority};

/// The credentials of a configuration.
///
/// # Errors
/// Why there are none.
pub(crate) async fn credentials(config: &SdkConfig) -> Result<Credentials, String> {
    let provider = config.credentials_provider().ok_or("the worker has no AWS credentials")?;
    provider.provide_credentials().await.map_err(|error| {
        tracing::warn!(%error, "credentials for a signature can't be had");
        "the worker's AWS credentials can't be had".to_owned()
    })
}

/// Signs a call with headers.
///
/// # Errors
/// When it can't be signed.
pub(crate) fn sign_call(
    call: &mut Call,
    credentials: Credentials,
    region: &str,
    service: &str,
) -> Result<(), String> {
    let mut request = Request::builder().method(&call.method).uri(call.url.as_str());
    request = request.header("host", authority(&call.url));
    for (name, value) in &call.headers {
        request = request.header(name, value);
    }
    let mut request = request.body(()).map_err(|error| error.to_string())?;
    let body = SignableBody::Bytes(&call.body);
    let signer = Signer { credentials, region, service, settings: SigningSettings::default() };
    signer.sign(&mut request, body)?;
    let mut headers = request.into_parts().0.headers;
    // It is the call's own business.
    headers.remove("host");
    call.headers = headers;
    Ok(())
}

/// A GET of `url` with these headers, signed in its query so that whoever has it can make it for so long.
///
/// # Errors
/// When it can't be signed.
pub(crate) fn presign(
    url: &str,
    headers: &[(&str, &str)],
    lasts: Duration,
    credentials: Credentials,
    region: &str,
    service: &str,
) -> Result<String, String> {
    let mut request = Request::builder().method("GET").uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(()).map_err(|error| error.to_string())?;
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(lasts);
    Signer { credentials, region, service, settings }.sign(&mut request, SignableBody::Bytes(b""))?;
    Ok(request.uri().to_string())
}

struct Signer<'a> {
    credentials: Credentials,
    region: &'a str,
    service: &'a str,
    settings: SigningSettings,
}

impl Signer<'_> {
    fn sign(self, request: &mut Request<()>, body: SignableBody<'_>) -> Result<(), String> {
        let identity = self.credentials.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(SystemTime::now())
            .settings(self.settings)
            .build()
            .map_err(|error| error.to_string())?
            .into();
        let uri = request.uri().to_string();
        let texts = request.headers().iter().map(|(name, value)| Ok((name.as_str(), value.to_str()?)));
        let headers = texts.collect::<Result<Vec<_>, http::header::ToStrError>>();
        let headers = headers.map_err(|_| "a header that isn't ASCII can't be signed".to_owned())?;
        let signable = SignableRequest::new(request.method().as_str(), uri, headers.into_iter(), body);
        let signable = signable.map_err(|error| error.to_string())?;
        let (instructions, _) = sign(signable, &parameters).map_err(|error| error.to_string())?.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }
}
