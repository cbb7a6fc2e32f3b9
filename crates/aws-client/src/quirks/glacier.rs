//! S3 Glacier's vaults: the version of the API goes in a header, the account is the caller's own unless another is named,
//! and archives go with a hash of their mebibytes.
//! <https://docs.aws.amazon.com/amazonglacier/latest/dev/checksum-calculations.html>

use newel_aws_catalog::{Operation, Service};
use newel_value::{Object, Str};
use sha2::{Digest as _, Sha256};

use super::given;
use crate::codec::Request;

/// The member that names an account, and what it is for the caller's own.
const ACCOUNT: &str = "accountId";
const OWN: &str = "-";

const TREE_HASH: &str = "x-amz-sha256-tree-hash";
/// How much of an archive a leaf of the tree covers.
const LEAF: usize = 1 << 20;

pub(super) fn with_account(service: &Service, operation: &Operation, body: &Object) -> Option<Object> {
    let members = operation.input.map_or(&[][..], |input| service.members(input));
    let account = members.iter().find(|member| *member.name == *ACCOUNT)?;
    if given(body, account.wire_name()).is_some() {
        return None;
    }
    let mut body = body.to_builder();
    body.insert(Str::clone(account.wire_name()), OWN);
    Some(body.build())
}

/// The Java SDK leaves the hash to its caller, who can't have it here: what is sent is made of the state's data.
pub(super) fn add_headers(service: &Service, operation: &str, request: &mut Request) {
    request.header("x-amz-glacier-version", &*service.metadata().api_version);
    if matches!(operation, "UploadArchive" | "UploadMultipartPart")
        && request.header_value(TREE_HASH).is_none()
    {
        let hash = tree_hash(&request.body);
        request.header(TREE_HASH, hash);
    }
}

/// The hash at the root of a tree over a body's mebibytes, in hexadecimal.
fn tree_hash(body: &[u8]) -> String {
    let mut level: Vec<[u8; 32]> = body.chunks(LEAF).map(|leaf| Sha256::digest(leaf).into()).collect();
    while level.len() > 1 {
        let parent = |pair: &[[u8; 32]]| match pair {
            [left, right] => Sha256::digest([*left, *right].concat()).into(),
            // The odd one out goes up as it is.
            _ => pair.first().copied().unwrap_or_default(),
        };
        level = level.chunks(2).map(parent).collect();
    }
    let root = level.first().copied().unwrap_or_else(|| Sha256::digest(b"").into());
    root.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(parts: &[&[u8]]) -> [u8; 32] {
        Sha256::digest(parts.concat()).into()
    }

    fn hex(hash: [u8; 32]) -> String {
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_tree_has_a_leaf_for_every_mebibyte() {
        assert_eq!(tree_hash(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(tree_hash(b"small"), hex(hash(&[b"small"])));
        let body: Vec<u8> = (0..2 * LEAF + 5).map(|i| (i % 251) as u8).collect();
        let [a, b, c] = [&body[..LEAF], &body[LEAF..2 * LEAF], &body[2 * LEAF..]].map(|leaf| hash(&[leaf]));
        assert_eq!(tree_hash(&body[..LEAF]), hex(a));
        assert_eq!(tree_hash(&body[..2 * LEAF]), hex(hash(&[&a, &b])));
        assert_eq!(tree_hash(&body), hex(hash(&[&hash(&[&a, &b]), &c])));
    }
}
