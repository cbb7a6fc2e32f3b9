//! The vectors below were made with botocore 1.44 (`SigV4Auth` with the date fixed), not with the code under test.

use super::*;

const BODY: &str = r#"{"maxResults": 5}"#;
const PLAIN_SIGNATURE: &str = "3039c25c939a0d74bf05f941d49c7631587b300527d1fefac43af8ead9eaf2c6";
const TEMPORARY_SIGNATURE: &str = "2d774ce1ec454ae75405aa2e79ad46ccd362c07ded681fd3d720dacb7ce12989";
const SIGNED: &str = "content-type;host;x-amz-date;x-amz-target";

fn keys() -> AccessKeys {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.toml");
    let text = "[[access_keys]]\naccess_key_id='AKIDEXAMPLE'\n\
                secret_access_key='wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'\naccount='111122223333'\n\
                [[access_keys]]\naccess_key_id='ASIATEMPORARY'\nsecret_access_key='another'\n\
                account='444455556666'\nregions=['eu-west-1']\nsession_token='the-token'\n\
                expires_at='2024-05-06T07:09:00Z'\n";
    std::fs::write(&path, text).unwrap();
    AccessKeys::load(&path).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::parse("2024-05-06T07:08:09Z").unwrap().plus_millis(seconds * 1_000)
}

fn authorization(key: &str, region: &str, signed: &str, signature: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={key}/20240506/{region}/states/aws4_request, SignedHeaders={signed}, \
         Signature={signature}"
    )
}

fn request(headers: &[(&str, &str)]) -> Parts {
    let mut builder = http::Request::post("/");
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(()).unwrap().into_parts().0
}

fn plain(authorization: &str) -> Parts {
    request(&[
        ("host", "127.0.0.1:8083"),
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-date", "20240506T070809Z"),
        ("x-amz-target", "AWSStepFunctions.ListStateMachines"),
        ("authorization", authorization),
    ])
}

fn good() -> String {
    authorization("AKIDEXAMPLE", "us-east-1", SIGNED, PLAIN_SIGNATURE)
}

#[track_caller]
fn refused(request: &Parts, body: &str, now: Timestamp, name: &str, message: &str) {
    let refusal = verify(request, body.as_bytes(), &keys(), now).unwrap_err();
    assert_eq!(refusal.name, name, "{}", refusal.message);
    assert!(refusal.message.contains(message), "{}", refusal.message);
}

#[test]
fn what_botocore_signs_is_accepted() {
    let tenant = verify(&plain(&good()), BODY.as_bytes(), &keys(), at(0)).unwrap();
    assert_eq!((&*tenant.account, &*tenant.region), ("111122223333", "us-east-1"));
}

fn temporary(token: &str) -> Parts {
    let signed = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target";
    request(&[
        ("host", "127.0.0.1:8083"),
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-date", "20240506T070809Z"),
        ("x-amz-target", "AWSStepFunctions.ListStateMachines"),
        ("x-amz-security-token", token),
        ("authorization", &authorization("ASIATEMPORARY", "eu-west-1", signed, TEMPORARY_SIGNATURE)),
    ])
}

#[test]
fn temporary_credentials_need_their_token_and_end() {
    let tenant = verify(&temporary("the-token"), BODY.as_bytes(), &keys(), at(0)).unwrap();
    assert_eq!((&*tenant.account, &*tenant.region), ("444455556666", "eu-west-1"));
    refused(&temporary("no-token"), BODY, at(0), "UnrecognizedClientException", "is invalid");
    refused(&temporary("the-token"), BODY, at(60), "ExpiredTokenException", "is expired");
}

#[test]
fn a_change_anywhere_breaks_the_signature() {
    let name = "InvalidSignatureException";
    refused(
        &plain(&good()),
        r#"{"maxResults": 6}"#,
        at(0),
        name,
        "does not match the signature you provided",
    );
    for (header, value) in [
        ("host", "127.0.0.1:8084"),
        ("x-amz-target", "AWSStepFunctions.DeleteStateMachine"),
        ("content-type", "text/plain"),
        ("x-amz-date", "20240506T070810Z"),
    ] {
        let mut changed = plain(&good());
        changed.headers.insert(header, value.parse().unwrap());
        refused(&changed, BODY, at(0), name, "does not match the signature you provided");
    }
    let mut query = plain(&good());
    query.uri = "/?a=b".parse().unwrap();
    refused(&query, BODY, at(0), name, "does not match the signature you provided");
    let region = good().replace("us-east-1", "us-east-2");
    refused(&plain(&region), BODY, at(0), name, "does not match the signature you provided");
    let upper = good().to_uppercase().replace("AWS4-HMAC-SHA256 CREDENTIAL", "AWS4-HMAC-SHA256 Credential");
    assert!(verify(&plain(&upper), BODY.as_bytes(), &keys(), at(0)).is_err());
}

