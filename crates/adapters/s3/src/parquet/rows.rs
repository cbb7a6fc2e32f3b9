//! The rows of a row group, put together from its columns.
//!
//! A column's values come with two levels each: the definition level says how much of the way down to the value is there, the
//! repetition level which of the lists on the way goes on. <https://research.google/pubs/pub36632/>

use std::sync::Arc;

use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use bytes::Bytes;
use newel_asl::transfer::ITEM_BYTES;
use newel_value::{ObjectBuilder, Value};

use super::column::Column;
use super::footer;
use super::pages::{Budget, Pages, width};
use super::schema::{Node, Shape};
use super::source::{ChunkBytes, Stored};

/// Packed bytes of a row group up to which all of it is fetched at once.
const WHOLE: u64 = 8 << 20;
/// Bytes of a column that are fetched at once at least and at most, unless there are very many columns.
const STEP: std::ops::RangeInclusive<usize> = (64 << 10)..=(1 << 20);

/// Rows of a row group that are decoded at once at most.
const ROWS: usize = 1_024;
/// Bytes of the levels of a value.
const LEVELS: usize = 4;

/// A row group that is being read.
pub(super) struct RowGroup {
    pub(super) number: usize,
    /// The row at the front.
    pub(super) row: u64,
    columns: Vec<Column>,
}

fn damaged(why: impl Into<String>) -> ParquetError {
    ParquetError::General(why.into())
}

/// Where a column's bytes are.
fn extents(group: &RowGroupMetaData, total: u64) -> Result<Vec<(u64, u64)>> {
    let extent = |chunk: &::parquet::file::metadata::ColumnChunkMetaData| {
        let begin = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
        let begin = u64::try_from(begin).ok()?;
        let end = begin.checked_add(u64::try_from(chunk.compressed_size()).ok()?)?;
        (end <= total && chunk.file_path().is_none()).then_some((begin, end))
    };
    let extents = group.columns().iter().map(extent).collect::<Option<Vec<_>>>();
    extents.ok_or_else(|| damaged("a column isn't where its footer says"))
}

/// How many rows may be decoded at once: those that take a quarter of the memory, as they are stored and as values.
fn rows_at_once(group: &RowGroupMetaData, most: usize) -> usize {
    let values = group.columns().iter().map(|chunk| width(chunk.column_descr()).1 + LEVELS).sum::<usize>();
    let stored = footer::size(group) / u64::try_from(group.num_rows()).unwrap_or(0).max(1);
    let row = values.max(usize::try_from(stored).unwrap_or(usize::MAX));
    (most / 4 / row.max(1)).clamp(1, ROWS)
}

impl RowGroup {
    /// Opens a row group at its first row.
    pub(super) fn open(
        stored: &Arc<Stored>,
        metadata: &ParquetMetaData,
        number: usize,
        most: usize,
    ) -> Result<Self> {
        let group = metadata.row_groups().get(number).ok_or_else(|| damaged("a row group is missing"))?;
        let rows = usize::try_from(group.num_rows())?;
        let extents = extents(group, stored.total)?;
        let begin = extents.iter().map(|extent| extent.0).min().unwrap_or(0);
        let end = extents.iter().map(|extent| extent.1).max().unwrap_or(0);
        let known = match usize::try_from(end - begin) {
            Ok(all) if end - begin <= WHOLE => {
                stored.fetch(begin, all).map_err(|failed| ParquetError::External(Box::new(failed)))?
            }
            _ => Bytes::new(),
        };
        let step = usize::try_from(WHOLE).unwrap_or(usize::MAX) / extents.len().max(1);
        // Windows of all columns have a quarter of the memory.
        let step = step.clamp(*STEP.start(), *STEP.end()).min(most / 4 / extents.len().max(1)).max(1);
        let budget = Arc::new(Budget::new(most));
        let rows_at_once = rows_at_once(group, most);
        let mut columns = Vec::with_capacity(extents.len());
        for (chunk, (from, to)) in group.columns().iter().zip(extents) {
            let here = match (usize::try_from(from - begin), usize::try_from(to - begin)) {
                (Ok(first), Ok(last)) if !known.is_empty() => known.slice(first..last),
                _ => Bytes::new(),
            };
            let bytes = ChunkBytes::new(Arc::clone(stored), (from, to), here, step, Arc::clone(&budget))?;
            let pages = Pages::new(bytes, chunk, rows, rows_at_once, Arc::clone(&budget))?;
            columns.push(Column::new(&chunk.column_descr_ptr(), pages, Arc::clone(&budget)));
        }
        Ok(Self { number, row: 0, columns })
    }

