//! Rows of delimited text: RFC 4180, with the ways out that AWS names (`""` and `\`).
//!
//! All values are texts. A row that is too short is filled up with empty ones, one that is too long is cut. An item's members
//! come in the order of Java's `HashMap`, in which AWS gives them.

use newel_value::{ObjectBuilder, Str, Value};

use crate::objects::{Failed, Outcome};
use crate::page::PageBuilder;
use crate::tape::Tape;

/// How rows are written.
#[derive(Clone, Debug)]
pub(crate) struct Csv {
    delimiter: u8,
    /// The headers, unless the first row has them.
    given: Option<Headers>,
}

/// The names of columns.
#[derive(Clone, Debug)]
struct Headers {
    names: Vec<Str>,
    /// Which column comes first in an item, and so on.
    order: Vec<usize>,
}

impl Headers {
    fn new(names: Vec<Str>) -> Outcome<Self> {
        let mut sorted: Vec<&Str> = names.iter().collect();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Failed::new("CSV headers cannot contain duplicates."));
        }
        let order = hash_map_order(&names);
        Ok(Self { names, order })
    }
}

/// In which order a Java `HashMap` gives these keys.
fn hash_map_order(keys: &[Str]) -> Vec<usize> {
    let mut buckets: u32 = 16;
    // It doubles when it is more than three quarters full.
    while u64::from(buckets) * 3 < u64::try_from(keys.len()).unwrap_or(u64::MAX) * 4 && buckets < 1 << 30 {
        buckets *= 2;
    }
    let bucket = |key: &str| {
        let hash =
            key.encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
        (hash ^ (hash >> 16)) & (buckets - 1)
    };
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_by_key(|at| bucket(&keys[*at]));
    order
}

impl Csv {
    /// Rows with these headers, or with those that the first row has.
    pub(crate) fn new(delimiter: u8, headers: Option<Vec<Str>>) -> Outcome<Self> {
        Ok(Self { delimiter, given: headers.map(Headers::new).transpose()? })
    }

    /// Reads rows into a page; gives what has to be known to go on, or `None` at the end.
    pub(crate) async fn read(
        &self,
        tape: &mut Tape,
        known: Option<&Value>,
        page: &mut PageBuilder,
    ) -> Outcome<Option<Value>> {
        let headers = match (&self.given, known) {
            (Some(given), known) => {
                if known.is_none() {
                    tape.skip_mark().await?;
                }
                given.clone()
            }
            (None, Some(known)) => {
                let names = known.as_array().unwrap_or_default();
                Headers::new(names.iter().filter_map(Value::as_str).map(Str::from).collect())?
            }
            (None, None) => {
                tape.skip_mark().await?;
                match self.row(tape).await? {
                    Some((names, _)) => Headers::new(names.into_iter().map(Str::from).collect())?,
                    None => return Ok(None),
                }
            }
        };
        loop {
            if page.is_full() {
                let names = headers.names.iter().map(|name| Value::from(Str::clone(name)));
                return Ok(Some(if self.given.is_some() { Value::Null } else { names.collect() }));
            }
            let Some((fields, bytes)) = self.row(tape).await? else { return Ok(None) };
            let (item, names) = item(&headers, &fields);
            page.push(item, bytes + names);
        }
    }

    /// The next row that isn't empty, taken off the tape, and its size.
    async fn row(&self, tape: &mut Tape) -> Outcome<Option<(Vec<String>, usize)>> {
        loop {
            if tape.first().await?.is_none() {
                return Ok(None);
            }
            let (fields, bytes) = loop {
                match row(tape.rest(), self.delimiter, tape.ended()) {
                    Some(row) => break row,
                    None => _ = tape.more().await?,
                }
            };
            let at = tape.position();
            tape.take(bytes);
            if let [only] = &fields[..]
                && only.is_empty()
            {
                continue;
            }
            let text = |field| {
                String::from_utf8(field)
                    .map_err(|_| Failed(format!("The row at byte {at} is not UTF-8 text.")))
            };
            return Ok(Some((fields.into_iter().map(text).collect::<Outcome<_>>()?, bytes)));
        }
    }
}

/// An item, and what its members' names take.
fn item(headers: &Headers, fields: &[String]) -> (Value, usize) {
    let mut item = ObjectBuilder::with_capacity(headers.names.len());
    let mut bytes = 2;
    for &column in &headers.order {
        let name = &headers.names[column];
        bytes += name.len() + 6;
        item.insert(Str::clone(name), fields.get(column).map_or("", String::as_str));
    }
    (item.build().into(), bytes)
}

