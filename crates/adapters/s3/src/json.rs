//! A JSON file: the elements of an array, or the members of an object, that is the whole file or stands somewhere in it.

use newel_value::{ObjectBuilder, Value};

use crate::objects::{Failed, Outcome};
use crate::page::PageBuilder;
use crate::scan::{End, Walk};
use crate::tape::Tape;

/// Where in a file the items are.
#[derive(Clone, Debug)]
pub(crate) struct Json {
    /// The parts of a JSON Pointer (RFC 6901).
    path: Vec<String>,
}

/// What of the file has to be known to go on.
const IN_ARRAY: &str = "array";
const IN_OBJECT: &str = "object";

impl Json {
    /// The items at a JSON Pointer.
    pub(crate) fn at(pointer: &str) -> Outcome<Self> {
        if pointer.is_empty() {
            return Ok(Self { path: Vec::new() });
        }
        let Some(parts) = pointer.strip_prefix('/') else {
            return Err(Failed(format!(
                "The ItemsPointer {pointer} is no JSON Pointer: it has to begin with a slash."
            )));
        };
        let plain = |part: &str| part.replace("~1", "/").replace("~0", "~");
        Ok(Self { path: parts.split('/').map(plain).collect() })
    }

    /// Reads items into a page; gives what has to be known to go on, or `None` at the end.
    pub(crate) async fn read(
        &self,
        tape: &mut Tape,
        known: Option<&Value>,
        page: &mut PageBuilder,
    ) -> Outcome<Option<Value>> {
        let inside = match known.and_then(Value::as_str) {
            Some(IN_OBJECT) => IN_OBJECT,
            Some(_) => IN_ARRAY,
            None => self.find(tape).await?,
        };
        if inside == IN_OBJECT {
            page.of_members();
        }
        loop {
            if page.is_full() {
                return Ok(Some(inside.into()));
            }
            if matches!(space(tape).await?, Some(b']' | b'}')) {
                tape.take(1);
                return Ok(None);
            }
            let from = tape.position();
            let item = if inside == IN_OBJECT { member(tape).await? } else { value(tape).await? };
            page.push(item, usize::try_from(tape.position() - from).unwrap_or(usize::MAX));
            if space(tape).await? == Some(b',') {
                tape.take(1);
            } else if !matches!(tape.rest().first(), Some(b']' | b'}')) {
                return Err(broken(tape));
            }
        }
    }

    /// Goes to the first item; says what it is in.
    async fn find(&self, tape: &mut Tape) -> Outcome<&'static str> {
        tape.skip_mark().await?;
        for part in &self.path {
            let found = match space(tape).await? {
                Some(b'{') => to_member(tape, part).await?,
                Some(b'[') => to_element(tape, part).await?,
                _ => false,
            };
            if !found {
                let pointer = self.path.join("/");
                return Err(Failed(format!("The ItemsPointer /{pointer} leads nowhere in the file.")));
            }
        }
        let inside = match space(tape).await? {
            Some(b'[') => IN_ARRAY,
            Some(b'{') => IN_OBJECT,
            _ => return Err(Failed::new("Attempting to map over non-iterable node.")),
        };
        tape.take(1);
        Ok(inside)
    }
}

fn broken(tape: &Tape) -> Failed {
    if tape.ended() && tape.rest().is_empty() {
        return Failed(format!("The file is not valid JSON: it ends early, at byte {}.", tape.position()));
    }
    Failed(format!("The file is not valid JSON at byte {}.", tape.position()))
}

/// Takes white space off; the byte after it.
async fn space(tape: &mut Tape) -> Outcome<Option<u8>> {
    loop {
        let Some(_) = tape.first().await? else { return Ok(None) };
        let blank = tape.rest().iter().take_while(|byte| b" \t\r\n".contains(byte)).count();
        tape.take(blank);
        if let Some(byte) = tape.rest().first() {
            return Ok(Some(*byte));
        }
    }
}

/// Reads the value at the front.
async fn value(tape: &mut Tape) -> Outcome<Value> {
    let mut walk = Walk::default();
    let mut walked = 0;
    let end = loop {
        match walk.over(&tape.rest()[walked..], tape.ended()) {
            End::At(end) => break walked + end,
            End::Never => return Err(broken(tape)),
            End::Later => {
                walked = tape.rest().len();
                tape.more().await?;
            }
        }
    };
    let at = tape.position();
    let told =
        |why: &dyn std::fmt::Display| Failed(format!("The item at byte {at} is not valid JSON: {why}"));
    let text = std::str::from_utf8(&tape.rest()[..end]).map_err(|_| told(&"it is not UTF-8 text"))?;
    let value = Value::parse(text).map_err(|error| told(&error))?;
    tape.take(end);
    Ok(value)
}

