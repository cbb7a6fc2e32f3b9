//! Files that nobody writes by accident: each would take the process down, or keep a thread busy for long.

use std::sync::Arc;

use ::parquet::basic::{Compression, Encoding};
use newel_value::Value;

use super::tests::{Data, failed, groups, metadata, named, plain, properties, read_all, with_footer, write};
use super::{MEMORY_MIB, MIB, Place, Readers};
use crate::objects::Objects;
use crate::read;
use crate::streams::Streams;
use crate::testing::{Memory, object, pages};

/// Encodings, by number.
const PLAIN: u64 = 0;
const DELTA_LENGTH_BYTE_ARRAY: u64 = 6;
const DELTA_BYTE_ARRAY: u64 = 7;
const BYTE_STREAM_SPLIT: u64 = 9;
/// A list of two billion booleans.
const LONG_LIST: &[u8] = &[0xf1, 0xff, 0xff, 0xff, 0xff, 0x07];

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

/// A page of the first version, with other fields in its header.
fn page_with(values: u64, encoding: u64, body: &[u8], unpacked: usize, fields: &[u8]) -> Vec<u8> {
    let number = |value: u64| [vec![0x15], varint(value * 2)].concat();
    [
        number(0),
        number(unpacked as u64),
        number(body.len() as u64),
        vec![0x2c],
        number(values),
        number(encoding),
        number(3),
        number(3),
        vec![0],
        fields.to_vec(),
        vec![0],
        body.to_vec(),
    ]
    .concat()
}

fn page(values: u64, encoding: u64, body: &[u8]) -> Vec<u8> {
    page_with(values, encoding, body, body.len(), &[])
}

/// A file of one column of these pages, which says that they take so many bytes unpacked.
fn file(schema: &str, data: Data, rows: i64, codec: Compression, pages: &[u8], unpacked: usize) -> Vec<u8> {
    let empty = write(schema, properties(), &[vec![plain(data)]]);
    let changed = with_footer(&empty, |metadata| {
        let mut builder = metadata.into_builder();
        let group = builder.take_row_groups().remove(0);
        let column = group.column(0).clone().into_builder();
        let column = column
            .set_compression(codec)
            .set_num_values(rows)
            .set_dictionary_page_offset(None)
            .set_data_page_offset(4)
            .set_total_compressed_size(i64::try_from(pages.len()).unwrap())
            .set_total_uncompressed_size(i64::try_from(unpacked).unwrap())
            .build();
        let group = group.into_builder().set_num_rows(rows).set_column_metadata(vec![column.unwrap()]);
        builder.set_row_groups(vec![group.build().unwrap()]).build()
    });
    let (begin, _) = metadata(&changed);
    [b"PAR1", pages, &changed[begin..]].concat()
}

fn stored(schema: &str, data: Data, rows: i64, pages: &[u8]) -> Vec<u8> {
    file(schema, data, rows, Compression::UNCOMPRESSED, pages, pages.len())
}

const TEXT: &str = "message m { required binary s (STRING); }";