/// The fields of the row at the front, and how many bytes it takes; `None` if its end isn't there yet.
fn row(bytes: &[u8], delimiter: u8, ended: bool) -> Option<(Vec<Vec<u8>>, usize)> {
    let mut fields = Vec::new();
    let mut field = Vec::new();
    let mut quoted = false;
    let mut at = 0;
    loop {
        let Some(&byte) = bytes.get(at) else {
            fields.push(field);
            return ended.then_some((fields, at));
        };
        let next = bytes.get(at + 1);
        // What these mean shows with the byte after them.
        if next.is_none() && !ended && (byte == b'\r' || quoted && matches!(byte, b'"' | b'\\')) {
            return None;
        }
        at += 1;
        match byte {
            b'"' if quoted => match next {
                Some(b'"') => {
                    field.push(b'"');
                    at += 1;
                }
                _ => quoted = false,
            },
            b'\\' if quoted && matches!(next, Some(b'"' | b'\\')) => {
                field.extend(next);
                at += 1;
            }
            _ if quoted => field.push(byte),
            b'"' if field.is_empty() => quoted = true,
            b'\n' => {
                fields.push(field);
                return Some((fields, at));
            }
            b'\r' if next == Some(&b'\n') => {}
            _ if byte == delimiter => fields.push(std::mem::take(&mut field)),
            _ => field.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tape;

    /// All items, read in pages of two, from chunks of every size.
    async fn check(delimiter: u8, headers: Option<&[&str]>, text: &str, expected: &str) {
        let headers = headers.map(|headers| headers.iter().map(|name| Str::from(*name)).collect());
        let csv = Csv::new(delimiter, headers).unwrap();
        for chunk in [1, 2, 3, 7, text.len().max(1)] {
            let mut tape = tape(text, chunk);
            let (mut known, mut items) = (None, Vec::new());
            loop {
                let mut page = PageBuilder::new(2);
                known = csv.read(&mut tape, known.as_ref(), &mut page).await.unwrap();
                items.extend(page.build(None).items);
                if known.is_none() {
                    break;
                }
            }
            assert_eq!(Value::from(items).to_json(), expected, "in chunks of {chunk}");
        }
    }

    #[tokio::test]
    async fn rows_are_items_with_texts() {
        check(
            b',',
            None,
            "A,B\n1,2\n3,4\n5,6\n",
            r#"[{"A":"1","B":"2"},{"A":"3","B":"4"},{"A":"5","B":"6"}]"#,
        )
        .await;
        check(b',', None, "A,B\r\n1,2\r\n\r\n3,4", r#"[{"A":"1","B":"2"},{"A":"3","B":"4"}]"#).await;
        check(b',', None, "\u{feff}A\n1\n", r#"[{"A":"1"}]"#).await;
        check(b',', Some(&["A", "B"]), "\u{feff}1\n2,3,4\n", r#"[{"A":"1","B":""},{"A":"2","B":"3"}]"#).await;
        check(b',', None, "", "[]").await;
        check(b',', None, "A,B\n", "[]").await;
        check(b',', None, "A", "[]").await;
        for (delimiter, text) in
            [(b'|', "A|B\n1|2"), (b';', "A;B\n1;2"), (b' ', "A B\n1 2"), (b'\t', "A\tB\n1\t2")]
        {
            check(delimiter, None, text, r#"[{"A":"1","B":"2"}]"#).await;
        }
    }

    #[tokio::test]
    async fn quotes_keep_what_would_mean_something() {
        check(b',', None, "A,B\n\"1,\n2\",\"a\"\"b\"\n", r#"[{"A":"1,\n2","B":"a\"b"}]"#).await;
        check(b',', None, "A,B\n\"a\\\"b\",\"c\\\\\"\n", r#"[{"A":"a\"b","B":"c\\"}]"#).await;
        check(b',', None, "A,B\nx\"y,\"\"\n", r#"[{"A":"x\"y","B":""}]"#).await;
        check(b',', None, "A\n\"never closed\n", r#"[{"A":"never closed\n"}]"#).await;
        check(b',', None, "A\n\"é\\n\"\n", "[{\"A\":\"é\\\\n\"}]").await;
    }

    #[tokio::test]
    async fn rows_that_are_too_long_or_too_short_and_orders_are_as_recorded() {
        let recorded = "H1,\nValue4,Value5,Value6\n,,,\ntrue,1,'HelloWorld'\nNull,None,\n   \n";
        let expected = r#"[{"":"Value5","H1":"Value4"},{"":"","H1":""},{"":"1","H1":"true"},{"":"None","H1":"Null"},{"":"","H1":"   "}]"#;
        check(b',', None, recorded, expected).await;
        check(b',', None, "0,True,{}\n1,2,3\n", r#"[{"0":"1","{}":"3","True":"2"}]"#).await;
    }

    #[test]
    fn more_keys_make_more_buckets() {
        let keys: Vec<Str> = (0..13).map(|n| Str::from(char::from(b'P' - n).to_string())).collect();
        // 32 buckets: D (4 of 64…) to P; with 16, P (80) would come first.
        let order = hash_map_order(&keys);
        assert_eq!(&*keys[order[0]], "D");
        assert_eq!(&*keys[order[12]], "P");
        let few = hash_map_order(&keys[..12]);
        assert_eq!(&*keys[few[0]], "P");
    }

    #[tokio::test]
    async fn what_is_wrong_is_told() {
        let twice = Csv::new(b',', Some(vec!["A".into(), "A".into()])).unwrap_err();
        assert_eq!(twice.0, "CSV headers cannot contain duplicates.");
        let csv = Csv::new(b',', None).unwrap();
        let twice =
            csv.read(&mut tape("A,B,A\n1,2,3\n", 4), None, &mut PageBuilder::new(9)).await.unwrap_err();
        assert_eq!(twice.0, "CSV headers cannot contain duplicates.");
        let mut bytes = crate::testing::tape_of(b"A\nok\n\xff\n".to_vec(), 3);
        let failed = csv.read(&mut bytes, None, &mut PageBuilder::new(9)).await.unwrap_err();
        assert_eq!(failed.0, "The row at byte 5 is not UTF-8 text.");
    }
}
