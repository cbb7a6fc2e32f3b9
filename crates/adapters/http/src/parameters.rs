//! Parameters as they are read here. The orchestrator checked them when the task was scheduled; what gets this far and
//! can't be used is `States.Runtime` all the same.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use newel_value::{Object, Value};
use newel_worker::Failure;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Url, form_urlencoded};

/// Names and values in their order.
pub(crate) type Pairs = Vec<(String, String)>;

/// What isn't an unreserved character of URLs (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Text as it stands in a query or a form.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Parameters that can't be used.
pub(crate) fn invalid(reason: impl std::fmt::Display) -> Failure {
    Failure::new("States.Runtime", format!("The parameters can't be used to start the task: {reason}"))
}

/// Reads members of an action's parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameters<'v>(&'v Object);

impl<'v> Parameters<'v> {
    /// # Errors
    /// When they aren't an object.
    pub(crate) fn new(value: &'v Value) -> Result<Self, Failure> {
        value.as_object().map(Self).ok_or_else(|| invalid("they aren't an object"))
    }

    /// A member, if it is there and not null.
    pub(crate) fn get(&self, name: &str) -> Option<&'v Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text that has to be there.
    ///
    /// # Errors
    /// When it isn't.
    pub(crate) fn text(&self, name: &str) -> Result<&'v str, Failure> {
        self.optional_text(name)?.ok_or_else(|| invalid(format_args!("the field '{name}' is missing")))
    }

    /// A text that may be missing.
    ///
    /// # Errors
    /// When it is something else.
    pub(crate) fn optional_text(&self, name: &str) -> Result<Option<&'v str>, Failure> {
        let text = |value: &'v Value| {
            value.as_str().ok_or_else(|| invalid(format_args!("the field '{name}' must be a string")))
        };
        self.get(name).map(text).transpose()
    }

    /// The HTTP method.
    ///
    /// # Errors
    /// When it is missing or none.
    pub(crate) fn method(&self) -> Result<Method, Failure> {
        let name = self.text("Method")?;
        Method::from_bytes(name.as_bytes()).map_err(|_| invalid(format_args!("'{name}' is no method")))
    }
}

/// A value as the text of a header, a query parameter or a form's field: a string as it is, another scalar as its JSON.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.to_string()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_json()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The values that a member of `Headers` or `QueryParameters` stands for: one, or several as a list. Nulls are left out.
fn scalars(field: &str, name: &str, value: &Value) -> Result<Vec<String>, Failure> {
    let format =
        || invalid(format_args!("the value of '{name}' in the field '{field}' has an invalid format"));
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => {
            items.iter().filter(|item| !item.is_null()).map(|item| scalar(item).ok_or_else(format)).collect()
        }
        one => Ok(vec![scalar(one).ok_or_else(format)?]),
    }
}

/// Reads `Headers`: an object of texts or lists of texts.
///
/// # Errors
/// When it isn't one, or holds what can't be a header.
pub(crate) fn headers(value: Option<&Value>) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    let Some(value) = value else { return Ok(headers) };
    let given = value.as_object();
    let given = given.ok_or_else(|| invalid("the value of the field 'Headers' has an invalid format"))?;
    for (name, value) in given.iter() {
        for value in scalars("Headers", name, value)? {
            append(&mut headers, name, &value).map_err(invalid)?;
        }
    }
    Ok(headers)
}

/// Adds a header.
///
/// # Errors
/// When name or value can't be a header's.
pub(crate) fn append(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), String> {
    let (name, value) = header(name, value)?;
    headers.try_append(name, value).map_err(|_| "there are too many headers".to_owned())?;
    Ok(())
}

/// A header's name and value.
///
/// # Errors
/// When they can't be. The value isn't told: it may be secret.
pub(crate) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let key =
        HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("'{name}' can't be a header's name"))?;
    let value = HeaderValue::from_str(value)
        .map_err(|_| format!("the value of the header '{name}' has characters that headers can't have"))?;
    Ok((key, value))
}

