//! Signature Version 4 of header-signed requests
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).
//!
//! Presigned URLs and unsigned payloads are refused: no client of this API makes them.

use std::borrow::Cow;

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::request::Parts;
use newel_asl::Timestamp;
use newel_asl::arn::is_region;
use newel_engine::request::Tenant;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::keys::{AccessKey, AccessKeys};
use crate::refusal::Refusal;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "states";
const TERMINATOR: &str = "aws4_request";
/// How far a request's date may be from the clock, in milliseconds.
const SKEW: i64 = 5 * 60 * 1_000;
/// Headers that must be signed when they are there: each changes what is asked, or of whom.
const MUST_BE_SIGNED: [&str; 4] =
    ["x-amz-date", "x-amz-target", "x-amz-security-token", "x-amz-content-sha256"];

/// The access key id and the region that a request claims, whatever they are worth.
pub(super) fn claim(request: &Parts) -> Option<(&str, &str)> {
    let authorization = header(request, "authorization")?;
    let (_, credential) = authorization.split_once("Credential=")?;
    let mut parts = credential.split([',', ' ']).next()?.split('/');
    let (key_id, _date, region) = (parts.next()?, parts.next()?, parts.next()?);
    Some((key_id, region))
}

/// Whose request this is, if its signature is right.
pub(super) fn verify(
    request: &Parts,
    body: &[u8],
    keys: &AccessKeys,
    now: Timestamp,
) -> Result<Tenant, Refusal> {
    let authorization = Authorization::parse(request)?;
    let scope = Scope::parse(authorization.credential)?;
    let date = header(request, "x-amz-date").ok_or_else(|| {
        incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    })?;
    scope.check(date)?;
    let key = keys.get(scope.key_id).ok_or_else(unrecognized)?;
    check_session(request, key, now)?;
    if !key.regions.is_empty() && !key.regions.iter().any(|region| region == scope.region) {
        return Err(invalid("Credential should be scoped to a valid region. "));
    }
    check_signed_headers(request, &authorization)?;
    let expect = signature(request, body, &authorization, &scope, date, key)?;
    if !bool::from(expect.as_bytes().ct_eq(authorization.signature.as_bytes())) {
        return Err(mismatch());
    }
    // Last, so that only who holds the key learns what the server's clock says.
    check_age(date, now)?;
    Ok(Tenant { account: key.account.clone(), region: scope.region.into() })
}

fn header<'a>(request: &'a Parts, name: &str) -> Option<&'a str> {
    request.headers.get(name)?.to_str().ok()
}

fn incomplete(message: impl Into<String>) -> Refusal {
    Refusal::new("IncompleteSignatureException", message)
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidSignatureException", message)
}

fn unrecognized() -> Refusal {
    Refusal::new("UnrecognizedClientException", "The security token included in the request is invalid.")
}

fn mismatch() -> Refusal {
    invalid(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method. Consult the service documentation for details.",
    )
}

/// The `Authorization` header.
struct Authorization<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn parse(request: &'a Parts) -> Result<Self, Refusal> {
        if !request.headers.contains_key("authorization") {
            return Err(Refusal::new("MissingAuthenticationTokenException", "Missing Authentication Token"));
        }
        let parameters = header(request, "authorization")
            .and_then(|text| text.trim().strip_prefix(ALGORITHM))
            .filter(|rest| rest.starts_with([' ', '\t']))
            .ok_or_else(|| incomplete(format!("Authorization header must use the algorithm {ALGORITHM}.")))?;
        let find = |name: &str| {
            parameters
                .split(',')
                .find_map(|p| p.trim().strip_prefix(name)?.strip_prefix('='))
                .filter(|v| !v.is_empty())
        };
        let wanted = ["Credential", "Signature", "SignedHeaders"];
        if let [Some(credential), Some(signature), Some(signed_headers)] = wanted.map(find) {
            return Ok(Self { credential, signed_headers, signature });
        }
        let missing = wanted.iter().filter(|name| find(name).is_none());
        let told: Vec<_> =
            missing.map(|name| format!("Authorization header requires '{name}' parameter.")).collect();
        Err(incomplete(told.join(" ")))
    }
}

/// The credential: `key/date/region/service/aws4_request`.
struct Scope<'a> {
    key_id: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    terminator: &'a str,
}

impl<'a> Scope<'a> {
    fn parse(credential: &'a str) -> Result<Self, Refusal> {
        let parts: Vec<_> = credential.split('/').take(6).collect();
        let [key_id, date, region, service, terminator] = parts[..] else {
            return Err(incomplete(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.",
            ));
        };
        Ok(Self { key_id, date, region, service, terminator })
    }

    fn check(&self, date: &str) -> Result<(), Refusal> {
        if self.terminator != TERMINATOR {
            let message = format!("Credential should be scoped with a valid terminator: '{TERMINATOR}'. ");
            return Err(invalid(message));
        }
        if self.service != SERVICE {
            return Err(invalid(format!("Credential should be scoped to correct service: '{SERVICE}'. ")));
        }
        if !is_region(self.region) {
            return Err(invalid("Credential should be scoped to a valid region. "));
        }
        if date.get(..8) != Some(self.date) {
            return Err(invalid(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.",
            ));
        }
        Ok(())
    }
}

