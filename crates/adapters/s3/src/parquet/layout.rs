//! What the structures of a footer and of a page's header are made of, as far as the decoder knows their fields.
//!
//! The decoder believes what lists say of their length and passes over fields that it doesn't know, a call an element: a list
//! of two billion booleans, which it takes to have no bytes, keeps it busy for minutes. So all bytes are gone over here before
//! it gets them. What it knows by number must have the type that it reads, or the two would read different things.

use super::thrift::{
    BINARY, BYTE, DOUBLE, FALSE, I16, I32, I64, LIST, MAP, SCHEMA, SET, STOP, STRUCT, TRUE, UUID, Walk,
};

/// Structures in structures at most, where nobody knows them.
const MOST_NESTED: usize = 32;

/// What a field that the decoder knows must be.
enum Form {
    Bool,
    Of(u8),
    Struct(Layout),
    ListOf(u8),
    Structs(Layout),
}

/// The fields of a structure that the decoder knows, by number.
type Layout = &'static [(i64, Form)];

const INT: Form = Form::Of(I32);
const LONG: Form = Form::Of(I64);
const TEXT: Form = Form::Of(BINARY);

const KEY_VALUE: Layout = &[(1, TEXT), (2, TEXT)];
const SORTING: Layout = &[(1, INT), (2, Form::Bool), (3, Form::Bool)];
const ENCODING_STATISTICS: Layout = &[(1, INT), (2, INT), (3, INT)];
const BOX: Layout = &[
    (1, Form::Of(DOUBLE)),
    (2, Form::Of(DOUBLE)),
    (3, Form::Of(DOUBLE)),
    (4, Form::Of(DOUBLE)),
    (5, Form::Of(DOUBLE)),
    (6, Form::Of(DOUBLE)),
    (7, Form::Of(DOUBLE)),
    (8, Form::Of(DOUBLE)),
];
const GEOSPATIAL: Layout = &[(1, Form::Struct(BOX)), (2, Form::ListOf(I32))];
// Statistics (12 and 16) and texts of its own (3 and 8) are passed over.
const COLUMN: Layout = &[
    (1, INT),
    (2, Form::ListOf(I32)),
    (4, INT),
    (5, LONG),
    (6, LONG),
    (7, LONG),
    (9, LONG),
    (10, LONG),
    (11, LONG),
    (13, Form::Structs(ENCODING_STATISTICS)),
    (14, LONG),
    (15, INT),
    (17, Form::Struct(GEOSPATIAL)),
];
const CHUNK: Layout =
    &[(1, TEXT), (2, LONG), (3, Form::Struct(COLUMN)), (4, LONG), (5, INT), (6, LONG), (7, INT)];
const ROW_GROUP: Layout = &[
    (1, Form::Structs(CHUNK)),
    (2, LONG),
    (3, LONG),
    (4, Form::Structs(SORTING)),
    (5, LONG),
    (7, Form::Of(I16)),
];
const ORDER: Layout = &[(1, Form::Struct(&[])), (2, Form::Struct(&[])), (3, Form::Struct(&[]))];
const FOOTER: Layout = &[
    (3, LONG),
    (4, Form::Structs(ROW_GROUP)),
    (5, Form::Structs(KEY_VALUE)),
    (6, TEXT),
    (7, Form::Structs(ORDER)),
];

const DATA: Layout = &[(1, INT), (2, INT), (3, INT), (4, INT)];
const DICTIONARY: Layout = &[(1, INT), (2, INT), (3, Form::Bool)];
const DATA_V2: Layout = &[(1, INT), (2, INT), (3, INT), (4, INT), (5, INT), (6, INT), (7, Form::Bool)];
const PAGE: Layout = &[
    (1, INT),
    (2, INT),
    (3, INT),
    (4, INT),
    (5, Form::Struct(DATA)),
    (6, Form::Struct(&[])),
    (7, Form::Struct(DICTIONARY)),
    (8, Form::Struct(DATA_V2)),
];

/// Whether these bytes begin with a page's header.
pub(super) fn is_page_header(bytes: &[u8]) -> bool {
    Walk(bytes).fields(PAGE, 0, 0).is_some()
}

