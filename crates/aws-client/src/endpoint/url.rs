//! `parseURL`: the parts of an endpoint's address.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The parts of a URL as the rule language sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Url<'a> {
    /// `http` or `https`.
    pub scheme: &'a str,
    /// Host and port as written.
    pub authority: &'a str,
    /// The path as written, empty if there is none.
    pub path: &'a str,
    /// Whether the host is an IP address.
    pub is_ip: bool,
}

impl<'a> Url<'a> {
    /// Splits a URL; none for anything but `http` and `https`, for a query, a fragment, user information, a bad port or a
    /// character no URL has. Host names aren't checked beyond that: the language asks for it.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        if !matches!(scheme, "http" | "https") || !text.bytes().all(is_url_byte) {
            return None;
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.strip_prefix('[') {
            Some(inner) => inner.split_once(']')?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let bracketed = authority.starts_with('[');
        if host.is_empty() || (bracketed && host.parse::<Ipv6Addr>().is_err()) || !is_port(port) {
            return None;
        }
        Some(Self { scheme, authority, path, is_ip: bracketed || host.parse::<Ipv4Addr>().is_ok() })
    }

    /// The path with a slash at both ends.
    pub(super) fn normalized_path(&self) -> String {
        if self.path.ends_with('/') { self.path.to_owned() } else { format!("{}/", self.path) }
    }
}

const fn is_url_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'@' | b'\\' | b'"' | b'<' | b'>')
}

/// Whether what follows a host is nothing or `:` and a port.
fn is_port(text: &str) -> bool {
    match text.strip_prefix(':') {
        None => text.is_empty(),
        Some(port) => port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let url = Url::parse("http://localhost:4566/a/b").expect("a URL");
        assert_eq!(
            (url.scheme, url.authority, url.path, url.is_ip),
            ("http", "localhost:4566", "/a/b", false)
        );
        assert_eq!(url.normalized_path(), "/a/b/");
        let bare = Url::parse("https://example.com").expect("a URL");
        assert_eq!((bare.path, bare.normalized_path()), ("", "/".to_owned()));
        assert_eq!(Url::parse("https://example.com/").map(|u| u.path), Some("/"));
    }

    #[test]
    fn addresses() {
        for ip in ["http://127.0.0.1", "http://127.0.0.1:80/x", "https://[::1]", "https://[::1]:443"] {
            assert!(Url::parse(ip).is_some_and(|u| u.is_ip), "{ip}");
        }
        assert!(Url::parse("http://999.0.0.1").is_some_and(|u| !u.is_ip));
    }

    #[test]
    fn what_is_no_endpoint() {
        for text in [
            "",
            "://",
            "http://",
            "https:///p",
            "ftp://a",
            "example.com",
            "http://a:b",
            "http://a:",
            "http://a:70000",
            "http://a:+1",
            "http://[::1",
            "http://[x]",
            "http://[::1]x",
            "http://a?q",
            "http://a/#f",
            "http://u@a",
            "http://a b",
            "http://ä",
            "http://a\n",
        ] {
            assert_eq!(Url::parse(text), None, "{text}");
        }
    }
}
