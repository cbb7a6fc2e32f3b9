//! The pages of a column, looked at before the decoder gets them.
//!
//! The decoder makes room for what a page says that it has. So pages are unpacked here, where it is known how much may come of
//! one, and what they say is held against what they have.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::parquet::basic::{Compression, Encoding, Type as Physical};
use ::parquet::column::page::{Page, PageMetadata, PageReader};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::ColumnChunkMetaData;
use ::parquet::file::serialized_reader::SerializedPageReader;
use ::parquet::schema::types::{ColumnDescPtr, ColumnDescriptor};
use bytes::Bytes;
use parking_lot::Mutex;

use super::codec::unpack;
use super::delta::Lengths;
use super::source::ChunkBytes;

/// Values that are decoded at once at most, where the decoder can't be told how many: those of a row's lists.
const MOST_AT_ONCE: usize = 4 << 20;
/// Bytes of the texts of one page at most, where each may repeat the one before it.
const MOST_REPEATED: u64 = 64 << 20;

/// How much of a row group may be in memory, and how much is.
#[derive(Debug)]
pub(super) struct Budget {
    held: AtomicUsize,
    most: usize,
}

impl Budget {
    pub(super) const fn new(most: usize) -> Self {
        Self { held: AtomicUsize::new(0), most }
    }

    fn left(&self) -> usize {
        self.most.saturating_sub(self.held.load(Ordering::Relaxed))
    }

    /// Holds something else in the place of what was held.
    pub(super) fn change(&self, before: &mut usize, now: usize) -> Result<()> {
        self.held.fetch_sub(*before, Ordering::Relaxed);
        *before = now;
        let held = self.held.fetch_add(now, Ordering::Relaxed).saturating_add(now);
        if held > self.most {
            let most = self.most;
            return Err(general(format!("a row group takes more than {most} bytes of memory")));
        }
        Ok(())
    }
}

/// What the pages of a column take, of a row group's memory.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Budget>,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// Whether rows are passed over, of which no value is kept.
    passing: bool,
    /// Values of lists that came since rows were asked for: all of them are in memory at once.
    values: usize,
    /// What the pages take that came since rows were asked for, and the one before.
    all: usize,
    last: Taken,
}

/// What a page takes for as long as it is the last, and what its values hold on to after that.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    now: usize,
    kept: usize,
}

impl Held {
    /// What is still held when another page has come.
    fn kept(&self) -> usize {
        if self.passing { 0 } else { self.all - self.last.now + self.last.kept }
    }
}

impl Share {
    /// Counts from here on: for rows that are read instead of those before, or over rows that are passed over.
    pub(super) fn begin(&self, passing: bool) -> Result<()> {
        let held = &mut *self.held.lock();
        (held.passing, held.values) = (passing, 0);
        self.budget.change(&mut held.all, held.last.now)
    }

    /// Bytes that another page may have.
    fn room(&self) -> usize {
        let held = self.held.lock();
        self.budget.left() + (held.all - held.kept())
    }

    fn add(&self, page: Taken) -> Result<()> {
        let held = &mut *self.held.lock();
        let all = held.kept().saturating_add(page.now);
        held.last = page;
        self.budget.change(&mut held.all, all)
    }

    fn add_values(&self, values: usize) -> Result<()> {
        let held = &mut *self.held.lock();
        held.values = if held.passing { values } else { held.values.saturating_add(values) };
        if held.values > MOST_AT_ONCE {
            return Err(general(format!(
                "the lists of a page or a row have more than {MOST_AT_ONCE} values"
            )));
        }
        Ok(())
    }
}

fn general(why: impl Into<String>) -> ParquetError {
    ParquetError::General(why.into())
}

/// The pages of one column of one row group.
pub(super) struct Pages {
    packed: SerializedPageReader<ChunkBytes>,
    codec: Compression,
    column: ColumnDescPtr,
    budget: Arc<Budget>,
    /// What the dictionary takes.
    dictionary: usize,
    /// Rows that are decoded at once at most; where they have lists it is one, as nobody knows how long they are.
    pub(super) rows_at_once: usize,
    pub(super) share: Arc<Share>,
}

