//! Calls over a transport that answers from memory: what becomes of odd answers, and what goes out.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod memory;
mod models;

use std::fmt::Write as _;

use newel_aws_client::{CallError, MAX_ANSWER};
use newel_value::Value;

use memory::call;
use models::catalog;

const COPY: &str = r#"{"Bucket": "b", "Key": "k", "CopySource": "b/j"}"#;
const OBJECT: &str = r#"{"Bucket": "b", "Key": "k"}"#;

#[tokio::test]
async fn an_error_under_a_status_of_success_is_an_error() {
    let Some(catalog) = catalog() else { return };
    let error = |code: &str| {
        format!("<?xml version=\"1.0\"?>\n\n<Error><Code>{code}</Code><Message>m</Message></Error>")
    };
    let copy = async |code: &str| call(&catalog, ("s3", "CopyObject"), COPY, (200, error(code))).await.answer;
    let refused = copy("AccessDenied").await;
    assert!(
        matches!(&refused, Err(CallError::Refused { error, throttled: false }) if error.code() == "AccessDenied")
    );
    let throttled = copy("SlowDown").await;
    assert!(matches!(throttled, Err(CallError::Refused { throttled: true, .. })), "{throttled:?}");
    // Nobody knows how far it came.
    let internal = copy("InternalError").await;
    assert!(matches!(internal, Err(CallError::Unknown { answer: Some(_), .. })), "{internal:?}");
}

#[tokio::test]
async fn ordinary_xml_is_no_error() {
    let Some(catalog) = catalog() else { return };
    let error = "<Error><Code>InternalError</Code></Error>";
    let object = call(&catalog, ("s3", "GetObject"), OBJECT, (200, error)).await.answer.unwrap();
    assert_eq!(
        object.body.get("Body").and_then(Value::as_str),
        Some("PEVycm9yPjxDb2RlPkludGVybmFsRXJyb3I8L0NvZGU+PC9FcnJvcj4=")
    );
    // DeleteObjects tells of the keys it couldn't delete in elements of that name.
    let deleted = r"<DeleteResult><Error><Key>k</Key><Code>AccessDenied</Code></Error></DeleteResult>";
    let request = r#"{"Bucket": "b", "Delete": {"Object": [{"Key": "k"}]}}"#;
    let deleted = call(&catalog, ("s3", "DeleteObjects"), request, (200, deleted)).await.answer.unwrap();
    assert!(deleted.body.to_json().contains("AccessDenied"), "{}", deleted.body);
}

