//! A look at a footer before it is decoded: the decoder makes a tree of the schema as deep and as wide as the footer says,
//! and what it says may be a lie.
//!
//! A footer is a structure in Thrift's compact protocol. Its second field lists the schema's elements, parents before their
//! children, each with the number of its children. Every field's type is told as well, but the decoder goes by its number: so
//! what has another type than it should is refused here, or the two would read different things.
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>,
//! <https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>

/// Elements of a schema at most.
const MOST_ELEMENTS: usize = 20_000;
/// Levels of a schema at most. A list takes two or three, a map two.
pub(super) const MOST_LEVELS: usize = 64;

/// Fields of a footer and of an element.
const VERSION: i64 = 1;
pub(super) const SCHEMA: i64 = 2;
const NAME: i64 = 4;
const CHILDREN: i64 = 5;
const NUMBERS: std::ops::RangeInclusive<i64> = 1..=9;
const LOGICAL_TYPE: i64 = 10;

/// Types of fields. A boolean's type is its value.
pub(super) const STOP: u8 = 0;
pub(super) const TRUE: u8 = 1;
pub(super) const FALSE: u8 = 2;
pub(super) const BYTE: u8 = 3;
pub(super) const I16: u8 = 4;
pub(super) const I32: u8 = 5;
pub(super) const I64: u8 = 6;
pub(super) const DOUBLE: u8 = 7;
pub(super) const BINARY: u8 = 8;
pub(super) const LIST: u8 = 9;
pub(super) const SET: u8 = 10;
pub(super) const MAP: u8 = 11;
pub(super) const STRUCT: u8 = 12;
pub(super) const UUID: u8 = 13;

/// The types of a logical type's fields, the first field's first.
const fn logical_type(id: i64) -> &'static [u8] {
    match id {
        // DECIMAL: scale and precision.
        5 => &[I32, I32],
        // TIME and TIMESTAMP: whether it is adjusted to UTC, and the unit.
        7 | 8 => &[TRUE, STRUCT],
        // INTEGER: its width, and whether it has a sign.
        10 => &[BYTE, TRUE],
        // VARIANT, GEOMETRY and GEOGRAPHY.
        16 => &[BYTE],
        17 => &[BINARY],
        18 => &[BINARY, I32],
        _ => &[],
    }
}

/// Looks at a footer; says what is wrong with it.
pub(super) fn check_footer(footer: &[u8]) -> Result<(), &'static str> {
    let mut walk = Walk(footer);
    let elements = walk.schema().ok_or("its footer is damaged")?;
    let Some(elements) = elements else { return Err("its schema has too many columns") };
    // How many children of each element on the way down are still to come.
    let mut open: Vec<i64> = Vec::new();
    let left = i64::try_from(elements.len()).unwrap_or(i64::MAX);
    for children in elements {
        if !(0..left).contains(&children) {
            return Err("its schema is damaged");
        }
        while open.last() == Some(&0) {
            open.pop();
        }
        if let Some(siblings) = open.last_mut() {
            *siblings -= 1;
        }
        open.push(children);
        if open.len() > MOST_LEVELS {
            return Err("its schema is too deep");
        }
    }
    walk.after_schema().ok_or("its footer is damaged")
}

/// What is left of a footer, or of a page's header. Everything gives `None` where the bytes end early or make no sense.
pub(super) struct Walk<'a>(pub(super) &'a [u8]);