impl Pages {
    pub(super) fn new(
        bytes: ChunkBytes,
        chunk: &ColumnChunkMetaData,
        rows: usize,
        rows_at_once: usize,
        budget: Arc<Budget>,
    ) -> Result<Self> {
        let codec = chunk.compression();
        // The reader hands pages out as they are stored.
        let stored = chunk.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build()?;
        let packed = SerializedPageReader::new(Arc::new(bytes), &stored, rows, None)?;
        let column = chunk.column_descr_ptr();
        let rows_at_once = if column.max_rep_level() > 0 { 1 } else { rows_at_once };
        let share = Arc::new(Share { budget: Arc::clone(&budget), held: Mutex::default() });
        Ok(Self { packed, codec, column, budget, dictionary: 0, rows_at_once, share })
    }

    /// Unpacks a page in its place.
    fn unpack(&mut self, page: &mut Page) -> Result<()> {
        let most = self.share.room();
        let (buffer, plain, packed) = match page {
            Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => (buf, 0, true),
            // Its levels are never packed.
            Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, is_compressed, .. } => {
                let levels = *def_levels_byte_len as usize + *rep_levels_byte_len as usize;
                (buf, levels, *is_compressed)
            }
        };
        if plain > buffer.len() {
            return Err(general("a page has fewer bytes than its levels"));
        }
        if packed && self.codec != Compression::UNCOMPRESSED && buffer.len() > plain {
            let mut unpacked = buffer[..plain].to_vec();
            unpack(self.codec, &buffer[plain..], &mut unpacked, most)?;
            *buffer = unpacked.into();
        } else if buffer.len() > most {
            return Err(general(format!("a page has more than {most} bytes")));
        } else {
            // It is part of more bytes, all of which its values would hold on to.
            *buffer = Bytes::copy_from_slice(buffer);
        }
        Ok(())
    }

    /// Counts a page in, and holds what it says against what it has.
    fn check(&mut self, page: &Page) -> Result<()> {
        match page {
            Page::DictionaryPage { buf, num_values, .. } => {
                if self.column.physical_type() == Physical::BOOLEAN {
                    return Err(general("booleans have a dictionary"));
                }
                let (stored, decoded) = width(&self.column);
                let values = *num_values as usize;
                if values.saturating_mul(stored) > buf.len() {
                    return Err(general("a dictionary has fewer values than it says"));
                }
                self.budget.change(&mut self.dictionary, buf.len() + values * decoded)
            }
            Page::DataPage { buf, num_values, encoding, def_level_encoding, rep_level_encoding, .. } => {
                let values = *num_values as usize;
                let mut rest = &buf[..];
                for (most, encoding) in [
                    (self.column.max_rep_level(), *rep_level_encoding),
                    (self.column.max_def_level(), *def_level_encoding),
                ] {
                    rest = after_levels(rest, most, encoding, values)?;
                }
                let all_there = self.column.max_def_level() == 0;
                self.check_values(buf.len(), rest, *encoding, Count { levels: values, values, all_there })
            }
            Page::DataPageV2 {
                buf,
                num_values,
                num_nulls,
                encoding,
                def_levels_byte_len,
                rep_levels_byte_len,
                ..
            } => {
                let values = num_values.checked_sub(*num_nulls);
                let values = values.ok_or_else(|| general("a page has more nulls than values"))? as usize;
                let levels = *def_levels_byte_len as usize + *rep_levels_byte_len as usize;
                let count = Count { levels: *num_values as usize, values, all_there: true };
                self.check_values(buf.len(), &buf[levels..], *encoding, count)
            }
        }
    }

    /// Counts a page in whose values are stored in these bytes.
    fn check_values(&self, page: usize, bytes: &[u8], encoding: Encoding, count: Count) -> Result<()> {
        if self.column.max_rep_level() > 0 {
            self.share.add_values(count.levels)?;
        }
        let physical = self.column.physical_type();
        let parts = matches!(physical, Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY);
        let taken = match encoding {
            // Values are parts of the page.
            Encoding::PLAIN if parts => Taken { now: page, kept: page },
            Encoding::BYTE_STREAM_SPLIT if parts => {
                let copies = self.split(bytes, count)?;
                Taken { now: page.saturating_add(copies), kept: copies }
            }
            Encoding::PLAIN
            | Encoding::RLE
            | Encoding::PLAIN_DICTIONARY
            | Encoding::RLE_DICTIONARY
            | Encoding::DELTA_BINARY_PACKED
            | Encoding::BYTE_STREAM_SPLIT => Taken { now: page, kept: 0 },
            Encoding::DELTA_LENGTH_BYTE_ARRAY | Encoding::DELTA_BYTE_ARRAY if bytes.is_empty() => {
                Taken { now: page, kept: 0 }
            }
            Encoding::DELTA_LENGTH_BYTE_ARRAY => {
                let lengths = lengths(bytes, count)?;
                let now = page + usize::try_from(lengths.count)? * size_of::<i32>();
                Taken { now, kept: page }
            }
            Encoding::DELTA_BYTE_ARRAY => {
                let (texts, sizes) = self.repeated(bytes, count)?;
                Taken { now: page + texts + sizes, kept: texts }
            }
            other => return Err(general(format!("values that are encoded by {other} can't be read"))),
        };
        self.share.add(taken)
    }

    /// What the copies of values take at once that are stored a byte of each after the other.
    fn split(&self, bytes: &[u8], count: Count) -> Result<usize> {
        let width = usize::try_from(self.column.type_length())?;
        if width == 0 || (count.all_there && count.values.saturating_mul(width) > bytes.len()) {
            return Err(general("a page has fewer values than it says"));
        }
        Ok(count.values.min(self.at_once()).saturating_mul(width))
    }

    /// What texts take at once of which each may repeat the one before it, and what their lengths take.
    fn repeated(&self, bytes: &[u8], count: Count) -> Result<(usize, usize)> {
        let damaged = || general("a page's lengths are damaged");
        let repeated = lengths(bytes, count)?;
        let prefixes = repeated.sum().ok_or_else(damaged)?;
        let own = lengths(bytes.get(prefixes.end..).ok_or_else(damaged)?, count)?;
        let suffixes = own.sum().ok_or_else(damaged)?;
        if repeated.count != own.count {
            return Err(damaged());
        }
        let all = prefixes.sum.saturating_add(suffixes.sum);
        if all > MOST_REPEATED {
            return Err(general(format!("a page's texts have more than {MOST_REPEATED} bytes")));
        }
        let longest = prefixes.longest.saturating_add(suffixes.longest);
        let texts = all.min(longest.saturating_mul(self.at_once() as u64));
        Ok((usize::try_from(texts)?, usize::try_from(repeated.count)? * 2 * size_of::<i32>()))
    }

    /// How many values may be decoded at once.
    fn at_once(&self) -> usize {
        if self.column.max_rep_level() > 0 { MOST_AT_ONCE } else { self.rows_at_once }
    }
}

