//! Page tokens: opaque to the client, good only where they were given out, for 24 hours, across restarts.
//!
//! A token is base64url of `version (1) | issued, ms since the epoch (8) | mac (16) | cursor`. The MAC covers the first
//! two, the cursor, and everything that names the list: operation, account, region, filter. So a token of another
//! account, another execution or another filter is no token here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use newel_asl::Timestamp;
use newel_engine::request::Tenant;
use sha2::Sha256;

use crate::refusal::Refusal;

const VERSION: u8 = 1;
/// How long a token is good, in milliseconds, as AWS says of its own.
const LIFETIME: i64 = 24 * 60 * 60 * 1_000;
/// How far ahead of this clock another replica's may be, in milliseconds.
const SKEW: i64 = 5 * 60 * 1_000;
const HEADER: usize = 9;
const MAC: usize = 16;

/// The list that a token belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List<'a> {
    /// The operation's name.
    pub(crate) operation: &'static str,
    /// Whose.
    pub(crate) tenant: &'a Tenant,
    /// What else chooses the items, such as the execution and the order.
    pub(crate) filter: &'a [&'a str],
}

/// Makes and checks tokens.
#[derive(Clone)]
pub(crate) struct PageTokens(Hmac<Sha256>);

impl PageTokens {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        // A key shorter than the hash's block is padded with zeros: that is HMAC's own rule.
        let mut block = [0; 64];
        block[..key.len()].copy_from_slice(key);
        Self(Hmac::new(&block.into()))
    }

    /// The token for a cursor of the engine's.
    pub(crate) fn seal(&self, list: List<'_>, cursor: &str, now: Timestamp) -> String {
        let mut token = Vec::with_capacity(HEADER + MAC + cursor.len());
        token.push(VERSION);
        token.extend_from_slice(&now.as_millis().to_be_bytes());
        let mac = self.mac(list, &token, cursor.as_bytes()).finalize().into_bytes();
        token.extend_from_slice(&mac[..MAC]);
        token.extend_from_slice(cursor.as_bytes());
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The cursor in a token.
    pub(crate) fn open(&self, list: List<'_>, token: &str, now: Timestamp) -> Result<String, Refusal> {
        self.checked(list, token, now).ok_or_else(Refusal::invalid_token)
    }

    fn checked(&self, list: List<'_>, token: &str, now: Timestamp) -> Option<String> {
        let token = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (header, rest) = token.split_at_checked(HEADER)?;
        let (mac, cursor) = rest.split_at_checked(MAC)?;
        self.mac(list, header, cursor).verify_truncated_left(mac).ok()?;
        let issued = i64::from_be_bytes(header[1..].try_into().ok()?);
        let age = now.as_millis().saturating_sub(issued);
        (header[0] == VERSION && (-SKEW..LIFETIME).contains(&age)).then_some(())?;
        String::from_utf8(cursor.to_vec()).ok()
    }

    fn mac(&self, list: List<'_>, header: &[u8], cursor: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        let fixed = [list.operation, &list.tenant.account, &list.tenant.region];
        // Each part is preceded by its length, so that no two lists have the same text.
        for part in fixed.iter().chain(list.filter).map(|p| p.as_bytes()).chain([header, cursor]) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

impl std::fmt::Debug for PageTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PageTokens")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn tenant(account: &str) -> Tenant {
        Tenant { account: account.into(), region: "us-east-1".into() }
    }

    fn open(
        key: u8,
        account: &str,
        operation: &'static str,
        filter: &[&str],
        token: &str,
        at: Timestamp,
    ) -> bool {
        let tenant = tenant(account);
        let list = List { operation, tenant: &tenant, filter };
        PageTokens::new(&[key; 32]).open(list, token, at).is_ok_and(|cursor| cursor == "cursor é")
    }

    fn token() -> String {
        let tenant = tenant("1");
        let list = List { operation: "List", tenant: &tenant, filter: &["a", "b"] };
        PageTokens::new(&[7; 32]).seal(list, "cursor é", NOW)
    }

    #[test]
    fn a_token_is_good_for_its_list_only() {
        let t = token();
        assert!(open(7, "1", "List", &["a", "b"], &t, NOW));
        assert!(!open(8, "1", "List", &["a", "b"], &t, NOW), "another key");
        assert!(!open(7, "2", "List", &["a", "b"], &t, NOW), "another account");
        assert!(!open(7, "1", "Other", &["a", "b"], &t, NOW), "another operation");
        assert!(!open(7, "1", "List", &["ab", ""], &t, NOW), "another filter");
    }

    #[test]
    fn a_token_lives_for_a_day() {
        let t = token();
        assert!(open(7, "1", "List", &["a", "b"], &t, NOW.plus_millis(LIFETIME - 1)));
        assert!(!open(7, "1", "List", &["a", "b"], &t, NOW.plus_millis(LIFETIME)));
        assert!(!open(7, "1", "List", &["a", "b"], &t, NOW.plus_millis(-SKEW - 1)), "from the future");
    }

    #[test]
    fn a_changed_token_is_no_token() {
        let bytes = URL_SAFE_NO_PAD.decode(token()).unwrap();
        for i in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[i] ^= 1;
            assert!(!open(7, "1", "List", &["a", "b"], &URL_SAFE_NO_PAD.encode(changed), NOW), "byte {i}");
            assert!(
                !open(7, "1", "List", &["a", "b"], &URL_SAFE_NO_PAD.encode(&bytes[..i]), NOW),
                "cut at {i}"
            );
        }
        assert!(!open(7, "1", "List", &["a", "b"], "not base64!", NOW));
    }
}