impl Walk<'_> {
    /// The number of children of each element of the schema; `None` within if there are too many.
    fn schema(&mut self) -> Option<Option<Vec<i64>>> {
        let mut id = 0;
        // Nothing comes before the schema but the version.
        if (self.field(&mut id)?, id) == (I32, VERSION) {
            self.integer()?;
            if (self.field(&mut id)?, id) != (LIST, SCHEMA) {
                return None;
            }
        } else {
            return None;
        }
        let (kind, count) = self.list()?;
        if kind != STRUCT {
            return None;
        }
        if count > MOST_ELEMENTS {
            return Some(None);
        }
        (0..count).map(|_| self.children()).collect::<Option<_>>().map(Some)
    }

    /// The number of children that one element says it has.
    fn children(&mut self) -> Option<i64> {
        let (mut id, mut children) = (0, 0);
        loop {
            match (self.field(&mut id)?, id) {
                (STOP, _) => return Some(children),
                (I32, CHILDREN) => children = self.integer()?,
                (BINARY, NAME) => self.skip_binary()?,
                (I32, id) if NUMBERS.contains(&id) && id != NAME => _ = self.integer()?,
                (STRUCT, LOGICAL_TYPE) => self.logical_type()?,
                _ => return None,
            }
        }
    }

    /// Passes over a logical type, which is one of several structures.
    fn logical_type(&mut self) -> Option<()> {
        let mut id = 0;
        if self.field(&mut id)? != STRUCT {
            return None;
        }
        let types = logical_type(id);
        let mut member = 0;
        loop {
            let found = self.field(&mut member)?;
            if found == STOP {
                break;
            }
            let expected = usize::try_from(member - 1).ok().and_then(|member| types.get(member))?;
            match (*expected, found) {
                (TRUE, TRUE | FALSE) => {}
                (BYTE, BYTE) => _ = self.byte()?,
                (I32, I32) => _ = self.integer()?,
                (BINARY, BINARY) => self.skip_binary()?,
                // A unit is one of several structures without fields.
                (STRUCT, STRUCT) => {
                    let unit = [self.field(&mut 0)?, self.byte()?, self.byte()?];
                    if unit != [STRUCT, STOP, STOP] {
                        return None;
                    }
                }
                _ => return None,
            }
        }
        (self.field(&mut id)? == STOP).then_some(())
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    pub(super) fn integer(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// The kind of the next field; `id` becomes its number, which has 16 bits.
    pub(super) fn field(&mut self, id: &mut i64) -> Option<u8> {
        let head = self.byte()?;
        let kind = head & 0x0f;
        if kind != STOP {
            *id = match head >> 4 {
                0 => self.integer()?,
                more => id.checked_add(i64::from(more))?,
            };
            i16::try_from(*id).ok()?;
        }
        Some(kind)
    }

    /// What a list has, and how much.
    pub(super) fn list(&mut self) -> Option<(u8, usize)> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.count()?,
            count => usize::from(count),
        };
        Some((head & 0x0f, count))
    }

    /// How many elements something has. Each takes a byte at least.
    pub(super) fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.varint()?).ok()?;
        (count <= self.0.len()).then_some(count)
    }

    pub(super) fn skip_binary(&mut self) -> Option<()> {
        let length = self.varint()?;
        self.skip_bytes(usize::try_from(length).ok()?)
    }

    pub(super) fn skip_bytes(&mut self, count: usize) -> Option<()> {
        self.0 = self.0.get(count..)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A footer with nothing but a version and these elements, each a name and its number of children.
    fn footer(children: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x15, 0x02, 0x19, 0xfc];
        let mut count = children.len();
        while count > 0x7f {
            bytes.push(u8::try_from(count & 0x7f).unwrap() | 0x80);
            count >>= 7;
        }
        bytes.push(u8::try_from(count).unwrap());
        for children in children {
            bytes.extend([0x48, 1, b'n', 0x15, children << 1, 0]);
        }
        bytes.push(0);
        bytes
    }

    #[test]
    fn what_a_schema_says_is_not_believed() {
        let deep = |levels: usize| [vec![1; levels - 1], vec![0]].concat();
        for (children, expected) in [
            (vec![2, 0, 0], Ok(())),
            (vec![2, 1, 0, 0], Ok(())),
            (deep(MOST_LEVELS), Ok(())),
            (deep(MOST_LEVELS + 1), Err("its schema is too deep")),
            (vec![3, 0, 0], Err("its schema is damaged")),
            (vec![0; MOST_ELEMENTS + 1], Err("its schema has too many columns")),
        ] {
            assert_eq!(check_footer(&footer(&children)), expected, "{} elements", children.len());
        }
    }

    #[test]
    fn damage_is_noticed_wherever_it_is() {
        let whole = footer(&[2, 0, 0]);
        for end in 0..whole.len() {
            assert_eq!(check_footer(&whole[..end]), Err("its footer is damaged"), "{end}");
        }
        // A list that claims to be longer than the footer.
        assert!(check_footer(&[0x15, 2, 0x19, 0xfc, 0xff, 0xff, 0xff, 0x7f]).is_err());
        // A number of children of another type, and another field before the schema.
        let mut other = footer(&[0]);
        let at = other.iter().rposition(|byte| *byte == 0x15).unwrap();
        other[at] = 0x13;
        assert!(check_footer(&other).is_err() && check_footer(&[0x1c; 10_000]).is_err());
        // After the schema: an unknown list of two billion booleans, a maker that is no text, and another schema.
        for field in [&[0xa9, 0xf1, 0xff, 0xff, 0xff, 0xff, 7][..], &[0x41], &[0x09, 4, 0x0c]] {
            let with = [&whole[..whole.len() - 1], field, &[0; 9]].concat();
            assert_eq!(check_footer(&with), Err("its footer is damaged"), "{field:?}");
        }
    }
}