/// How much a page says it has.
#[derive(Clone, Copy)]
struct Count {
    /// Values with those that are null.
    levels: usize,
    /// Values without them, or at most so many.
    values: usize,
    /// Whether it is without them.
    all_there: bool,
}

/// The lengths at the front of a page's values.
fn lengths(bytes: &[u8], count: Count) -> Result<Lengths<'_>> {
    let lengths = Lengths::of(bytes).ok_or_else(|| general("a page's lengths are damaged"))?;
    if lengths.count > (count.levels as u64).min(MOST_AT_ONCE as u64) {
        return Err(general("a page has more lengths than values"));
    }
    Ok(lengths)
}

/// What a value takes at least, stored and decoded.
pub(super) fn width(column: &ColumnDescriptor) -> (usize, usize) {
    match column.physical_type() {
        Physical::BOOLEAN => (1, 1),
        Physical::INT32 | Physical::FLOAT => (4, 4),
        Physical::INT64 | Physical::DOUBLE => (8, 8),
        Physical::INT96 => (12, 12),
        Physical::BYTE_ARRAY => (4, 32),
        Physical::FIXED_LEN_BYTE_ARRAY => (usize::try_from(column.type_length()).unwrap_or(0).max(1), 32),
    }
}

/// What comes after the levels of a page of the first version.
fn after_levels(bytes: &[u8], most: i16, encoding: Encoding, values: usize) -> Result<&[u8]> {
    let short = || general("a page has fewer bytes than its levels");
    if most == 0 {
        return Ok(bytes);
    }
    #[expect(deprecated, reason = "old files have them")]
    let bit_packed = encoding == Encoding::BIT_PACKED;
    let length = if bit_packed {
        let width = (i16::BITS - most.leading_zeros()) as usize;
        values.saturating_mul(width).div_ceil(8)
    } else {
        let length = bytes.first_chunk::<4>().ok_or_else(short)?;
        (u32::from_le_bytes(*length) as usize).saturating_add(4)
    };
    bytes.get(length..).ok_or_else(short)
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let Some(mut page) = self.packed.get_next_page()? else { return Ok(None) };
        self.unpack(&mut page)?;
        self.check(&page)?;
        Ok(Some(page))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.packed.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.packed.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.packed.at_record_boundary()
    }
}
