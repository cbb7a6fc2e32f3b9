//! Answers as task results.

use newel_value::{ObjectBuilder, Value};
use newel_worker::Failure;

use crate::client::Reply;

/// Bytes that the body of an answer may have: those of a task's result.
pub(crate) const MAX_BODY: usize = 256 * 1024;

/// The failure of an answer that is too long for a result, in AWS's words.
pub(crate) fn too_long(service: &str) -> Failure {
    let cause = format!(
        "The state/task '{service}' returned a result with a size exceeding the maximum number of bytes service limit."
    );
    Failure::new("States.DataLimitExceeded", cause)
}

impl Reply {
    /// `Headers` as results have them: each name with the list of its values.
    pub(crate) fn header_lists(&self) -> Value {
        let mut lists = ObjectBuilder::default();
        for name in self.headers.keys() {
            let values = self.headers.get_all(name).iter();
            let values: Value = values
                .map(|value| Value::from(String::from_utf8_lossy(value.as_bytes()).into_owned()))
                .collect();
            let name = self.spelling.get(name.as_str()).map_or(name.as_str(), String::as_str);
            lists.insert(name, values);
        }
        lists.build().into()
    }

    /// The body as text.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn text(&self) -> Result<String, NotText> {
        if self.charset().is_some_and(|charset| ["iso-8859-1", "latin1"].contains(&&*charset)) {
            return Ok(self.body.iter().copied().map(char::from).collect());
        }
        std::str::from_utf8(&self.body).map(str::to_owned).map_err(|_| NotText)
    }

    /// The body as results have it: JSON where it says it is JSON, or says nothing; text otherwise.
    ///
    /// # Errors
    /// When it isn't text at all.
    pub(crate) fn content(&self) -> Result<Value, NotText> {
        let text = self.text()?;
        let kind = self.media_type();
        let json = kind.as_deref().is_none_or(|kind| kind.ends_with("/json") || kind.ends_with("+json"));
        let parsed = if json { Value::parse(&text).ok() } else { None };
        Ok(parsed.unwrap_or_else(|| text.into()))
    }

    /// The media type, in lower case and without its parameters.
    pub(crate) fn media_type(&self) -> Option<String> {
        let value = self.content_type()?;
        Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    fn charset(&self) -> Option<String> {
        let value = self.content_type()?.to_ascii_lowercase();
        let charset = value.split(';').skip(1).find_map(|part| part.trim().strip_prefix("charset="))?;
        Some(charset.trim_matches('"').to_owned())
    }

    fn content_type(&self) -> Option<&str> {
        self.headers.get(http::header::CONTENT_TYPE)?.to_str().ok()
    }

    /// `{Headers, ResponseBody, StatusCode, StatusText}`: the result of an HTTP Task and of API Gateway.
    pub(crate) fn result(&self, body: Value) -> Value {
        let mut result = ObjectBuilder::default();
        result.insert("Headers", self.header_lists());
        self.with_status(result, body)
    }

    /// `{ResponseBody, StatusCode, StatusText}`: the result of a call to a cluster.
    pub(crate) fn envelope(&self, body: Value) -> Value {
        self.with_status(ObjectBuilder::default(), body)
    }

    fn with_status(&self, mut result: ObjectBuilder, body: Value) -> Value {
        result.insert("ResponseBody", body);
        result.insert("StatusCode", i64::from(self.status.as_u16()));
        result.insert("StatusText", &*self.reason);
        result.build().into()
    }
}

/// A body that is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer can't be read as text")]
pub(crate) struct NotText;

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(content_type: Option<&str>, body: &[u8]) -> Reply {
        let mut headers = http::HeaderMap::new();
        if let Some(value) = content_type {
            headers.insert("content-type", value.parse().unwrap());
        }
        headers.append("x-many", "1".parse().unwrap());
        headers.append("x-many", "2".parse().unwrap());
        Reply {
            status: http::StatusCode::OK,
            reason: "OK".into(),
            headers,
            spelling: [("x-many".to_owned(), "X-Many".to_owned())].into(),
            body: body.to_vec().into(),
        }
    }

    #[test]
    fn only_json_is_parsed() {
        let check = |content_type: Option<&str>, body: &[u8], expect: &str| {
            let content = reply(content_type, body).content().map(|value| value.to_json());
            assert_eq!(content.as_deref(), Ok(expect), "{content_type:?}");
        };
        check(Some("application/json"), b"{\"a\": 1}", "{\"a\":1}");
        check(Some("application/problem+json; charset=utf-8"), b"[1]", "[1]");
        check(None, b"[1]", "[1]");
        check(None, b"one", "\"one\"");
        check(Some("application/json"), b"{", "\"{\"");
        check(Some("text/plain"), b"12", "\"12\"");
        check(Some("application/json"), b"", "\"\"");
        check(Some("text/plain; charset=ISO-8859-1"), b"\xe9", "\"\u{e9}\"");
        assert_eq!(reply(Some("text/plain"), b"\xe9").content(), Err(NotText));
    }

    #[test]
    fn headers_are_lists_under_the_names_that_the_server_wrote() {
        let result = reply(None, b"").result(Value::Null).to_json();
        assert_eq!(
            result,
            r#"{"Headers":{"X-Many":["1","2"]},"ResponseBody":null,"StatusCode":200,"StatusText":"OK"}"#
        );
    }
}