#[test]
fn the_clock_may_be_five_minutes_off() {
    for seconds in [-300, 300] {
        assert!(verify(&plain(&good()), BODY.as_bytes(), &keys(), at(seconds)).is_ok());
    }
    let name = "InvalidSignatureException";
    let expired = "Signature expired: 20240506T070809Z is now earlier than 20240506T070810Z (20240506T071310Z - 5 min.)";
    refused(&plain(&good()), BODY, at(301), name, expired);
    let early = "Signature not yet current: 20240506T070809Z is still later than 20240506T070808Z";
    refused(&plain(&good()), BODY, at(-301), name, early);
}

#[test]
fn what_is_missing_is_named() {
    let mut none = plain(&good());
    none.headers.remove("authorization");
    refused(&none, BODY, at(0), "MissingAuthenticationTokenException", "Missing Authentication Token");

    let incomplete = "IncompleteSignatureException";
    refused(&plain("Bearer abc"), BODY, at(0), incomplete, "AWS4-HMAC-SHA256");
    refused(
        &plain("AWS4-HMAC-SHA256 Credential=a"),
        BODY,
        at(0),
        incomplete,
        "requires 'Signature' parameter.",
    );
    let short = "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0";
    refused(&plain(short), BODY, at(0), incomplete, "5 slash-delimited elements");
    let mut dateless = plain(&good());
    dateless.headers.remove("x-amz-date");
    refused(&dateless, BODY, at(0), incomplete, "X-Amz-Date");
}

#[test]
fn scope_and_headers_are_checked() {
    let name = "InvalidSignatureException";
    refused(&plain(&good().replace("states/", "s3/")), BODY, at(0), name, "correct service: 'states'");
    refused(&plain(&good().replace("aws4_request", "aws3")), BODY, at(0), name, "valid terminator");
    refused(
        &plain(&good().replace("/20240506/", "/20240507/")),
        BODY,
        at(0),
        name,
        "does not match YYYYMMDD",
    );
    refused(&plain(&good().replace("us-east-1", "US!")), BODY, at(0), name, "valid region");
    refused(&plain(&good().replace(";host;", ";")), BODY, at(0), name, "'Host'");
    refused(&plain(&good().replace(";x-amz-target", "")), BODY, at(0), name, "'x-amz-target' must be");
    let unknown = good().replace("AKIDEXAMPLE", "AKIDNOBODY");
    refused(&plain(&unknown), BODY, at(0), "UnrecognizedClientException", "security token");
    let elsewhere = authorization("ASIATEMPORARY", "us-east-1", SIGNED, "00");
    let mut region = plain(&elsewhere);
    region.headers.insert("x-amz-security-token", "the-token".parse().unwrap());
    refused(&region, BODY, at(0), name, "valid region");
}

#[test]
fn an_unsigned_payload_is_refused() {
    let signed = "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-target";
    let mut request = plain(&authorization("AKIDEXAMPLE", "us-east-1", signed, "00"));
    for value in ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "00"] {
        request.headers.insert("x-amz-content-sha256", value.parse().unwrap());
        refused(&request, BODY, at(0), "InvalidSignatureException", "x-amz-content-sha256");
    }
}

#[test]
fn a_claim_is_read_from_any_scope() {
    let request =
        plain("AWS4-HMAC-SHA256 Credential=123456789012/20240506/eu-west-1/x/y, SignedHeaders=, Signature=");
    assert_eq!(claim(&request), Some(("123456789012", "eu-west-1")));
    assert_eq!(claim(&plain("AWS4-HMAC-SHA256 Credential=a")), None);
    assert_eq!(claim(&plain("")), None);
}

proptest::proptest! {
    #[test]
    fn no_header_panics(authorization in "[ -~]{0,200}", date in "[ -~]{0,20}", shape in 0_usize..3) {
        let shaped = [
            authorization.clone(),
            format!("AWS4-HMAC-SHA256 {authorization}"),
            format!("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{authorization}, SignedHeaders=host, Signature={date}"),
        ];
        let mut request = plain(&shaped[shape]);
        if let Ok(date) = date.parse() {
            request.headers.insert("x-amz-date", date);
        }
        let verified = verify(&request, BODY.as_bytes(), &keys(), at(0));
        proptest::prop_assert!(verified.is_err());
        let _ = claim(&request);
    }
}
