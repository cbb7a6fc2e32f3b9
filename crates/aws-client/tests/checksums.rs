//! Checksums of bodies, by the check values that the algorithms' authors publish.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use newel_aws_catalog::Catalog;
use newel_aws_client::CallError;
use newel_aws_client::codec::{self, Request};
use newel_value::Value;

const MODEL: &str = r#"{
    "metadata": {"serviceId": "Case", "serviceFullName": "Case", "endpointPrefix": "case", "signatureVersion": "v4",
                 "apiVersion": "2026-01-01", "protocol": "rest-json"},
    "operations": {
        "Put": {"name": "Put", "http": {"method": "PUT", "requestUri": "/"}, "input": {"shape": "Object"},
                "httpChecksum": {"requestAlgorithmMember": "Algorithm"}},
        "Must": {"name": "Must", "http": {"method": "PUT", "requestUri": "/"}, "input": {"shape": "Object"},
                 "httpChecksum": {"requestAlgorithmMember": "Algorithm", "requestChecksumRequired": true}},
        "Few": {"name": "Few", "http": {"method": "PUT", "requestUri": "/"}, "input": {"shape": "Little"},
                "httpChecksum": {"requestAlgorithmMember": "Algorithm"}}
    },
    "shapes": {
        "Blob": {"type": "blob"},
        "Any": {"type": "string"},
        "Some": {"type": "string", "enum": ["CRC32", "SHA1", "LATER"]},
        "Object": {"type": "structure", "payload": "Data", "members": {
            "Algorithm": {"shape": "Any", "location": "header", "locationName": "x-amz-sdk-checksum-algorithm"},
            "Data": {"shape": "Blob"}}},
        "Little": {"type": "structure", "payload": "Data", "members": {
            "Algorithm": {"shape": "Some", "location": "header", "locationName": "x-amz-sdk-checksum-algorithm"},
            "Data": {"shape": "Blob"}}}
    }
}"#;

fn written(operation: &str, algorithm: Option<&str>, data: &[u8]) -> Result<Request, CallError> {
    let catalog = Catalog::from_models([("case", &Value::parse(MODEL).unwrap())]).unwrap();
    let service = catalog.botocore("case").unwrap().unwrap();
    let operation = service.operation(operation).unwrap();
    let mut members = vec![("Data", Value::from(BASE64.encode(data)))];
    members.extend(algorithm.map(|name| ("Algorithm", name.into())));
    let body = Value::Object(members.into_iter().collect());
    codec::finished(service, operation, &body, codec::write(service, operation, &body)?)
}

/// The sum in a request's header, in hexadecimal.
fn sum(request: &Request, algorithm: &str) -> Option<String> {
    let name = format!("x-amz-checksum-{}", algorithm.to_ascii_lowercase());
    let (_, value) = request.headers.iter().find(|(known, _)| *known == name)?;
    Some(BASE64.decode(value).unwrap().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[test]
fn sums_are_those_that_are_published() {
    for (name, of_nothing, of_digits) in [
        ("CRC32", "00000000", "cbf43926"),
        ("CRC32C", "00000000", "e3069283"),
        ("CRC64NVME", "0000000000000000", "ae8b14860a799888"),
        ("SHA1", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
        (
            "SHA256",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
        ),
        (
            "SHA512",
            "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
            "d9e6762dd1c8eaf6d61b3c6192fc408d4d6d5f1176d0c29169bc24e71c3f274ad27fcd5811b313d681f7e55ec02d73d499c95455b6b5bb503acf574fba8ffe85",
        ),
        ("MD5", "d41d8cd98f00b204e9800998ecf8427e", "25f9e794323b453885f5181f1b624d0b"),
        ("XXHASH64", "ef46db3751d8e999", "8cb841db40e6ae83"),
        // Of the digits nothing is published for these two.
        ("XXHASH3", "2d06800538d394c2", ""),
        ("XXHASH128", "99aa06d3014798d86001c324468d497f", ""),
    ] {
        let of = |data: &[u8]| sum(&written("Put", Some(name), data).unwrap(), name);
        assert_eq!(of(b"").as_deref(), Some(of_nothing), "{name}");
        assert!(of_digits.is_empty() || of(b"123456789").as_deref() == Some(of_digits), "{name}");
    }
}

#[test]
fn who_names_none_gets_the_default_wherever_a_checksum_is_taken() {
    for operation in ["Put", "Must"] {
        assert_eq!(sum(&written(operation, None, b"a").unwrap(), "CRC32").as_deref(), Some("e8b7be43"));
    }
}

#[test]
fn what_an_operation_does_not_take_is_named_with_what_it_takes() {
    assert!(written("Few", Some("SHA1"), b"").is_ok());
    for name in ["SHA256", "sha1", "LATER", ""] {
        let Err(CallError::NotSent(cause)) = written("Few", Some(name), b"") else { panic!("{name}") };
        assert_eq!(cause, format!("Algorithm {name:?} is no checksum of Few: it takes CRC32, SHA1"));
    }
}
