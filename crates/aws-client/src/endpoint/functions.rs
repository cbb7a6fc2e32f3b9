//! The functions of the rule language. Each is total: an argument it can't use gives [`Term::Unset`].

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use super::Partitions;
use super::term::Term;
use super::url::Url;

/// A function on values. `getAttr`, `isSet`, `coalesce` and `ite` aren't here: they look at more than values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Not,
    BooleanEquals,
    StringEquals,
    Partition,
    ParseArn,
    IsVirtualHostableS3Bucket,
    IsValidHostLabel,
    ParseUrl,
    Substring,
    UriEncode,
    Split,
}

impl Function {
    /// The function of that name and the number of its arguments.
    pub(super) fn named(name: &str) -> Option<(Self, usize)> {
        Some(match name {
            "not" => (Self::Not, 1),
            "booleanEquals" => (Self::BooleanEquals, 2),
            "stringEquals" => (Self::StringEquals, 2),
            "aws.partition" => (Self::Partition, 1),
            "aws.parseArn" => (Self::ParseArn, 1),
            "aws.isVirtualHostableS3Bucket" => (Self::IsVirtualHostableS3Bucket, 2),
            "isValidHostLabel" => (Self::IsValidHostLabel, 2),
            "parseURL" => (Self::ParseUrl, 1),
            "substring" => (Self::Substring, 4),
            "uriEncode" => (Self::UriEncode, 1),
            "split" => (Self::Split, 3),
            _ => return None,
        })
    }

    /// Its value; unset if it has none for these arguments.
    pub(super) fn call(self, args: &[Term], partitions: &Partitions) -> Term {
        self.value(args, partitions).unwrap_or_default()
    }

    fn value(self, args: &[Term], partitions: &Partitions) -> Option<Term> {
        let text = |i: usize| args.get(i).and_then(Term::as_text).map(|text| &**text);
        let flag = |i: usize| args.get(i).and_then(Term::as_flag);
        let index = |i: usize| args.get(i).and_then(Term::as_index);
        Some(match self {
            Self::Not => Term::Flag(!flag(0)?),
            Self::BooleanEquals => Term::Flag(flag(0)? == flag(1)?),
            Self::StringEquals => Term::Flag(text(0)? == text(1)?),
            Self::Partition => partitions.of(text(0)?),
            Self::ParseArn => parse_arn(text(0)?)?,
            Self::IsVirtualHostableS3Bucket => Term::Flag(is_virtual_hostable_bucket(text(0)?, flag(1)?)),
            Self::IsValidHostLabel => Term::Flag(is_host_label(text(0)?, flag(1)?)),
            Self::ParseUrl => parse_url(text(0)?)?,
            Self::Substring => Term::text(substring(text(0)?, index(1)?, index(2)?, flag(3)?)?),
            Self::UriEncode => Term::Text(uri_encode(text(0)?).into()),
            Self::Split => split(text(0)?, text(1)?, index(2)?)?,
        })
    }
}

/// `aws.parseArn`: none unless there are six parts, of which region and account may be empty.
fn parse_arn(text: &str) -> Option<Term> {
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next();
    let ("arn", partition, service, region, account, resource) =
        (next()?, next()?, next()?, next()?, next()?, next()?)
    else {
        return None;
    };
    if partition.is_empty() || service.is_empty() || resource.is_empty() {
        return None;
    }
    Some(Term::record([
        ("partition", Term::text(partition)),
        ("service", Term::text(service)),
        ("region", Term::text(region)),
        ("accountId", Term::text(account)),
        ("resourceId", Term::texts(resource.split([':', '/']))),
    ]))
}

/// `aws.isVirtualHostableS3Bucket`: whether a bucket's name can be part of a host name.
fn is_virtual_hostable_bucket(name: &str, allow_dots: bool) -> bool {
    (3..=63).contains(&name.len())
        && is_host_label(name, allow_dots)
        && !name.bytes().any(|b| b.is_ascii_uppercase())
        && name.parse::<Ipv4Addr>().is_err()
}

/// `isValidHostLabel`: whether a text can be a label of a host name (RFC 1123), or several with dots between them.
pub(super) fn is_host_label(text: &str, allow_dots: bool) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if allow_dots { text.split('.').all(is_label) } else { is_label(text) }
}

