//! A look at lengths that are packed as differences (`DELTA_BINARY_PACKED`): the decoder makes room for as many as they say
//! they are, and repeats as much of the text before as they say.
//! <https://parquet.apache.org/docs/file-format/data-pages/encodings/>

/// The lengths of a page, one after the other.
pub(super) struct Lengths<'a> {
    /// How many bytes there are with all that come after the lengths, and those after the head.
    whole: usize,
    bytes: &'a [u8],
    per_mini: usize,
    minis: usize,
    /// How many there are altogether.
    pub(super) count: u64,
    first: i64,
}

/// What lengths come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) sum: u64,
    pub(super) longest: u64,
    /// How many bytes the lengths are stored in: what comes after them begins there.
    pub(super) end: usize,
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
        let whole = bytes.len();
        let block = usize::try_from(varint(&mut bytes)?).ok()?;
        let minis = usize::try_from(varint(&mut bytes)?).ok()?;
        let count = varint(&mut bytes)?;
        let first = zigzag(&mut bytes)?;
        let per_mini = block.checked_div(minis)?;
        let even = per_mini > 0 && per_mini.is_multiple_of(8) && per_mini * minis == block;
        even.then_some(Self { whole, bytes, per_mini, minis, count, first })
    }

    /// Their sum, if none of them is negative.
    pub(super) fn sum(&self) -> Option<Sum> {
        let mut bytes = self.bytes;
        let Some(mut left) = self.count.checked_sub(1) else {
            return Some(Sum { sum: 0, longest: 0, end: self.whole - bytes.len() });
        };
        let mut length = self.first;
        let mut sum = u64::try_from(length).ok()?;
        let mut longest = sum;
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
                    let told = u64::try_from(length).ok()?;
                    sum = sum.checked_add(told)?;
                    longest = longest.max(told);
                }
                left -= values;
                // The last is filled up.
                bytes = bytes.get((self.per_mini / 8).checked_mul(usize::from(width))?..)?;
            }
        }
        Some(Sum { sum, longest, end: self.whole - bytes.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_added_up() {
        // Blocks of 128 in 4 parts; 5 values: 7, 5, 3, 1, 2; differences -2, -2, -2, 1, the least -2, so 0, 0, 0, 3 in two bits.
        let mut packed = vec![0x80, 1, 4, 5, 14, 3, 2, 0, 0, 0, 0b1100_0000, 0, 0, 0, 0, 0, 0, 0, b'x'];
        let lengths = Lengths::of(&packed).unwrap();
        assert_eq!((lengths.count, lengths.sum()), (5, Some(Sum { sum: 18, longest: 7, end: 18 })));
        packed.truncate(17);
        assert_eq!(Lengths::of(&packed).unwrap().sum(), None, "it ends early");
        assert!(Lengths::of(&[0x80, 1, 0, 5, 14]).is_none(), "in no parts");
        let few = |bytes: &[u8]| Lengths::of(bytes).unwrap().sum();
        assert_eq!(few(&[0x80, 1, 4, 1, 6, 9]), Some(Sum { sum: 3, longest: 3, end: 5 }), "one");
        assert_eq!(few(&[0x80, 1, 4, 0, 0, 9]), Some(Sum { sum: 0, longest: 0, end: 5 }), "none");
        assert_eq!(few(&[0x80, 1, 4, 1, 1]), None, "one that is negative");
    }
}