#[tokio::test]
async fn a_head_request_s_code_is_of_its_status() {
    let Some(catalog) = catalog() else { return };
    for (operation, request, status, code) in [
        ("HeadObject", OBJECT, 404, "NoSuchKey"),
        ("HeadBucket", r#"{"Bucket": "b"}"#, 404, "NoSuchBucket"),
        ("HeadObject", OBJECT, 403, "403"),
    ] {
        let outcome = call(&catalog, ("s3", operation), request, (status, "")).await;
        let Err(CallError::Refused { error, .. }) = &outcome.answer else { panic!("{:?}", outcome.answer) };
        assert_eq!((error.code(), error.status, error.request_id.as_deref()), (code, status, Some("R1")));
    }
}

#[tokio::test]
async fn answers_are_bounded() {
    let Some(catalog) = catalog() else { return };
    let get = ("s3", "GetObject");
    let most = call(&catalog, get, OBJECT, (200, vec![b'a'; MAX_ANSWER])).await.answer;
    assert!(most.is_ok());
    let more = call(&catalog, get, OBJECT, (200, vec![b'a'; MAX_ANSWER + 1])).await.answer;
    assert_eq!(more, Err(CallError::TooLarge { limit: MAX_ANSWER }));
    let error = call(&catalog, get, OBJECT, (400, vec![b'a'; (1 << 20) + 1])).await.answer;
    assert!(
        matches!(&error, Err(CallError::Unknown { answer: None, cause }) if cause.contains("limit")),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_request_is_signed_for_where_it_goes() {
    let Some(catalog) = catalog() else { return };
    let outcome = call(&catalog, ("iam", "ListRoles"), "{}", (200, "<ListRolesResponse/>")).await;
    assert!(outcome.answer.is_ok(), "{:?}", outcome.answer);
    assert_eq!(outcome.uri(), "https://iam.amazonaws.com/");
    let authorization = outcome.header("authorization").unwrap();
    assert!(authorization.contains("/us-east-1/iam/aws4_request"), "{authorization}");

    let account = r#"{"AccountId": "012345678901"}"#;
    let outcome = call(&catalog, ("s3control", "ListJobs"), account, (200, "<ListJobsResult/>")).await;
    assert!(
        outcome.uri().starts_with("https://012345678901.s3-control.eu-central-1.amazonaws.com/"),
        "{}",
        outcome.uri()
    );
    assert!(outcome.header("authorization").unwrap().contains("/eu-central-1/s3/aws4_request"));
    assert!(outcome.header("x-amz-content-sha256").is_some());
}

#[tokio::test]
async fn what_goes_to_many_regions_is_signed_for_them_all() {
    let Some(catalog) = catalog() else { return };
    let point = "arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap";
    let object = format!(r#"{{"Bucket": "{point}", "Key": "a b"}}"#);
    let events = r#"{"EndpointId": "abcde.veo", "Entries": []}"#;
    let store = r#"{"KvsARN": "arn:aws:cloudfront::123456789012:key-value-store/s", "Key": "k"}"#;
    for (of, request, host, scope) in [
        (
            ("s3", "GetObject"),
            &*object,
            "mfzwi23gnjvgw.mrap.accesspoint.s3-global.amazonaws.com",
            "/s3/aws4_request",
        ),
        (("events", "PutEvents"), events, "abcde.veo.endpoint.events.amazonaws.com", "/events/aws4_request"),
        (
            ("cloudfront-keyvaluestore", "GetKey"),
            store,
            "123456789012.cloudfront-kvs.global.api.aws",
            "/cloudfront-keyvaluestore/aws4_request",
        ),
    ] {
        let outcome = call(&catalog, of, request, (200, "{}")).await;
        assert_eq!(outcome.sent(), 1, "{of:?}: {:?}", outcome.answer);
        assert!(outcome.uri().starts_with(&format!("https://{host}/")), "{}", outcome.uri());
        let authorization = outcome.header("authorization").unwrap();
        assert!(authorization.starts_with("AWS4-ECDSA-P256-SHA256 Credential="), "{of:?}: {authorization}");
        assert!(authorization.contains(scope), "{authorization}");
        assert_eq!(outcome.header("x-amz-region-set").as_deref(), Some("*"), "{of:?}");
    }
}

#[tokio::test]
async fn a_body_has_the_checksum_that_the_caller_names() {
    let Some(catalog) = catalog() else { return };
    let put = async |more: &str| {
        let request = format!(r#"{{"Bucket": "b", "Key": "k", "Body": "MTIzNDU2Nzg5"{more}}}"#);
        call(&catalog, ("s3", "PutObject"), &request, (200, "")).await
    };
    for (named, header, sum) in [
        ("CRC32", "x-amz-checksum-crc32", "y/Q5Jg=="),
        ("CRC32C", "x-amz-checksum-crc32c", "4waSgw=="),
        ("CRC64NVME", "x-amz-checksum-crc64nvme", "rosUhgp5mIg="),
        ("XXHASH64", "x-amz-checksum-xxhash64", "jLhB20DmroM="),
    ] {
        let outcome = put(&format!(r#", "ChecksumAlgorithm": "{named}""#)).await;
        assert_eq!(outcome.header(header).as_deref(), Some(sum), "{named}: {:?}", outcome.answer);
        assert_eq!(outcome.header("x-amz-sdk-checksum-algorithm").as_deref(), Some(named));
    }
    let own = put(r#", "ChecksumAlgorithm": "CRC32C", "ChecksumCRC32C": "AAAAAA==""#).await;
    assert_eq!(own.header("x-amz-checksum-crc32c").as_deref(), Some("AAAAAA=="));
    let unknown = put(r#", "ChecksumAlgorithm": "CRC16""#).await;
    let Err(CallError::NotSent(cause)) = &unknown.answer else { panic!("{:?}", unknown.answer) };
    assert!(
        cause.starts_with("ChecksumAlgorithm \"CRC16\" is no checksum of PutObject: it takes CRC32, CRC32C")
    );
    assert_eq!(unknown.sent(), 0);
}

#[tokio::test]
async fn what_cannot_be_sent_is_not() {
    let Some(catalog) = catalog() else { return };
    for (of, request) in [
        (("s3", "GetObject"), r#"{"Bucket": "b", "Key": ""}"#),
        (("s3control", "ListJobs"), r#"{"AccountId": "evil.example/"}"#),
    ] {
        let outcome = call(&catalog, of, request, (200, "")).await;
        assert!(matches!(outcome.answer, Err(CallError::NotSent(_))), "{of:?}: {:?}", outcome.answer);
        assert_eq!(outcome.sent(), 0);
    }
}

#[tokio::test]
async fn hostile_answers_are_bounded_and_harmless() {
    let Some(catalog) = catalog() else { return };
    let list = ("s3", "ListObjectsV2");
    let bucket = r#"{"Bucket": "b"}"#;
    let mut bomb = String::from("<!DOCTYPE r [<!ENTITY a \"aaaaaaaaaa\">");
    for (this, last) in ('b'..='k').zip('a'..) {
        write!(bomb, "<!ENTITY {this} \"{}\">", format!("&{last};").repeat(10)).unwrap();
    }
    bomb.push_str("]><ListBucketResult><Name>&k;</Name></ListBucketResult>");
    let outside = "<!DOCTYPE r [<!ENTITY f SYSTEM \"file:///etc/passwd\">]><ListBucketResult><Name>&f;</Name></ListBucketResult>";
    let deep = format!("{}{}", "<Contents>".repeat(200_000), "</Contents>".repeat(200_000));
    for (what, body) in [
        ("an entity bomb", bomb.as_str()),
        ("a file's entity", outside),
        ("half a document", "<ListBucketResult><Name>"),
        ("no XML", "{}"),
        ("an unknown entity", "<ListBucketResult><Name>&nope;</Name></ListBucketResult>"),
    ] {
        let answer = call(&catalog, list, bucket, (200, body)).await.answer;
        assert!(matches!(answer, Err(CallError::Unknown { answer: None, .. })), "{what}: {answer:?}");
        let refused = call(&catalog, list, bucket, (400, body)).await.answer;
        assert!(
            matches!(&refused, Err(CallError::Refused { error, .. }) if error.code() == "400"),
            "{what}: {refused:?}"
        );
    }
    // Whether that is read or not: it neither panics nor overflows the stack.
    for status in [200, 400] {
        let outcome = call(&catalog, list, bucket, (status, deep.as_str())).await;
        assert_eq!(outcome.sent(), 1);
    }
    let json = "[".repeat(1 << 20);
    let answer = call(&catalog, ("dynamodb", "GetItem"), "{}", (200, json)).await.answer;
    assert!(matches!(answer, Err(CallError::Unknown { answer: None, .. })), "{answer:?}");
}