impl Walk<'_> {
    /// Goes over what comes after a footer's schema.
    pub(super) fn after_schema(&mut self) -> Option<()> {
        self.fields(FOOTER, SCHEMA, SCHEMA)
    }

    /// Goes over the fields of a structure, after one of a number. None may have a number up to `passed`, which came already.
    fn fields(&mut self, layout: Layout, mut id: i64, passed: i64) -> Option<()> {
        loop {
            let kind = self.field(&mut id)?;
            if kind == STOP {
                return Some(());
            }
            if id <= passed {
                return None;
            }
            match layout.iter().find(|(known, _)| *known == id) {
                Some((_, form)) => self.known(kind, form)?,
                None => self.pass(kind, MOST_NESTED)?,
            }
        }
    }

    fn known(&mut self, kind: u8, form: &Form) -> Option<()> {
        match (form, kind) {
            (Form::Bool, TRUE | FALSE) => Some(()),
            (Form::Of(expected), kind) if *expected == kind => self.pass(kind, 1),
            (Form::Struct(layout), STRUCT) => self.fields(layout, 0, 0),
            (Form::ListOf(expected), LIST) => {
                let (kind, count) = self.list()?;
                (0..count).try_for_each(|_| if kind == *expected { self.pass(kind, 1) } else { None })
            }
            (Form::Structs(layout), LIST) => {
                let (kind, count) = self.list()?;
                (0..count).try_for_each(|_| if kind == STRUCT { self.fields(layout, 0, 0) } else { None })
            }
            _ => None,
        }
    }

    /// Passes over what the decoder passes over as well.
    fn pass(&mut self, kind: u8, nested: usize) -> Option<()> {
        let nested = nested.checked_sub(1)?;
        match kind {
            TRUE | FALSE => Some(()),
            BYTE => self.skip_bytes(1),
            I16 | I32 | I64 => self.integer().map(drop),
            DOUBLE => self.skip_bytes(8),
            UUID => self.skip_bytes(16),
            BINARY => self.skip_binary(),
            STRUCT => loop {
                let kind = self.field(&mut 0)?;
                if kind == STOP {
                    return Some(());
                }
                self.pass(kind, nested)?;
            },
            LIST | SET => {
                let (kind, count) = self.list()?;
                (0..count).try_for_each(|_| self.element(kind, nested))
            }
            MAP => {
                let count = self.count()?;
                let kinds = if count > 0 { self.byte()? } else { 0 };
                (0..count).try_for_each(|_| {
                    self.element(kinds >> 4, nested)?;
                    self.element(kinds & 0x0f, nested)
                })
            }
            _ => None,
        }
    }

    /// Passes over an element. Booleans have a byte here, but none for the decoder: nothing it passes over has lists of them.
    fn element(&mut self, kind: u8, nested: usize) -> Option<()> {
        if matches!(kind, TRUE | FALSE) { None } else { self.pass(kind, nested) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_headers_are_gone_over() {
        // A data page of 1 value: its type, sizes, and header.
        let good = [0x15, 0, 0x15, 8, 0x15, 8, 0x2c, 0x15, 2, 0x15, 0, 0x15, 6, 0x15, 6, 0, 0];
        assert!(is_page_header(&good));
        for end in 0..good.len() {
            assert!(!is_page_header(&good[..end]), "{end}");
        }
        let with = |field: &[u8]| [&good[..good.len() - 1], field, &[0; 9]].concat();
        // Unknown fields: a binary, a list of numbers, a map of texts, a structure with a boolean.
        for field in
            [&[0x58, 1, b'x'][..], &[0x59, 0x25, 2, 4], &[0x5b, 1, 0x88, 1, b'a', 0], &[0x5c, 0x11, 0]]
        {
            assert!(is_page_header(&with(field)), "{field:?}");
        }
        for (field, why) in [
            (&[0x59, 0xf1, 0xff, 0xff, 0xff, 0xff, 7][..], "two billion booleans"),
            (&[0x59, 0x31], "three booleans"),
            (&[0x5a, 0xf7, 0xff, 0xff, 0xff, 0xff, 7], "two billion doubles"),
            (&[0x5b, 0xff, 0xff, 0xff, 0xff, 7, 0x11], "a map of booleans"),
            (&[0x05, 0x82, 0x80, 8, 0], "a number that the decoder cuts short"),
            (&[0x08, 4, 0], "a page's size that is no number"),
            (&[0x59, 0xf0, 1], "a list of nothing"),
            (&[0x5c; 100], "too deep"),
        ] {
            assert!(!is_page_header(&with(field)), "{why}");
        }
    }
}
