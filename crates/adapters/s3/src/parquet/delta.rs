//! A look at lengths that are packed as differences (`DELTA_BINARY_PACKED`): the decoder makes room for as many as they say
//! they are, and repeats as much of the text before as they say.
//! <https://parquet.apache.org/docs/file-format/data-pages/encodings/>

/// The lengths of a page, one after the other.
pub(super) struct Lengths<'a> {
    bytes: &'a [u8],
    per_mini: usize,
    minis: usize,
    /// How many there are altogether.
    pub(super) count: u64,
    first: i64,
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn zigzag(bytes: &mut &[u8]) -> Option<i64> {
    let value = varint(bytes)?;
    Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
}

/// The number of so many bits at a place, in little-endian order.
fn bits(bytes: &[u8], place: usize, width: u8) -> Option<u64> {
    let (at, shift) = (place / 8, place % 8);
    let mut window = [0; 8];
    let here = bytes.get(at..)?;
    let count = here.len().min(8);
    if count * 8 < shift + usize::from(width) {
        return None;
    }
    window[..count].copy_from_slice(&here[..count]);
    Some((u64::from_le_bytes(window) >> shift) & ((1 << width) - 1))
}

impl<'a> Lengths<'a> {
    /// The lengths at the front of these bytes, unless that isn't what they are.
    pub(super) fn of(mut bytes: &'a [u8]) -> Option<Self> {
        let block = usize::try_from(varint(&mut bytes)?).ok()?;
        let minis = usize::try_from(varint(&mut bytes)?).ok()?;
        let count = varint(&mut bytes)?;
        let first = zigzag(&mut bytes)?;
        let per_mini = block.checked_div(minis)?;
        let whole = per_mini > 0 && per_mini.is_multiple_of(8) && per_mini * minis == block;
        whole.then_some(Self { bytes, per_mini, minis, count, first })
    }

    /// Their sum, if none of them is negative; at most `most` of them are looked at.
    pub(super) fn sum(&self, most: u64) -> Option<u64> {
        if self.count == 0 {
            return Some(0);
        }
        let mut length = self.first;
        let mut sum = u64::try_from(length).ok()?;
        let mut left = self.count.min(most) - 1;
        let mut bytes = self.bytes;
        while left > 0 {
            let least = zigzag(&mut bytes)?;
            let (widths, rest) = bytes.split_at_checked(self.minis)?;
            bytes = rest;
            for &width in widths {
                if left == 0 {
                    break;
                }
                // Lengths have 32 bits.
                if width > 32 {
                    return None;
                }
                let values = left.min(self.per_mini as u64);
                for at in 0..usize::try_from(values).ok()? {
                    let delta = bits(bytes, at * usize::from(width), width)?.cast_signed();
                    length = length.checked_add(least)?.checked_add(delta)?;
                    sum = sum.checked_add(u64::try_from(length).ok()?)?;
                }
                left -= values;
                bytes = bytes.get((self.per_mini / 8 * usize::from(width)).min(bytes.len())..)?;
            }
        }
        Some(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_added_up() {
        // Blocks of 128 in 4 parts; 5 values: 7, 5, 3, 1, 2; differences -2, -2, -2, 1, the least -2, so 0, 0, 0, 3 in two bits.
        let packed = [0x80, 1, 4, 5, 14, 3, 2, 0, 0, 0, 0b1100_0000, 0, 0, 0, 0, 0, 0, 0];
        let lengths = Lengths::of(&packed).unwrap();
        assert_eq!((lengths.count, lengths.sum(u64::MAX), lengths.sum(2)), (5, Some(18), Some(12)));
        assert_eq!(Lengths::of(&packed[..9]).unwrap().sum(u64::MAX), None, "it ends early");
        assert!(Lengths::of(&[0x80, 1, 0, 5, 14]).is_none(), "in no parts");
        // One negative length.
        assert_eq!(Lengths::of(&[0x80, 1, 4, 1, 1]).unwrap().sum(u64::MAX), None);
    }
}
