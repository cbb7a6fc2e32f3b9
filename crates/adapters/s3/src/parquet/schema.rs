//! What a row is made of: a file's schema, understood.
//!
//! Lists and maps are written in several ways; those that
//! <https://github.com/apache/parquet-format/blob/master/LogicalTypes.md> asks readers to know are known.

use std::collections::HashSet;
use std::ops::Range;

use ::parquet::basic::{ConvertedType, LogicalType, Repetition};
use ::parquet::schema::types::{SchemaDescriptor, Type};
use newel_value::Str;

use super::thrift::MOST_LEVELS;

/// Something that a row has, or the row itself.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) shape: Shape,
    /// Which columns it is in.
    pub(super) columns: Range<usize>,
    /// The definition level from which on it isn't null; `None` if it can't be.
    pub(super) there_from: Option<i16>,
}

/// What it looks like.
#[derive(Debug)]
pub(super) enum Shape {
    /// A value of a column.
    Value,
    /// Members by name.
    Struct(Vec<(Str, Node)>),
    /// Elements.
    List(Repeated, Box<Node>),
    /// Members whose names are data.
    Map(Repeated, Box<Node>, Box<Node>),
}

/// Levels of what is there any number of times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repeated {
    /// The definition level from which on there is one.
    pub(super) some_from: i16,
    /// The repetition level from which on there is one more.
    pub(super) more_from: i16,
}

/// Where in the schema one is.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    definition: i16,
    repetition: i16,
    depth: usize,
}

type Understood<T> = Result<T, String>;

/// A row of this schema.
pub(super) fn understand(schema: &SchemaDescriptor) -> Understood<Node> {
    let mut next = 0;
    let row = members(schema.root_schema(), &mut next, Place::default())?;
    if next != schema.num_columns() {
        return Err("its schema is damaged".to_owned());
    }
    Ok(Node { shape: row, columns: 0..next, there_from: None })
}

fn members(group: &Type, next: &mut usize, place: Place) -> Understood<Shape> {
    let fields = group.get_fields();
    if fields.is_empty() {
        return Err(format!("{:?} has no columns", group.name()));
    }
    let mut names = HashSet::with_capacity(fields.len());
    let mut members = Vec::with_capacity(fields.len());
    for field in fields {
        if !names.insert(field.name()) {
            return Err(format!("two columns have the name {:?}", field.name()));
        }
        members.push((field.name().into(), node(field, next, place)?));
    }
    Ok(Shape::Struct(members))
}

/// A field where it stands.
fn node(field: &Type, next: &mut usize, place: Place) -> Understood<Node> {
    match field.get_basic_info().repetition() {
        Repetition::REQUIRED => once(field, next, place, None),
        Repetition::OPTIONAL => {
            let place = Place { definition: place.definition + 1, ..place };
            once(field, next, place, Some(place.definition))
        }
        // Repeated by itself: a list that is always there.
        Repetition::REPEATED => {
            let begun = *next;
            let (place, repeated) = place.within();
            let element = once(field, next, place, None)?;
            Ok(Node {
                shape: Shape::List(repeated, Box::new(element)),
                columns: begun..*next,
                there_from: None,
            })
        }
    }
}

impl Place {
    /// Within something repeated.
    const fn within(self) -> (Self, Repeated) {
        let (some_from, more_from) = (self.definition + 1, self.repetition + 1);
        (
            Self { definition: some_from, repetition: more_from, depth: self.depth },
            Repeated { some_from, more_from },
        )
    }
}

/// A field, whether it is repeated or not.
fn once(field: &Type, next: &mut usize, place: Place, there_from: Option<i16>) -> Understood<Node> {
    let place = Place { depth: place.depth + 1, ..place };
    if place.depth > MOST_LEVELS {
        return Err("its schema is too deep".to_owned());
    }
    let begun = *next;
    let shape = if field.is_primitive() {
        *next += 1;
        Shape::Value
    } else if is_list(field) {
        list(field, next, place)?
    } else if is_map(field) {
        map(field, next, place)?
    } else {
        members(field, next, place)?
    };
    Ok(Node { shape, columns: begun..*next, there_from })
}

fn is_list(field: &Type) -> bool {
    let info = field.get_basic_info();
    info.logical_type_ref() == Some(&LogicalType::List) || info.converted_type() == ConvertedType::LIST
}

fn is_map(field: &Type) -> bool {
    let info = field.get_basic_info();
    let converted = matches!(info.converted_type(), ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE);
    info.logical_type_ref() == Some(&LogicalType::Map) || converted
}

/// The one repeated field of a list or map.
fn repeated<'a>(field: &'a Type, what: &str) -> Understood<&'a Type> {
    match field.get_fields() {
        [only] if only.get_basic_info().repetition() == Repetition::REPEATED => Ok(only),
        _ => Err(format!("the {what} {:?} isn't one", field.name())),
    }
}

fn list(field: &Type, next: &mut usize, place: Place) -> Understood<Shape> {
    let repeated = repeated(field, "list")?;
    let (place, levels) = place.within();
    let element = match wrapped(repeated) {
        Some(element) => node(element, next, place)?,
        None => once(repeated, next, place, None)?,
    };
    Ok(Shape::List(levels, Box::new(element)))
}

/// What a list's repeated field wraps, unless it is the element itself, as older writers have it.
fn wrapped(repeated: &Type) -> Option<&Type> {
    if repeated.is_primitive() || is_list(repeated) || is_map(repeated) {
        return None;
    }
    let [only] = repeated.get_fields() else { return None };
    let itself = repeated.name() == "array" || repeated.name().ends_with("_tuple");
    let element = !itself && only.get_basic_info().repetition() != Repetition::REPEATED;
    element.then_some(only)
}

fn map(field: &Type, next: &mut usize, place: Place) -> Understood<Shape> {
    let entry = repeated(field, "map")?;
    let (place, levels) = place.within();
    match entry.is_primitive() {
        false if entry.get_fields().len() == 2 => {
            let [key, value] = [&entry.get_fields()[0], &entry.get_fields()[1]];
            let key = node(key, next, place)?;
            if !matches!(key.shape, Shape::Value) {
                return Err(format!("the keys of the map {:?} aren't single values", field.name()));
            }
            Ok(Shape::Map(levels, Box::new(key), Box::new(node(value, next, place)?)))
        }
        // A map without values is the list of its keys.
        false if entry.get_fields().len() == 1 => {
            let key = node(&entry.get_fields()[0], next, place)?;
            Ok(Shape::List(levels, Box::new(key)))
        }
        _ => Err(format!("the map {:?} isn't one", field.name())),
    }
}