    /// Passes over rows up to one.
    pub(super) fn skip_to(&mut self, row: u64) -> Result<()> {
        let rows = usize::try_from(row - self.row).map_err(|_| damaged("a row group has too many rows"))?;
        for column in &mut self.columns {
            column.skip(rows)?;
        }
        self.row = row;
        Ok(())
    }

    /// The next row, and about how many bytes it has as JSON.
    pub(super) fn next(&mut self, node: &Node) -> Result<(Value, usize)> {
        for column in &mut self.columns {
            column.begin_row()?;
        }
        let mut row = Row { columns: &mut self.columns, bytes: 0 };
        let value = row.read(node)?;
        let bytes = row.bytes;
        if self.columns.iter().any(|column| column.repetition() > 0) {
            return Err(damaged("its columns have different rows"));
        }
        self.row += 1;
        Ok((value, bytes))
    }
}

/// A row being put together.
struct Row<'a> {
    columns: &'a mut [Column],
    bytes: usize,
}

impl Row<'_> {
    /// Counts bytes; a row is an item, which is bounded.
    fn count(&mut self, bytes: usize) -> Result<()> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > ITEM_BYTES {
            return Err(damaged(format!(
                "a row is larger than {ITEM_BYTES} bytes, which is the most that an item may have"
            )));
        }
        Ok(())
    }

    /// The column that says what becomes of something: all that it is in agree, and this is the first.
    fn first(&self, node: &Node) -> Result<&Column> {
        self.columns.get(node.columns.start).ok_or_else(|| damaged("a column is missing"))
    }

    fn read(&mut self, node: &Node) -> Result<Value> {
        if let Some(level) = node.there_from
            && self.first(node)?.definition()? < level
        {
            self.count(4)?;
            self.pass(node)?;
            return Ok(Value::Null);
        }
        match &node.shape {
            Shape::Value => {
                let column = self.columns.get_mut(node.columns.start);
                let (value, bytes) = column.ok_or_else(|| damaged("a column is missing"))?.take()?;
                self.count(bytes)?;
                Ok(value)
            }
            Shape::Struct(members) => {
                let mut object = ObjectBuilder::with_capacity(members.len());
                for (name, member) in members {
                    self.count(name.len() + 4)?;
                    object.insert(name.clone(), self.read(member)?);
                }
                Ok(object.build().into())
            }
            Shape::List(levels, element) => {
                let mut elements = Vec::new();
                if self.first(node)?.definition()? < levels.some_from {
                    self.pass(node)?;
                    return Ok(elements.into());
                }
                loop {
                    self.count(2)?;
                    elements.push(self.read(element)?);
                    if self.first(node)?.repetition() < levels.more_from {
                        return Ok(elements.into());
                    }
                }
            }
            Shape::Map(levels, key, value) => {
                let mut members = ObjectBuilder::with_capacity(4);
                if self.first(node)?.definition()? < levels.some_from {
                    self.pass(node)?;
                    return Ok(members.build().into());
                }
                loop {
                    self.count(4)?;
                    let name = self.read(key)?;
                    let name = name.as_str().map_or_else(|| name.to_json(), str::to_owned);
                    members.insert(name, self.read(value)?);
                    if self.first(node)?.repetition() < levels.more_from {
                        return Ok(members.build().into());
                    }
                }
            }
        }
    }

    /// Goes on over what isn't there: it stands once in each of its columns.
    fn pass(&mut self, node: &Node) -> Result<()> {
        let columns = self.columns.get_mut(node.columns.clone());
        columns.ok_or_else(|| damaged("a column is missing"))?.iter_mut().try_for_each(Column::advance)
    }
}