fn parse_url(text: &str) -> Option<Term> {
    let url = Url::parse(text)?;
    Some(Term::record([
        ("scheme", Term::text(url.scheme)),
        ("authority", Term::text(url.authority)),
        ("path", Term::text(url.path)),
        ("normalizedPath", Term::Text(url.normalized_path().into())),
        ("isIp", Term::Flag(url.is_ip)),
    ]))
}

/// `substring`: of ASCII texts only, so that bytes are characters; none if the text is too short. `reverse` counts from
/// the end.
fn substring(text: &str, start: usize, stop: usize, reverse: bool) -> Option<&str> {
    if !text.is_ascii() || start >= stop || stop > text.len() {
        return None;
    }
    let range = if reverse { text.len() - stop..text.len() - start } else { start..stop };
    text.get(range)
}

/// `uriEncode`: everything but RFC 3986's unreserved characters becomes `%XX`.
fn uri_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a string can't fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// `split`: into `limit` parts at most, the last being the rest; 0 is no limit. There is no empty delimiter.
fn split(text: &str, delimiter: &str, limit: usize) -> Option<Term> {
    if delimiter.is_empty() {
        return None;
    }
    Some(match limit {
        0 => Term::texts(text.split(delimiter)),
        limit => Term::texts(text.splitn(limit, delimiter)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns() {
        assert!(parse_arn("arn:aws:s3:::b").is_some());
        assert!(parse_arn("arn:aws:s3:us-east-1:1:outpost:op/x").is_some());
        for text in [
            "",
            "arn",
            "arn:aws:s3:us-east-1:1:",
            "arn::s3:::b",
            "arn:aws::::b",
            "urn:aws:s3:::b",
            "arn:aws:s3::b",
        ] {
            assert_eq!(parse_arn(text), None, "{text}");
        }
    }

    #[test]
    fn host_labels() {
        let long = "a".repeat(64);
        for label in ["a", "3", "A-b", &long[1..]] {
            assert!(is_host_label(label, false), "{label}");
        }
        for label in ["", "-", "-a", "a-", "a_b", "a b", "ä", "a.b", &long] {
            assert!(!is_host_label(label, false), "{label}");
        }
        assert!(is_host_label("a.b", true));
        for labels in [".", "a.", ".a", "a..b", "a.-b"] {
            assert!(!is_host_label(labels, true), "{labels}");
        }
    }

    #[test]
    fn buckets() {
        assert!(is_virtual_hostable_bucket("abc", false));
        assert!(is_virtual_hostable_bucket("a.b.c", true));
        for bucket in ["", "ab", "Abc", "10.0.0.1", "a..b", "a_b"] {
            assert!(!is_virtual_hostable_bucket(bucket, true), "{bucket}");
        }
    }

    #[test]
    fn substrings() {
        assert_eq!(substring("abcdef", 0, 2, false), Some("ab"));
        assert_eq!(substring("abcdef", 0, 2, true), Some("ef"));
        assert_eq!(substring("abcdef", 1, 6, true), Some("abcde"));
        for (text, start, stop) in
            [("abc", 2, 2), ("abc", 3, 2), ("abc", 0, 4), ("", 0, 1), ("aä", 0, 1), ("a", 0, usize::MAX)]
        {
            assert_eq!(substring(text, start, stop, false), None, "{text} {start} {stop}");
            assert_eq!(substring(text, start, stop, true), None, "{text} {start} {stop}");
        }
    }

    #[test]
    fn encoding() {
        assert_eq!(uri_encode("a/b ~ä"), "a%2Fb%20~%C3%A4");
    }

    #[test]
    fn splits() {
        let parts = |limit| split("a--b--c", "--", limit);
        assert_eq!(parts(0), Some(Term::texts(["a", "b", "c"].into_iter())));
        assert_eq!(parts(1), Some(Term::texts(["a--b--c"].into_iter())));
        assert_eq!(parts(2), Some(Term::texts(["a", "b--c"].into_iter())));
        assert_eq!(split("", "-", 0), Some(Term::texts([""].into_iter())));
        assert_eq!(split("a", "", 0), None);
    }
}
