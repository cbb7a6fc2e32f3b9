//! JSON Lines: a JSON value a line.

use newel_value::Value;

use crate::objects::{Failed, Outcome};
use crate::page::PageBuilder;
use crate::tape::Tape;

/// Reads lines into a page; gives what has to be known to go on, or `None` at the end.
pub(crate) async fn read(
    tape: &mut Tape,
    known: Option<&Value>,
    page: &mut PageBuilder,
) -> Outcome<Option<Value>> {
    if known.is_none() {
        tape.skip_mark().await?;
    }
    loop {
        if page.is_full() {
            return Ok(Some(Value::Null));
        }
        let at = tape.position();
        let Some(line) = line(tape).await? else { return Ok(None) };
        if line.trim().is_empty() {
            continue;
        }
        let item = Value::parse(&line)
            .map_err(|error| Failed(format!("The line at byte {at} is not valid JSON: {error}")))?;
        page.push(item, line.len());
    }
}

/// Takes the next line off a tape.
pub(crate) async fn line(tape: &mut Tape) -> Outcome<Option<String>> {
    if tape.first().await?.is_none() {
        return Ok(None);
    }
    let mut looked = 0;
    let (length, whole) = loop {
        match tape.rest()[looked..].iter().position(|byte| *byte == b'\n') {
            Some(at) => break (looked + at, looked + at + 1),
            None if tape.ended() => break (tape.rest().len(), tape.rest().len()),
            None => {
                looked = tape.rest().len();
                tape.more().await?;
            }
        }
    };
    let at = tape.position();
    let line = String::from_utf8(tape.rest()[..length].to_vec())
        .map_err(|_| Failed(format!("The line at byte {at} is not UTF-8 text.")))?;
    tape.take(whole);
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tape;

    async fn check(text: &str, expected: &str) {
        for chunk in [1, 2, 5, text.len().max(1)] {
            let mut tape = tape(text, chunk);
            let (mut known, mut items, mut failed) = (None, Vec::new(), None);
            loop {
                let mut page = PageBuilder::new(2);
                match read(&mut tape, known.as_ref(), &mut page).await {
                    Ok(next) => known = next,
                    Err(error) => failed = Some(error.0),
                }
                items.extend(page.build(None).items);
                if known.is_none() || failed.is_some() {
                    break;
                }
            }
            assert_eq!(
                failed.unwrap_or_else(|| Value::from(items).to_json()),
                expected,
                "in chunks of {chunk}"
            );
        }
    }

    #[tokio::test]
    async fn lines_are_items() {
        check("{\"a\":1}\n\r\n[2]\r\n3", r#"[{"a":1},[2],3]"#).await;
        check("\u{feff}1\n", "[1]").await;
        check("", "[]").await;
        let broken = Value::parse("{").unwrap_err();
        check("1\n{\n", &format!("The line at byte 2 is not valid JSON: {broken}")).await;
    }
}
