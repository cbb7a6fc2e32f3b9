//! Task tokens: what `$$.Task.Token` is and SendTask… takes.
//!
//! A token is version, account, execution, entry, attempt and a 128-bit secret of the attempt, under an HMAC-SHA-256 whose
//! key lives in the store. The MAC keeps strangers from making the engine look anything up; the secret, kept with
//! the attempt, is what finally decides. Tokens are never logged.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use newel_machine::{TaskKey, TokenIssuer};
use newel_store::{Id, Store};
use newel_value::Str;
use sha2::Sha256;

use crate::Error;
use crate::env::Env;

const VERSION: u8 = 1;
const SETTING: &str = "task-token-key";
const BODY: usize = 1 + 12 + 16 + 8 + 4 + 16;
const TAG: usize = 32;

/// The key under which tokens are made and checked.
#[derive(Clone)]
pub(crate) struct TokenKey(Arc<[u8; 32]>);

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey(…)")
    }
}

/// What a valid token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) account: [u8; 12],
    pub(crate) execution: Id,
    pub(crate) entry: u64,
    pub(crate) attempt: u32,
    pub(crate) secret: [u8; 16],
}

/// 32 bytes from the store, made there when it is new; other keys are derived from the same place.
pub(crate) async fn stored_key(store: &dyn Store, env: &dyn Env, name: &str) -> Result<[u8; 32], Error> {
    let fresh: Vec<u8> = (0..4).flat_map(|_| env.random().to_le_bytes()).collect();
    let kept = store.keep_setting(name, fresh.into()).await?;
    <[u8; 32]>::try_from(&*kept).map_err(|_| {
        Error::new(crate::ErrorKind::Internal, format!("the stored key '{name}' has the wrong length"))
    })
}

impl TokenKey {
    pub(crate) async fn load(store: &dyn Store, env: &dyn Env) -> Result<Self, Error> {
        Ok(Self(Arc::new(stored_key(store, env, SETTING).await?)))
    }

    fn mac(&self, body: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = <Hmac<Sha256>>::new_from_slice(&*self.0).ok()?;
        mac.update(body);
        Some(mac)
    }

    fn make(&self, token: &Token) -> Str {
        let mut bytes = Vec::with_capacity(BODY + TAG);
        bytes.push(VERSION);
        bytes.extend_from_slice(&token.account);
        bytes.extend_from_slice(&token.execution.0);
        bytes.extend_from_slice(&token.entry.to_be_bytes());
        bytes.extend_from_slice(&token.attempt.to_be_bytes());
        bytes.extend_from_slice(&token.secret);
        if let Some(mac) = self.mac(&bytes) {
            bytes.extend_from_slice(&mac.finalize().into_bytes());
        }
        BASE64.encode(bytes).into()
    }

    /// What a token says, if it was made under this key.
    pub(crate) fn read(&self, text: &str) -> Option<Token> {
        let bytes =
            BASE64.decode(text).ok().filter(|bytes| bytes.len() == BODY + TAG && bytes[0] == VERSION)?;
        let (body, tag) = bytes.split_at(BODY);
        self.mac(body)?.verify_slice(tag).ok()?;
        Some(Token {
            account: body[1..13].try_into().ok()?,
            execution: Id(body[13..29].try_into().ok()?),
            entry: u64::from_be_bytes(body[29..37].try_into().ok()?),
            attempt: u32::from_be_bytes(body[37..41].try_into().ok()?),
            secret: body[41..57].try_into().ok()?,
        })
    }
}

/// Makes the tokens of one execution.
pub(crate) struct Issuer<'a> {
    pub(crate) key: &'a TokenKey,
    pub(crate) account: &'a str,
    pub(crate) execution: Id,
}

/// An account as tokens carry it.
pub(crate) fn account_bytes(account: &str) -> [u8; 12] {
    account.as_bytes().try_into().unwrap_or([b'0'; 12])
}

impl TokenIssuer for Issuer<'_> {
    fn issue(&self, task: &TaskKey, secret: [u8; 16]) -> Str {
        self.key.make(&Token {
            account: account_bytes(self.account),
            execution: self.execution,
            entry: task.entry,
            attempt: task.attempt,
            secret,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_made_under_the_key_is_read() {
        let key = TokenKey(Arc::new([7; 32]));
        let token = Token {
            account: *b"123456789012",
            execution: Id([3; 16]),
            entry: 9,
            attempt: 2,
            secret: [5; 16],
        };
        let text = key.make(&token);
        assert!(text.len() < 1_024);
        assert_eq!(key.read(&text), Some(token));
        assert_eq!(TokenKey(Arc::new([8; 32])).read(&text), None);
        for at in 0..text.len() {
            let mut forged = text.to_string().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert!(forged == *text || key.read(&forged).is_none(), "{at}");
        }
        assert_eq!(key.read(""), None);
        assert_eq!(key.read("not a token"), None);
    }
}
