//! The values of one column of one row group, with their levels, some rows at a time.

use std::sync::Arc;

use ::parquet::basic::Type as Physical;
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader, get_typed_column_reader};
use ::parquet::data_type::{
    BoolType, ByteArrayType, DataType, DoubleType, FixedLenByteArrayType, FloatType, Int32Type, Int64Type,
    Int96Type,
};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::schema::types::ColumnDescPtr;

use super::pages::{Budget, Pages, Share};
use super::scalar::{Meaning, Primitive, Scalar};

fn damaged(why: &str) -> ParquetError {
    ParquetError::General(why.to_owned())
}

/// Values of any type.
trait Values: Send {
    /// Decodes rows instead of those that were decoded before.
    fn fill(&mut self, rows: usize, definitions: &mut Vec<i16>, repetitions: &mut Vec<i16>)
    -> Result<Filled>;

    /// Passes over rows; says over how many.
    fn skip(&mut self, rows: usize) -> Result<usize>;

    /// A value among those that were decoded; there is none where it is null.
    fn told(&self, at: usize, meaning: Meaning) -> Result<Scalar>;
}

/// What was decoded.
struct Filled {
    rows: usize,
    levels: usize,
    /// Bytes that it takes, but for those that are the page's.
    bytes: usize,
}

struct Typed<T: DataType> {
    reader: ColumnReaderImpl<T>,
    values: Vec<T::T>,
}

impl<T: DataType> Values for Typed<T>
where
    T::T: Primitive,
{
    fn fill(
        &mut self,
        rows: usize,
        definitions: &mut Vec<i16>,
        repetitions: &mut Vec<i16>,
    ) -> Result<Filled> {
        self.values.clear();
        definitions.clear();
        repetitions.clear();
        let read = self.reader.read_records(
            rows,
            Some(&mut *definitions),
            Some(&mut *repetitions),
            &mut self.values,
        );
        let (rows, _, levels) = read?;
        let levels_bytes = (definitions.capacity() + repetitions.capacity()) * size_of::<i16>();
        let bytes = levels_bytes + self.values.capacity() * size_of::<T::T>();
        Ok(Filled { rows, levels, bytes })
    }

    fn skip(&mut self, rows: usize) -> Result<usize> {
        // They hold on to their pages.
        self.values.clear();
        self.reader.skip_records(rows)
    }

    fn told(&self, at: usize, meaning: Meaning) -> Result<Scalar> {
        let value = self.values.get(at).ok_or_else(|| damaged("a column has fewer values than levels"))?;
        value.told(meaning).map_err(ParquetError::General)
    }
}

fn typed<T: DataType>(reader: ColumnReader) -> Box<dyn Values>
where
    T::T: Primitive,
{
    Box::new(Typed::<T> { reader: get_typed_column_reader(reader), values: Vec::new() })
}

/// A column that is read from its front.
pub(super) struct Column {
    values: Box<dyn Values>,
    meaning: Meaning,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
    most_definition: i16,
    most_repetition: i16,
    /// How many levels are in memory, and at which of them and at which value the front is.
    levels: usize,
    at: usize,
    value: usize,
    rows_at_once: usize,
    share: Arc<Share>,
    budget: Arc<Budget>,
    held: usize,
}

impl Column {
    pub(super) fn new(column: &ColumnDescPtr, pages: Pages, budget: Arc<Budget>) -> Self {
        let share = Arc::clone(&pages.share);
        let rows_at_once = pages.rows_at_once;
        let reader = get_column_reader(Arc::clone(column), Box::new(pages));
        let values = match column.physical_type() {
            Physical::BOOLEAN => typed::<BoolType>(reader),
            Physical::INT32 => typed::<Int32Type>(reader),
            Physical::INT64 => typed::<Int64Type>(reader),
            Physical::INT96 => typed::<Int96Type>(reader),
            Physical::FLOAT => typed::<FloatType>(reader),
            Physical::DOUBLE => typed::<DoubleType>(reader),
            Physical::BYTE_ARRAY => typed::<ByteArrayType>(reader),
            Physical::FIXED_LEN_BYTE_ARRAY => typed::<FixedLenByteArrayType>(reader),
        };
        Self {
            values,
            meaning: Meaning::of(column),
            definitions: Vec::new(),
            repetitions: Vec::new(),
            most_definition: column.max_def_level(),
            most_repetition: column.max_rep_level(),
            levels: 0,
            at: 0,
            value: 0,
            rows_at_once,
            share,
            budget,
            held: 0,
        }
    }

    /// Makes sure that a row begins at the front.
    pub(super) fn begin_row(&mut self) -> Result<()> {
        if self.at >= self.levels {
            self.refill()?;
        }
        match self.repetition() {
            0 => Ok(()),
            _ => Err(damaged("its columns have different rows")),
        }
    }

    fn refill(&mut self) -> Result<()> {
        self.share.begin(false)?;
        let filled = loop {
            let filled = self.values.fill(self.rows_at_once, &mut self.definitions, &mut self.repetitions)?;
            // The end of a row may be noticed later than its last value is read.
            if filled.levels > 0 || filled.rows == 0 {
                break filled;
            }
        };
        (self.levels, self.at, self.value) = (filled.levels, 0, 0);
        self.budget.change(&mut self.held, filled.bytes)?;
        let whole = |most: i16, levels: &[i16]| most == 0 || levels.len() == filled.levels;
        if filled.levels == 0
            || !whole(self.most_definition, &self.definitions)
            || !whole(self.most_repetition, &self.repetitions)
        {
            return Err(damaged("a column ends before its row group"));
        }
        Ok(())
    }

    /// The definition level at the front of a row that has begun.
    pub(super) fn definition(&self) -> Result<i16> {
        if self.at >= self.levels {
            return Err(damaged("a row ends before its last column"));
        }
        let level = if self.most_definition == 0 { Some(&0) } else { self.definitions.get(self.at) };
        level.copied().ok_or_else(|| damaged("a row ends before its last column"))
    }

    /// The repetition level at the front; 0, where a row begins, at the end of what is in memory: only whole rows are.
    pub(super) fn repetition(&self) -> i16 {
        if self.most_repetition == 0 || self.at >= self.levels {
            return 0;
        }
        self.repetitions.get(self.at).copied().unwrap_or(0)
    }

    /// Goes on to what comes next.
    pub(super) fn advance(&mut self) -> Result<()> {
        if self.definition()? == self.most_definition {
            self.value += 1;
        }
        self.at += 1;
        Ok(())
    }

    /// Takes the value at the front.
    pub(super) fn take(&mut self) -> Result<Scalar> {
        if self.definition()? != self.most_definition {
            return Err(damaged("a value that must be there is null"));
        }
        let told = self.values.told(self.value, self.meaning)?;
        self.advance()?;
        Ok(told)
    }

    /// Passes over rows.
    pub(super) fn skip(&mut self, mut rows: usize) -> Result<()> {
        while rows > 0 && self.at < self.levels {
            self.advance()?;
            while self.repetition() > 0 {
                self.advance()?;
            }
            rows -= 1;
        }
        if rows == 0 {
            return Ok(());
        }
        self.share.begin(true)?;
        if self.values.skip(rows)? != rows {
            return Err(damaged("a column ends before its row group"));
        }
        Ok(())
    }
}