/// Reads the name of a member, and the colon after it.
async fn name(tape: &mut Tape) -> Outcome<Value> {
    if space(tape).await? != Some(b'"') {
        return Err(broken(tape));
    }
    let name = value(tape).await?;
    if space(tape).await? != Some(b':') {
        return Err(broken(tape));
    }
    tape.take(1);
    space(tape).await?;
    Ok(name)
}

/// A member as an item.
async fn member(tape: &mut Tape) -> Outcome<Value> {
    let mut item = ObjectBuilder::with_capacity(2);
    item.insert("Key", name(tape).await?);
    item.insert("Value", value(tape).await?);
    Ok(item.build().into())
}

/// Goes past the value at the front, however large it is.
async fn skip(tape: &mut Tape) -> Outcome<()> {
    let mut walk = Walk::default();
    loop {
        match walk.over(tape.rest(), tape.ended()) {
            End::At(end) => {
                tape.take(end);
                return Ok(());
            }
            End::Never => return Err(broken(tape)),
            End::Later => {
                tape.take(tape.rest().len());
                tape.more().await?;
            }
        }
    }
}

/// Goes past the value at the front and the comma after it; says whether another comes.
async fn past(tape: &mut Tape) -> Outcome<bool> {
    skip(tape).await?;
    match space(tape).await? {
        Some(b',') => {
            tape.take(1);
            space(tape).await?;
            Ok(true)
        }
        Some(b']' | b'}') => Ok(false),
        _ => Err(broken(tape)),
    }
}

/// Goes into the object at the front, to a member's value.
async fn to_member(tape: &mut Tape, wanted: &str) -> Outcome<bool> {
    tape.take(1);
    if space(tape).await? == Some(b'}') {
        return Ok(false);
    }
    loop {
        if name(tape).await?.as_str() == Some(wanted) {
            return Ok(true);
        }
        if !past(tape).await? {
            return Ok(false);
        }
    }
}

/// Goes into the array at the front, to an element.
async fn to_element(tape: &mut Tape, wanted: &str) -> Outcome<bool> {
    let Ok(index) = wanted.parse::<u64>() else { return Ok(false) };
    tape.take(1);
    if space(tape).await? == Some(b']') {
        return Ok(false);
    }
    for _ in 0..index {
        if !past(tape).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tape;

    async fn read(pointer: &str, text: &str, chunk: usize) -> Outcome<String> {
        let json = Json::at(pointer)?;
        let mut tape = tape(text, chunk);
        let (mut known, mut items) = (None, Vec::new());
        loop {
            let mut page = PageBuilder::new(2);
            known = json.read(&mut tape, known.as_ref(), &mut page).await?;
            items.extend(page.build(None).items);
            if known.is_none() {
                return Ok(Value::from(items).to_json());
            }
        }
    }

    async fn check(pointer: &str, text: &str, expected: &str) {
        for chunk in [1, 2, 5, text.len().max(1)] {
            let found = read(pointer, text, chunk).await.unwrap_or_else(|failed| failed.0);
            assert_eq!(found, expected, "in chunks of {chunk}");
        }
    }

    #[tokio::test]
    async fn elements_and_members_are_items() {
        check("", r#"[1, "a,]" ,{"b":[2]},null,-1.50e3]"#, r#"[1,"a,]",{"b":[2]},null,-1.50e3]"#).await;
        check("", "\u{feff} \n[ ] ", "[]").await;
        check("", "{}", "[]").await;
        check("", r#"{"a": 1, "b\"": [2]}"#, r#"[{"Key":"a","Value":1},{"Key":"b\"","Value":[2]}]"#).await;
    }

    #[tokio::test]
    async fn a_pointer_leads_to_the_items() {
        let text = r#"{"skip":[{"items":[9]},"]"],"a/b":[0,{"items":[1,2,3]}],"z":1}"#;
        check("/a~1b/1/items", text, "[1,2,3]").await;
        check("/skip/0/items", text, "[9]").await;
        check("/z", text, "Attempting to map over non-iterable node.").await;
        check("/skip/7", text, "The ItemsPointer /skip/7 leads nowhere in the file.").await;
        check("/none", text, "The ItemsPointer /none leads nowhere in the file.").await;
        check("/z/y", text, "The ItemsPointer /z/y leads nowhere in the file.").await;
    }

    #[tokio::test]
    async fn what_is_wrong_is_told_with_its_place() {
        check("", "\"text\"", "Attempting to map over non-iterable node.").await;
        check("", "", "Attempting to map over non-iterable node.").await;
        check("", "[1,2", "The file is not valid JSON: it ends early, at byte 4.").await;
        check("", "[1 2]", "The file is not valid JSON at byte 3.").await;
        check("", r#"{"a" 1}"#, "The file is not valid JSON at byte 5.").await;
        let failed = read("", "[1,nul]", 3).await.unwrap_err();
        assert!(failed.0.starts_with("The item at byte 3 is not valid JSON: "), "{failed}");
    }
}