/// Reads `QueryParameters`: an object of texts or lists of texts, a list of such objects or of `name=value` texts, or
/// one text in the form of a query.
///
/// # Errors
/// When it is none of these.
pub(crate) fn query(value: Option<&Value>) -> Result<Pairs, Failure> {
    let mut pairs = Pairs::new();
    let format = || invalid("the value of the field 'QueryParameters' has an invalid format");
    let items = match value {
        None => return Ok(pairs),
        Some(Value::Array(items)) => items.iter().collect(),
        Some(one) => vec![one],
    };
    for item in items {
        match item {
            Value::Object(given) => {
                for (name, value) in given.iter() {
                    let values = scalars("QueryParameters", name, value)?;
                    pairs.extend(values.into_iter().map(|value| (name.to_string(), value)));
                }
            }
            Value::String(text) => {
                let text = text.strip_prefix('?').unwrap_or(text);
                let parsed = form_urlencoded::parse(text.as_bytes());
                pairs.extend(parsed.map(|(name, value)| (name.into_owned(), value.into_owned())));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => return Err(format()),
        }
    }
    Ok(pairs)
}

/// Takes the query parameters from a URL whose names are such.
pub(crate) fn without_query(url: &mut Url, such: impl Fn(&str) -> bool) {
    let Some(query) = url.query() else { return };
    let of_url = query.split('&').filter(|pair| !pair.is_empty());
    let kept = of_url.filter(|pair| {
        let name = form_urlencoded::parse(pair.as_bytes()).next().map(|(name, _)| name.into_owned());
        !such(&name.unwrap_or_default())
    });
    let kept = kept.collect::<Vec<_>>().join("&");
    url.set_query((!kept.is_empty()).then_some(&*kept));
}

/// Adds query parameters to those of a URL. `over` replace all others of their names.
pub(crate) fn add_query(url: &mut Url, pairs: &[(String, String)], over: &[(String, String)]) {
    let replaced = |name: &str| over.iter().any(|(other, _)| other == name);
    without_query(url, replaced);
    let kept = url.query().into_iter();
    let pairs = pairs.iter().filter(|(name, _)| !replaced(name)).chain(over);
    let written = pairs.map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    let query: Vec<String> = kept.map(str::to_owned).chain(written).collect();
    url.set_query((!query.is_empty()).then(|| query.join("&")).as_deref());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Value {
        Value::parse(text).unwrap()
    }

    #[test]
    fn query_parameters_have_several_forms() {
        let check = |given: &str, expect: &str| {
            let mut url = Url::parse("https://h/p?z=%7E&b=0").unwrap();
            add_query(&mut url, &query(Some(&json(given))).unwrap(), &[("b".into(), "c d".into())]);
            assert_eq!(url.query(), Some(expect), "{given}");
        };
        check(r#"{"a": 1, "b": "x"}"#, "z=%7E&a=1&b=c%20d");
        check(r#"{"a": ["x&y", true, null]}"#, "z=%7E&a=x%26y&a=true&b=c%20d");
        check(r#"["a=1", {"c": "2"}]"#, "z=%7E&a=1&c=2&b=c%20d");
        check(r#""?a=%20&b=2""#, "z=%7E&a=%20&b=c%20d");
        assert!(query(Some(&json("7"))).is_err() && query(Some(&json(r#"{"a": {}}"#))).is_err());
    }

    #[test]
    fn headers_may_not_break_the_request() {
        let check = |given: &str| headers(Some(&json(given))).map(|headers| headers.len());
        assert_eq!(check(r#"{"A": "1", "B": ["2", "3"]}"#), Ok(3));
        assert!(check(r#"{"A": "1\r\nHost: evil"}"#).is_err());
        assert!(check(r#"{"A: 1\r\nB": "2"}"#).is_err());
        assert!(check(r#""A: 1""#).is_err());
    }
}
