//! Which names the service takes
//! (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html>).

/// Characters of the name of a state machine, activity, execution, alias or state.
pub const MAX_NAME: usize = 80;
/// Characters of a Map state's label.
pub const MAX_LABEL: usize = 40;
/// Characters of a variable's name.
pub const MAX_VARIABLE: usize = 80;
/// Characters of a tag's key.
pub const MAX_TAG_KEY: usize = 128;
/// Characters of a tag's value.
pub const MAX_TAG_VALUE: usize = 256;

/// Why a name isn't taken. The API turns length faults and character faults into different errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is shorter than one character.
    #[error("name is empty")]
    Empty,
    /// It has more characters than that.
    #[error("name has more than {0} characters")]
    TooLong(usize),
    /// It has a character it may not have.
    #[error("name has the forbidden character {0:?}")]
    Character(char),
    /// It begins with `aws:`, which is kept for AWS, or is all digits where that means a version.
    #[error("name is reserved")]
    Reserved,
}

/// Characters that no name may have, beside white space and controls.
const FORBIDDEN: &str = "<>{}[]?*\"#%\\^|~`$&,;:/";
/// Characters that a label may not have, beside white space and controls.
const FORBIDDEN_IN_LABEL: &str = "?*<>{}[]:;,\\|^~$#%&`\"";

/// The name of a state machine, an activity or an execution.
///
/// # Errors
/// Its length is not 1 to [`MAX_NAME`], or it has a character outside AWS's set.
pub fn check_resource(name: &str) -> Result<(), NameError> {
    check(name, MAX_NAME, FORBIDDEN)
}

/// The label of a Map state.
///
/// # Errors
/// Its length is not 1 to [`MAX_LABEL`], or it has a character outside AWS's set.
pub fn check_label(label: &str) -> Result<(), NameError> {
    check(label, MAX_LABEL, FORBIDDEN_IN_LABEL)
}

/// The name of an alias: letters, digits, `_`, `-` and `.`, not only digits (that is a version).
///
/// # Errors
/// Its length is not 1 to [`MAX_NAME`], it has another character, or nothing but digits.
pub fn check_alias(name: &str) -> Result<(), NameError> {
    check_length(name, MAX_NAME)?;
    if let Some(c) = name.chars().find(|c| !c.is_ascii_alphanumeric() && !"_-.".contains(*c)) {
        return Err(NameError::Character(c));
    }
    if name.bytes().all(|b| b.is_ascii_digit()) { Err(NameError::Reserved) } else { Ok(()) }
}

/// A variable's name: an identifier of Unicode's, without `_` at its beginning.
///
/// # Errors
/// Its length is not 1 to [`MAX_VARIABLE`], it has another character, or it is `states`.
pub fn check_variable(name: &str) -> Result<(), NameError> {
    check_length(name, MAX_VARIABLE)?;
    let mut characters = name.chars();
    let first = characters.find(|_| true).filter(|c| !starts_identifier(*c));
    if let Some(c) = first.or_else(|| characters.find(|c| !continues_identifier(*c))) {
        return Err(NameError::Character(c));
    }
    if name == "states" { Err(NameError::Reserved) } else { Ok(()) }
}

/// A tag's key.
///
/// # Errors
/// Its length is not 1 to [`MAX_TAG_KEY`], it has a character outside AWS's set, or begins with `aws:`.
pub fn check_tag_key(key: &str) -> Result<(), NameError> {
    check_length(key, MAX_TAG_KEY)?;
    check_tag_text(key)?;
    if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
        return Err(NameError::Reserved);
    }
    Ok(())
}

/// A tag's value; it may be empty.
///
/// # Errors
/// It has more than [`MAX_TAG_VALUE`] characters, or one outside AWS's set.
pub fn check_tag_value(value: &str) -> Result<(), NameError> {
    if value.chars().count() > MAX_TAG_VALUE {
        return Err(NameError::TooLong(MAX_TAG_VALUE));
    }
    check_tag_text(value)
}

/// Whether a variable's name may begin with it (<https://www.unicode.org/reports/tr31/>).
pub(crate) fn starts_identifier(c: char) -> bool {
    unicode_ident::is_xid_start(c)
}

/// Whether a variable's name may go on with it.
pub(crate) fn continues_identifier(c: char) -> bool {
    unicode_ident::is_xid_continue(c)
}

fn check(name: &str, max: usize, forbidden: &str) -> Result<(), NameError> {
    check_length(name, max)?;
    let bad = |c: &char| {
        c.is_whitespace() || c.is_control() || forbidden.contains(*c) || matches!(c, '\u{FFFE}' | '\u{FFFF}')
    };
    name.chars().find(bad).map_or(Ok(()), |c| Err(NameError::Character(c)))
}

fn check_length(name: &str, max: usize) -> Result<(), NameError> {
    match name.chars().count() {
        0 => Err(NameError::Empty),
        n if n > max => Err(NameError::TooLong(max)),
        _ => Ok(()),
    }
}

fn check_tag_text(text: &str) -> Result<(), NameError> {
    let bad = |c: &char| !(c.is_alphanumeric() || *c == ' ' || "_.:/=+-@".contains(*c));
    text.chars().find(bad).map_or(Ok(()), |c| Err(NameError::Character(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resource_names() {
        for name in ["a", "My-Machine_1.0", "ключ", "a'b", "a=b@c!(d)+e", &"x".repeat(80)] {
            assert_eq!(check_resource(name), Ok(()), "{name}");
        }
        for c in " \t\n<>{}[]?*\"#%\\^|~`$&,;:/\0\u{1f}\u{7f}\u{9f}\u{fffe}\u{ffff}".chars() {
            assert_eq!(check_resource(&format!("a{c}b")), Err(NameError::Character(c)), "{c:?}");
        }
        assert_eq!(check_resource(""), Err(NameError::Empty));
        assert_eq!(check_resource(&"é".repeat(81)), Err(NameError::TooLong(80)));
    }

    #[test]
    fn aliases_variables_labels_and_tags() {
        assert_eq!(check_alias("PROD.v-1_a"), Ok(()));
        assert_eq!(check_alias("12"), Err(NameError::Reserved));
        assert_eq!(check_alias("a b"), Err(NameError::Character(' ')));
        for name in ["größe_1", "हिन्दी", "e\u{301}", "a‿b"] {
            assert_eq!(check_variable(name), Ok(()), "{name}");
        }
        for (name, error) in [
            ("", NameError::Empty),
            ("1a", NameError::Character('1')),
            ("_x", NameError::Character('_')),
            ("a²", NameError::Character('²')),
            ("x.y", NameError::Character('.')),
            ("states", NameError::Reserved),
            (&*"v".repeat(81), NameError::TooLong(80)),
        ] {
            assert_eq!(check_variable(name), Err(error), "{name}");
        }
        assert_eq!(check_label("my-label/1"), Ok(()));
        assert_eq!(check_label("my label"), Err(NameError::Character(' ')));
        assert_eq!(check_tag_key("team/a b"), Ok(()));
        assert_eq!(check_tag_key("AWS:x"), Err(NameError::Reserved));
        assert_eq!(check_tag_key("a?"), Err(NameError::Character('?')));
        assert_eq!(check_tag_value(""), Ok(()));
        assert_eq!(check_tag_value(&"v".repeat(257)), Err(NameError::TooLong(256)));
    }
}