/// Temporary credentials come with their token, before their end; lasting ones come without.
fn check_session(request: &Parts, key: &AccessKey, now: Timestamp) -> Result<(), Refusal> {
    let given = header(request, "x-amz-security-token");
    let right = match (&key.session_token, given) {
        (Some(expect), Some(given)) => expect.matches(given),
        (None, None) => true,
        _ => false,
    };
    if !right {
        return Err(unrecognized());
    }
    if key.expires_at.is_some_and(|end| end <= now) {
        let message = "The security token included in the request is expired";
        return Err(Refusal::new("ExpiredTokenException", message));
    }
    Ok(())
}

fn check_signed_headers(request: &Parts, authorization: &Authorization<'_>) -> Result<(), Refusal> {
    let is_signed = |name: &str| authorization.signed_headers.split(';').any(|signed| signed == name);
    if !is_signed("host") {
        return Err(invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."));
    }
    match MUST_BE_SIGNED.iter().find(|name| request.headers.contains_key(**name) && !is_signed(name)) {
        Some(name) => Err(invalid(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization."))),
        None => Ok(()),
    }
}

fn check_age(date: &str, now: Timestamp) -> Result<(), Refusal> {
    let at = parse_date(date).ok_or_else(|| {
        incomplete("Date must be in ISO-8601 'basic format'. See http://en.wikipedia.org/wiki/ISO_8601.")
    })?;
    let (earliest, latest) = (now.plus_millis(-SKEW), now.plus_millis(SKEW));
    let (date, basic_now) = (basic(at), basic(now));
    if at < earliest {
        let earliest = basic(earliest);
        return Err(invalid(format!(
            "Signature expired: {date} is now earlier than {earliest} ({basic_now} - 5 min.)"
        )));
    }
    if at > latest {
        let latest = basic(latest);
        return Err(invalid(format!(
            "Signature not yet current: {date} is still later than {latest} ({basic_now} + 5 min.)"
        )));
    }
    Ok(())
}

/// `20150830T123600Z`
fn parse_date(text: &str) -> Option<Timestamp> {
    let digits = |range: std::ops::Range<usize>| {
        text.get(range).filter(|part| part.bytes().all(|b| b.is_ascii_digit()))
    };
    if text.len() != 16 || text.as_bytes()[8] != b'T' || text.as_bytes()[15] != b'Z' {
        return None;
    }
    let (year, month, day) = (digits(0..4)?, digits(4..6)?, digits(6..8)?);
    let (hour, minute, second) = (digits(9..11)?, digits(11..13)?, digits(13..15)?);
    Timestamp::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"))
}

fn basic(at: Timestamp) -> String {
    let second = Timestamp::from_millis(at.as_millis().div_euclid(1_000).saturating_mul(1_000));
    second.to_string().replace(['-', ':'], "")
}

/// The signature that the request should have, in hex.
fn signature(
    request: &Parts,
    body: &[u8],
    authorization: &Authorization<'_>,
    scope: &Scope<'_>,
    date: &str,
    key: &AccessKey,
) -> Result<String, Refusal> {
    let payload = hex::encode(Sha256::digest(body));
    if let Some(claimed) = header(request, "x-amz-content-sha256")
        && claimed != payload
    {
        // `UNSIGNED-PAYLOAD` and the streaming kinds end here too.
        return Err(invalid("The provided 'x-amz-content-sha256' header does not match what was computed."));
    }
    let canonical = canonical_request(request, authorization.signed_headers, &payload);
    let Scope { date: day, region, service, terminator, .. } = scope;
    let hash = hex::encode(Sha256::digest(canonical));
    let to_sign = format!("{ALGORITHM}\n{date}\n{day}/{region}/{service}/{terminator}\n{hash}");
    let secret = format!("AWS4{}", key.secret.expose()).into_bytes();
    let signing_key =
        [*day, region, service, terminator].iter().fold(secret, |key, part| hmac(&key, part.as_bytes()));
    Ok(hex::encode(hmac(&signing_key, to_sign.as_bytes())))
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    // Any key length does; the error type is only there for MACs that are pickier.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn canonical_request(request: &Parts, signed_headers: &str, payload: &str) -> String {
    let mut out = format!("{}\n{}\n{}\n", request.method, request.uri.path(), canonical_query(request));
    for name in signed_headers.split(';') {
        out.push_str(name);
        out.push(':');
        out.push_str(&canonical_header(request, name));
        out.push('\n');
    }
    out.push('\n');
    out.push_str(signed_headers);
    out.push('\n');
    out.push_str(payload);
    out
}

/// Parameters in order of name and value; a request that came this far has them encoded already.
fn canonical_query(request: &Parts) -> String {
    let mut pairs: Vec<Cow<'_, str>> = request
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| if pair.contains('=') { pair.into() } else { format!("{pair}=").into() })
        .collect();
    pairs.sort_unstable();
    pairs.join("&")
}

/// A header's values, joined by commas, runs of white space made one space.
fn canonical_header(request: &Parts, name: &str) -> String {
    let values: Vec<_> = request
        .headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(|value| value.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    if values.is_empty() && name == "host" {
        // HTTP/2 has the host in the request line.
        return request.uri.authority().map(ToString::to_string).unwrap_or_default();
    }
    values.join(",")
}

#[cfg(test)]
#[path = "sigv4_tests.rs"]
mod tests;