#[tokio::test]
async fn lengths_that_lie_are_told() {
    let lengths = |count: u64, first: u64| [vec![0x80, 1, 4], varint(count), varint(first * 2)].concat();
    let one = [lengths(1, 0), lengths(1, 1), b"x".to_vec()].concat();
    let good = stored(TEXT, Data::Bytes(vec![]), 1, &page(1, DELTA_BYTE_ARRAY, &one));
    assert_eq!(read_all(good).await.unwrap()[0].to_json(), r#"{"s":"x"}"#);
    for (values, encoding, body, why) in [
        (1, DELTA_LENGTH_BYTE_ARRAY, lengths(1 << 40, 1), "a page has more lengths than values"),
        (1, DELTA_BYTE_ARRAY, lengths(1 << 40, 0), "a page has more lengths than values"),
        (
            1,
            DELTA_BYTE_ARRAY,
            [lengths(1, 0), lengths(1 << 40, 1)].concat(),
            "a page has more lengths than values",
        ),
        (0, DELTA_BYTE_ARRAY, lengths(1 << 40, 0), "a page has more lengths than values"),
        (2, DELTA_BYTE_ARRAY, [lengths(1, 0), lengths(0, 0)].concat(), "a page's lengths are damaged"),
        (1, DELTA_BYTE_ARRAY, lengths(1, 0), "a page's lengths are damaged"),
    ] {
        // A page without values is followed by one that has some.
        let pages = [page(values, encoding, &body), page(1, PLAIN, b"\0\0\0\0")].concat();
        let told = failed(stored(TEXT, Data::Bytes(vec![]), 1, &pages)).await;
        assert!(told.contains(why), "{told} instead of {why}");
    }
}

#[tokio::test]
async fn values_of_a_huge_width_are_told() {
    let schema = |kind: &str| format!("message m {{ {kind} fixed_len_byte_array(1073741824) x; }}");
    let empty = page(1_024, BYTE_STREAM_SPLIT, &[]);
    let told = failed(stored(&schema("required"), Data::Fixed(vec![]), 1_024, &empty)).await;
    assert!(told.contains("a page has fewer values than it says"), "{told}");
    // All of 1,024 are there.
    let levels = page(1_024, BYTE_STREAM_SPLIT, &[3, 0, 0, 0, 0x80, 0x10, 1]);
    let told = failed(stored(&schema("optional"), Data::Fixed(vec![]), 1_024, &levels)).await;
    assert!(told.contains("a row group takes more than 67108864 bytes of memory"), "{told}");
}

/// Each page is small, but rows that are decoded at once hold on to all of them.
#[tokio::test]
async fn pages_add_up() {
    let text = [&(1_u32 << 20).to_le_bytes()[..], &vec![b'x'; 1 << 20]].concat();
    let packed = zstd::encode_all(&text[..], 1).unwrap();
    let pages = page_with(1, PLAIN, &packed, text.len(), &[]).repeat(100);
    let file = |unpacked| {
        file(TEXT, Data::Bytes(vec![]), 100, Compression::ZSTD(Default::default()), &pages, unpacked)
    };
    let told = failed(file(1)).await;
    assert!(told.contains("a page unpacks to more than"), "{told}");
    // Who tells how much it is can be read.
    let memory = Memory::with("k", file(text.len() * 100));
    let items = self::pages(&memory, "s3:getObject", named("k"), false).await.unwrap();
    assert_eq!(items.len(), 100);
}

#[tokio::test]
async fn texts_that_repeat_each_other_add_up() {
    let texts = vec![vec![b'x'; 1 << 20]; 120];
    let properties = properties()
        .set_dictionary_enabled(false)
        .set_column_encoding("s".into(), Encoding::DELTA_BYTE_ARRAY)
        .set_write_batch_size(50)
        .set_data_page_row_count_limit(50);
    let file = write(TEXT, properties, &[vec![plain(Data::Bytes(texts))]]);
    assert!(file.len() < 8 << 20);
    let told = failed(file).await;
    assert!(told.contains("a row group takes more than 67108864 bytes of memory"), "{told}");
}

#[tokio::test]
async fn what_the_decoder_would_pass_over_for_long_is_told() {
    let good = groups(properties());
    let (begin, _) = metadata(&good);
    let end = good.len() - 8;
    let footer = [&good[begin..end - 1], &[0x89], LONG_LIST, &[0]].concat();
    let length = u32::try_from(footer.len()).unwrap();
    let told = failed([&good[..begin], &footer, &length.to_le_bytes(), b"PAR1"].concat()).await;
    assert_eq!(told, "S3://b/k can't be read as Parquet: its footer is damaged");

    let body = b"\x01\0\0\0x";
    let of =
        |fields: &[u8]| stored(TEXT, Data::Bytes(vec![]), 1, &page_with(1, PLAIN, body, body.len(), fields));
    let unknown = of(&[0x58, 1, b'y']);
    assert_eq!(read_all(unknown).await.unwrap()[0].to_json(), r#"{"s":"x"}"#);
    let told = failed(of(&[&[0x59], LONG_LIST].concat())).await;
    assert!(told.contains("a page's header is damaged"), "{told}");
}

/// A header that is larger than what is fetched at once.
#[tokio::test]
async fn large_headers_are_read() {
    let large = [vec![0x58], varint(3 << 20), vec![b'y'; 3 << 20]].concat();
    let body = b"\x01\0\0\0x";
    let pages = page_with(1, PLAIN, body, body.len(), &large).repeat(4);
    let items = read_all(stored(TEXT, Data::Bytes(vec![]), 4, &pages)).await.unwrap();
    assert_eq!(items.len(), 4);
}

#[tokio::test]
async fn memory_is_set_aside_for_all_that_may_be_held() {
    let good = groups(properties());
    let packed = with_footer(&good, |metadata| {
        let mut builder = metadata.into_builder();
        let mut groups = builder.take_row_groups();
        let mut columns = groups[0].columns().to_vec();
        let column = columns[0].clone().into_builder();
        columns[0] =
            column.set_total_compressed_size(100 << 20).set_total_uncompressed_size(1).build().unwrap();
        groups[0] = groups[0].clone().into_builder().set_column_metadata(columns).build().unwrap();
        builder.set_row_groups(groups).build()
    });
    for (file, least) in [(good, 64), (packed, 200)] {
        let memory = Memory::with("k", file);
        let objects: Arc<dyn Objects> = memory;
        let place = Place { identity: objects.identity().clone(), object: object("k"), etag: None };
        let readers = Readers::default();
        let reader = readers.open(&objects, &place).await.unwrap();
        let held = MEMORY_MIB as usize - readers.memory.available_permits();
        assert!(held >= least, "{held} MiB");
        assert!(reader.most as u64 <= held as u64 * MIB, "{} bytes, {held} MiB", reader.most);
    }
}

#[tokio::test]
async fn wide_files_are_read() {
    const COLUMNS: usize = 2_000;
    let members: String = (0..COLUMNS).map(|n| format!("optional binary c{n} (STRING); ")).collect();
    let column = (Data::Bytes(vec![b"abc".to_vec(); 1_024]), vec![1; 1_024], vec![]);
    let file = write(&format!("message m {{ {members} }}"), properties(), &[vec![column; COLUMNS]]);
    let objects: Arc<dyn Objects> = Memory::with("k", file);
    for row in [0, 700] {
        let mut read = named("k");
        read.cursor = Some(Value::parse(&format!(r#"{{"Group":0,"Row":{row}}}"#)).unwrap());
        let page = read::page(&objects, &Streams::default(), "s3:getObject", &read).await.unwrap();
        assert_eq!(page.items[0].get("c1999").and_then(Value::as_str), Some("abc"));
    }
}
