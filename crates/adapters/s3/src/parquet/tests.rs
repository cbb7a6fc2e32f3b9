use std::sync::Arc;

use ::parquet::basic::{Compression, Encoding};
use ::parquet::column::writer::ColumnWriter;
use ::parquet::data_type::{ByteArray, FixedLenByteArray, Int96};
use ::parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, ParquetMetaDataWriter};
use ::parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;
use newel_asl::transfer::ReadPage;
use newel_value::Value;

use crate::objects::Objects;
use crate::read;
use crate::streams::Streams;
use crate::testing::{Memory, pages, reader};

/// Values of a column, and their levels.
#[derive(Clone)]
pub(super) enum Data {
    Bool(Vec<bool>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    I96(Vec<Int96>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Bytes(Vec<Vec<u8>>),
    Fixed(Vec<Vec<u8>>),
}

pub(super) type Column = (Data, Vec<i16>, Vec<i16>);

pub(super) fn texts(texts: &[&str]) -> Data {
    Data::Bytes(texts.iter().map(|text| text.as_bytes().to_vec()).collect())
}

/// A column without levels.
pub(super) fn plain(data: Data) -> Column {
    (data, vec![], vec![])
}

pub(super) fn properties() -> WriterPropertiesBuilder {
    WriterProperties::builder()
}

pub(super) fn write(schema: &str, properties: WriterPropertiesBuilder, groups: &[Vec<Column>]) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut file = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut file, schema, Arc::new(properties.build())).unwrap();
    for group in groups {
        let mut rows = writer.next_row_group().unwrap();
        for (data, definitions, repetitions) in group {
            let mut column = rows.next_column().unwrap().unwrap();
            let definitions = (!definitions.is_empty()).then_some(&definitions[..]);
            let repetitions = (!repetitions.is_empty()).then_some(&repetitions[..]);
            macro_rules! put {
                ($writer:expr, $values:expr) => {
                    $writer.write_batch($values, definitions, repetitions).unwrap()
                };
            }
            let bytes = |values: &[Vec<u8>]| values.iter().cloned().map(ByteArray::from).collect::<Vec<_>>();
            match (column.untyped(), data) {
                (ColumnWriter::BoolColumnWriter(writer), Data::Bool(values)) => put!(writer, values),
                (ColumnWriter::Int32ColumnWriter(writer), Data::I32(values)) => put!(writer, values),
                (ColumnWriter::Int64ColumnWriter(writer), Data::I64(values)) => put!(writer, values),
                (ColumnWriter::Int96ColumnWriter(writer), Data::I96(values)) => put!(writer, values),
                (ColumnWriter::FloatColumnWriter(writer), Data::F32(values)) => put!(writer, values),
                (ColumnWriter::DoubleColumnWriter(writer), Data::F64(values)) => put!(writer, values),
                (ColumnWriter::ByteArrayColumnWriter(writer), Data::Bytes(values)) => {
                    put!(writer, &bytes(values))
                }
                (ColumnWriter::FixedLenByteArrayColumnWriter(writer), Data::Fixed(values)) => {
                    let values: Vec<_> = bytes(values).into_iter().map(FixedLenByteArray::from).collect();
                    put!(writer, &values)
                }
                _ => panic!("another type of column"),
            };
            column.close().unwrap();
        }
        rows.close().unwrap();
    }
    writer.close().unwrap();
    file
}

pub(super) fn named(key: &str) -> ReadPage {
    reader(&format!(r#"{{"Bucket":"b","Key":"{key}"}}"#), r#"{"InputType":"PARQUET"}"#)
}

pub(super) async fn read_all(file: Vec<u8>) -> Result<Vec<Value>, String> {
    let memory = Memory::with("k", file);
    let once = pages(&memory, "s3:getObject", named("k"), false).await.map_err(|failed| failed.0)?;
    let afresh = pages(&memory, "s3:getObject", named("k"), true).await.map_err(|failed| failed.0)?;
    assert_eq!(once, afresh, "each page by another process");
    Ok(once)
}

async fn check(schema: &str, columns: Vec<Column>, expected: &[&str]) {
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        for dictionary in [false, true] {
            let properties = properties().set_writer_version(version).set_dictionary_enabled(dictionary);
            let file = write(schema, properties, std::slice::from_ref(&columns));
            let rows: Vec<String> = read_all(file).await.unwrap().iter().map(Value::to_json).collect();
            assert_eq!(rows, expected, "{schema}");
        }
    }
}

#[tokio::test]
async fn values_are_told_by_what_they_mean() {
    let row = [
        ("boolean", "b", Data::Bool(vec![true]), "true"),
        ("int32", "i", Data::I32(vec![-5]), "-5"),
        ("int32", "i (INTEGER(8,true))", Data::I32(vec![-5]), "-5"),
        ("int32", "u (INTEGER(32,false))", Data::I32(vec![-1]), "4294967295"),
        ("int64", "u (INTEGER(64,false))", Data::I64(vec![-1]), "18446744073709551615"),
        ("int64", "l", Data::I64(vec![i64::MIN]), "-9223372036854775808"),
        ("float", "f", Data::F32(vec![0.1]), "0.1"),
        ("double", "d", Data::F64(vec![-0.25]), "-0.25"),
        ("double", "n", Data::F64(vec![f64::NAN]), r#""NaN""#),
        ("int32", "d (DATE)", Data::I32(vec![19_782]), r#""2024-02-29""#),
        ("int32", "t (TIME(MILLIS,true))", Data::I32(vec![1]), r#""00:00:00.001""#),
        ("int64", "t (TIME(MICROS,false))", Data::I64(vec![60_000_000]), r#""00:01:00""#),
        (
            "int64",
            "t (TIMESTAMP(MILLIS,true))",
            Data::I64(vec![1_700_000_000_123]),
            r#""2023-11-14T22:13:20.123Z""#,
        ),
        ("int64", "t (TIMESTAMP(NANOS,false))", Data::I64(vec![1]), r#""1970-01-01T00:00:00.000000001""#),
        ("int64", "t (TIMESTAMP_MICROS)", Data::I64(vec![0]), r#""1970-01-01T00:00:00Z""#),
        (
            "int96",
            "t",
            Data::I96(vec![Int96::from(vec![1_000, 0, 2_440_589])]),
            r#""1970-01-02T00:00:00.000001""#,
        ),
        ("int32", "d (DECIMAL(9,2))", Data::I32(vec![-150]), "-1.50"),
        ("int64", "d (DECIMAL(18,18))", Data::I64(vec![1]), "0.000000000000000001"),
        ("binary", "d (DECIMAL(20,1))", Data::Bytes(vec![vec![0xff, 0x85]]), "-12.3"),
        (
            "fixed_len_byte_array(16)",
            "d (DECIMAL(38,0))",
            Data::Fixed(vec![[vec![0x4b], vec![0; 15]].concat()]),
            "99692099683868690467785529521025843200",
        ),
        ("binary", "s (STRING)", texts(&["ä\"b"]), r#""ä\"b""#),
        ("binary", "s (UTF8)", texts(&[""]), r#""""#),
        ("binary", "j (JSON)", texts(&["{}"]), r#""{}""#),
        ("binary", "e (ENUM)", texts(&["A"]), r#""A""#),
        ("binary", "x", texts(&["\0"]), r#""AA==""#),
        ("fixed_len_byte_array(3)", "x", Data::Fixed(vec![vec![1, 2, 3]]), r#""AQID""#),
        (
            "fixed_len_byte_array(16)",
            "u (UUID)",
            Data::Fixed(vec![vec![0xab; 16]]),
            r#""abababab-abab-abab-abab-abababababab""#,
        ),
        ("fixed_len_byte_array(2)", "h (FLOAT16)", Data::Fixed(vec![vec![0, 0x3c]]), "1.0"),
    ];
    for (kind, name, data, expected) in row {
        let label = name.split(' ').next().unwrap();
        let expected = format!("{{\"{label}\":{expected}}}");
        check(&format!("message m {{ required {kind} {name}; }}"), vec![plain(data.clone())], &[&expected])
            .await;
        let schema = format!("message m {{ optional {kind} {name}; }}");
        let null = format!("{{\"{label}\":null}}");
        check(&schema, vec![(data, vec![0, 1, 0], vec![])], &[&null, &expected, &null]).await;
    }
}

#[tokio::test]
async fn columns_come_in_the_order_of_the_schema() {
    let schema = "message m { required int32 z; required int32 a; required group g { required int32 y; required int32 b; } }";
    let one = |n| plain(Data::I32(vec![n]));
    check(schema, vec![one(1), one(2), one(3), one(4)], &[r#"{"z":1,"a":2,"g":{"y":3,"b":4}}"#]).await;
}

#[tokio::test]
async fn lists_maps_and_structures_nest() {
    // A list of optional lists: [[1,null],[],null,[2]], null, [].
    check(
        "message m { optional group l (LIST) { repeated group list { optional group element (LIST) {
            repeated group list { optional int32 element; } } } } }",
        vec![(Data::I32(vec![1, 2]), vec![5, 4, 3, 2, 5, 0, 1], vec![0, 2, 1, 1, 1, 0, 0])],
        &[r#"{"l":[[1,null],[],null,[2]]}"#, r#"{"l":null}"#, r#"{"l":[]}"#],
    )
    .await;
    // A list of structures with an optional member, beside another column.
    check(
        "message m { required group l (LIST) { repeated group list { required group element {
            required int32 a; optional binary b (STRING); } } } required int32 n; }",
        vec![
            (Data::I32(vec![1, 2, 3]), vec![1, 1, 0, 1], vec![0, 1, 0, 0]),
            (texts(&["x"]), vec![2, 1, 0, 1], vec![0, 1, 0, 0]),
            plain(Data::I32(vec![7, 8, 9])),
        ],
        &[
            r#"{"l":[{"a":1,"b":"x"},{"a":2,"b":null}],"n":7}"#,
            r#"{"l":[],"n":8}"#,
            r#"{"l":[{"a":3,"b":null}],"n":9}"#,
        ],
    )
    .await;
    // Maps, with keys of texts and of numbers.
    check(
        "message m { optional group t (MAP) { repeated group key_value { required binary key (STRING); optional int32 value; } }
            required group i (MAP) { repeated group key_value { required int32 key; required int32 value; } } }",
        vec![
            (texts(&["a", "b"]), vec![2, 2, 0], vec![0, 1, 0]),
            (Data::I32(vec![1]), vec![3, 2, 0], vec![0, 1, 0]),
            (Data::I32(vec![5]), vec![1, 0], vec![0, 0]),
            (Data::I32(vec![6]), vec![1, 0], vec![0, 0]),
        ],
        &[r#"{"t":{"a":1,"b":null},"i":{"5":6}}"#, r#"{"t":null,"i":{}}"#],
    )
    .await;
    // A structure that isn't there is null, one that is there has what it has.
    check(
        "message m { optional group s { optional int32 a; } }",
        vec![(Data::I32(vec![1]), vec![2, 1, 0], vec![])],
        &[r#"{"s":{"a":1}}"#, r#"{"s":{"a":null}}"#, r#"{"s":null}"#],
    )
    .await;
}

#[tokio::test]
async fn lists_of_older_writers_are_lists() {
    let column = || vec![(Data::I32(vec![1, 2]), vec![1, 1, 0], vec![0, 1, 0])];
    for schema in [
        "message m { repeated int32 l; }",
        "message m { required group l (LIST) { repeated int32 element; } }",
        "message m { required group l (LIST) { repeated group bag { required int32 array_element; } } }",
    ] {
        check(schema, column(), &[r#"{"l":[1,2]}"#, r#"{"l":[]}"#]).await;
    }
    for schema in [
        "message m { required group l (LIST) { repeated group array { required int32 a; } } }",
        "message m { required group l (LIST) { repeated group l_tuple { required int32 a; } } }",
        "message m { repeated group l { required int32 a; } }",
    ] {
        check(schema, column(), &[r#"{"l":[{"a":1},{"a":2}]}"#, r#"{"l":[]}"#]).await;
    }
    // Lists of lists in two levels.
    check(
        "message m { required group l (LIST) { repeated group array (LIST) { repeated int32 array; } } }",
        vec![(Data::I32(vec![1, 2, 3]), vec![2, 2, 2], vec![0, 2, 1])],
        &[r#"{"l":[[1,2],[3]]}"#],
    )
    .await;
    // A map without values is the list of its keys.
    check(
        "message m { required group l (MAP) { repeated group key_value { required int32 key; } } }",
        column(),
        &[r#"{"l":[1,2]}"#, r#"{"l":[]}"#],
    )
    .await;
}

const ROWS: &str = "message m { required int64 n; optional binary s (STRING);
    required group l (LIST) { repeated group list { required int32 element; } } }";

/// Rows from a number on, with a text in each second and lists of different lengths.
fn rows(from: i64, count: i64) -> Vec<Column> {
    let numbers: Vec<i64> = (from..from + count).collect();
    let with_text = |n: &&i64| **n % 2 == 0;
    let strings = numbers.iter().filter(with_text).map(|n| format!("text {n}").into_bytes()).collect();
    let there = numbers.iter().map(|n| i16::from(n % 2 == 0)).collect();
    let (mut elements, mut definitions, mut repetitions) = (Vec::new(), Vec::new(), Vec::new());
    for n in &numbers {
        let length = n % 4;
        for at in 0..length.max(1) {
            definitions.push(i16::from(length > 0));
            repetitions.push(i16::from(at > 0));
            elements.extend((length > 0).then(|| i32::try_from(*n + at).unwrap()));
        }
    }
    vec![
        plain(Data::I64(numbers)),
        (Data::Bytes(strings), there, vec![]),
        (Data::I32(elements), definitions, repetitions),
    ]
}

fn row(n: i64) -> String {
    let text = if n % 2 == 0 { format!("\"text {n}\"") } else { "null".to_owned() };
    let list: Vec<String> = (0..n % 4).map(|at| (n + at).to_string()).collect();
    format!("{{\"n\":{n},\"s\":{text},\"l\":[{}]}}", list.join(","))
}

/// A file of three row groups of 100, no and 200 rows, in small pages.
pub(super) fn groups(properties: WriterPropertiesBuilder) -> Vec<u8> {
    let properties = properties.set_data_page_row_count_limit(7).set_write_batch_size(7);
    write(ROWS, properties, &[rows(0, 100), rows(100, 0), rows(100, 200)])
}

#[tokio::test]
async fn every_codec_and_encoding_is_read() {
    let expected: Vec<String> = (0..300).map(row).collect();
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::ZSTD(Default::default()),
        Compression::BROTLI(Default::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
    ];
    for codec in codecs {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            for dictionary in [true, false] {
                let properties = properties().set_compression(codec).set_writer_version(version);
                let file = groups(properties.set_dictionary_enabled(dictionary));
                let items: Vec<String> = read_all(file).await.unwrap().iter().map(Value::to_json).collect();
                assert!(items == expected, "{codec:?} {version:?}");
            }
        }
    }
    for encoding in [Encoding::DELTA_LENGTH_BYTE_ARRAY, Encoding::DELTA_BYTE_ARRAY] {
        let properties = properties().set_dictionary_enabled(false);
        let file = groups(properties.set_column_encoding("s".into(), encoding));
        let items: Vec<String> = read_all(file).await.unwrap().iter().map(Value::to_json).collect();
        assert!(items == expected, "{encoding:?}");
    }
}

#[tokio::test]
async fn a_row_group_is_fetched_once_and_in_parts_if_it_is_large() {
    let memory = Memory::with("k", groups(properties()));
    let items = pages(&memory, "s3:getObject", named("k"), false).await.unwrap();
    assert_eq!(
        (items.len(), memory.gets()),
        (300, 3),
        "the whole of a small file, and each row group with rows"
    );
    // Larger than what is fetched at once: a column of texts, and a small one.
    let texts: Vec<Vec<u8>> = (0..20_000_u32)
        .map(|n| (0..600).map(|at| b'a' + u8::try_from((n * 7 + at * n) % 26).unwrap()).collect())
        .collect();
    let columns = vec![plain(Data::Bytes(texts.clone())), plain(Data::I32((0..20_000).collect()))];
    let schema = "message m { required binary s (STRING); required int32 n; }";
    let file = write(schema, properties().set_dictionary_enabled(false), &[columns]);
    let (size, memory) = (file.len(), Memory::with("k", file));
    let objects: Arc<dyn Objects> = memory.clone();
    for fresh in [false, true] {
        let (before, mut streams, mut read, mut count) = (memory.gets(), Streams::default(), named("k"), 0);
        read.most = 1_000;
        loop {
            if fresh {
                streams = Streams::default();
            }
            let page = read::page(&objects, &streams, "s3:getObject", &read).await.unwrap();
            for item in &page.items {
                let text = item.get("s").and_then(Value::as_str).unwrap();
                assert!(text.as_bytes() == texts[count]);
                assert_eq!(item.get("n").and_then(Value::as_i64), i64::try_from(count).ok());
                count += 1;
            }
            read.cursor = page.cursor;
            if read.cursor.is_none() {
                break;
            }
        }
        assert_eq!(count, 20_000);
        let gets = memory.gets() - before;
        if !fresh {
            assert!(gets <= (size >> 20) + 5, "{size} bytes in {gets} parts");
        }
    }
}

/// Many more values of lists than may be in memory at once, in short rows and then long ones.
#[tokio::test]
async fn lists_are_read_a_row_at_a_time() {
    let lengths: Vec<usize> = (0..3_000).map(|n| if n < 2_000 { 1 } else { 5_000 }).collect();
    let elements = lengths.iter().sum();
    let repetitions = lengths.iter().flat_map(|length| (0..*length).map(|at| i16::from(at > 0))).collect();
    let column = (Data::I32(vec![7; elements]), vec![1; elements], repetitions);
    let properties = properties().set_data_page_row_count_limit(100).set_write_batch_size(100);
    let objects: Arc<dyn Objects> =
        Memory::with("k", write("message m { repeated int32 l; }", properties, &[vec![column]]));
    let mut read = named("k");
    read.most = 1_000;
    let cursor = |row: usize| Value::parse(&format!(r#"{{"Group":0,"Row":{row}}}"#)).unwrap();
    for row in [0, 1_990, 2_999] {
        read.cursor = Some(cursor(row));
        let page = read::page(&objects, &Streams::default(), "s3:getObject", &read).await.unwrap();
        for (item, length) in page.items.iter().zip(&lengths[row..]) {
            assert_eq!(item.get("l").and_then(Value::as_array).map(<[Value]>::len), Some(*length));
        }
        assert!(!page.items.is_empty());
    }
}

#[tokio::test]
async fn a_file_that_changes_is_told() {
    let memory = Memory::with("k", groups(properties()));
    let objects: Arc<dyn Objects> = memory.clone();
    let mut read = named("k");
    read.most = 150;
    let first = read::page(&objects, &Streams::default(), "s3:getObject", &read).await.unwrap();
    assert_eq!(first.items.len(), 150);
    read.cursor = first.cursor;
    memory.put("k", groups(properties().set_created_by("somebody else".to_owned())));
    let failed = read::page(&objects, &Streams::default(), "s3:getObject", &read).await.unwrap_err();
    assert_eq!(failed.0, "S3://b/k has changed since reading it began.");
    // Where the file was kept, between its row groups.
    let (streams, mut read) = (Streams::default(), named("k"));
    read.most = 50;
    let first = read::page(&objects, &streams, "s3:getObject", &read).await.unwrap();
    memory.put("k", groups(properties().set_created_by("a third".to_owned())));
    (read.cursor, read.most) = (first.cursor, 100);
    let failed = read::page(&objects, &streams, "s3:getObject", &read).await.unwrap_err();
    assert_eq!(failed.0, "S3://b/k has changed since reading it began.");
}

#[tokio::test]
async fn listed_files_and_those_of_an_unload_are_read() {
    let schema = "message m { required int32 n; }";
    let memory = Memory::default();
    memory.put("in/", vec![]);
    let mut manifest = String::new();
    for n in 0..5 {
        let columns = vec![plain(Data::I32((n * 10..n * 10 + n).collect()))];
        memory.put(&format!("in/{n}"), write(schema, properties(), &[columns]));
        manifest.push_str(&format!("s3://b/in/{n}\n"));
    }
    memory.put("manifest.csv", manifest.into_bytes());
    let expected: Vec<i64> = (0..5).flat_map(|n| n * 10..n * 10 + n).collect();
    let memory = memory.shared();
    for (action, parameters, config) in [
        (
            "s3:listObjectsV2",
            r#"{"Bucket":"b","Prefix":"in/"}"#,
            r#"{"Transformation":"LOAD_AND_FLATTEN","InputType":"PARQUET"}"#,
        ),
        (
            "s3:getObject",
            r#"{"Bucket":"b","Key":"manifest.csv"}"#,
            r#"{"InputType":"PARQUET","ManifestType":"ATHENA_DATA"}"#,
        ),
    ] {
        for fresh in [false, true] {
            let items = pages(&memory, action, reader(parameters, config), fresh).await.unwrap();
            let numbers: Vec<i64> =
                items.iter().map(|item| item.get("n").unwrap().as_i64().unwrap()).collect();
            assert_eq!(numbers, expected, "{action}");
        }
    }
}

#[tokio::test]
async fn a_version_cannot_be_given() {
    let read = reader(r#"{"Bucket":"b","Key":"k","VersionId":"v"}"#, r#"{"InputType":"PARQUET"}"#);
    let failed = pages(&Memory::with("k", vec![]), "s3:getObject", read, false).await.unwrap_err();
    assert_eq!(failed.0, "VersionId can't be given for files of InputType PARQUET.");
}

pub(super) fn metadata(file: &[u8]) -> (usize, ParquetMetaData) {
    let length = u32::from_le_bytes(file[file.len() - 8..file.len() - 4].try_into().unwrap()) as usize;
    let begin = file.len() - 8 - length;
    (begin, ParquetMetaDataReader::decode_metadata(&file[begin..file.len() - 8]).unwrap())
}

/// The file with another footer.
pub(super) fn with_footer(file: &[u8], change: impl FnOnce(ParquetMetaData) -> ParquetMetaData) -> Vec<u8> {
    let (begin, metadata) = metadata(file);
    let changed = change(metadata);
    let mut lying = file[..begin].to_vec();
    ParquetMetaDataWriter::new(&mut lying, &changed).finish().unwrap();
    lying
}

pub(super) async fn failed(file: Vec<u8>) -> String {
    read_all(file).await.unwrap_err()
}

#[tokio::test]
async fn files_that_lie_are_told() {
    let good = groups(properties().set_compression(Compression::GZIP(Default::default())));
    let end = good.len();
    assert_eq!(failed(vec![]).await, "S3://b/k is no Parquet file.");
    assert_eq!(failed(b"A,B\n1,2\n3,4\n".to_vec()).await, "S3://b/k is no Parquet file.");
    assert_eq!(failed([&good[..end - 4], b"PARE"].concat()).await, "S3://b/k is an encrypted Parquet file.");
    let footer_of = |length: u32| [&good[..end - 8], &length.to_le_bytes(), b"PAR1"].concat();
    let told = failed(footer_of(u32::MAX)).await;
    assert_eq!(told, "The footer of S3://b/k has 4294967295 bytes; at most 5242880 can be read.");
    let told = failed(footer_of(5 << 20)).await;
    assert_eq!(told, "S3://b/k can't be read as Parquet: its footer is longer than it");
    let told = failed(footer_of(20)).await;
    assert_eq!(told, "S3://b/k can't be read as Parquet: its footer is damaged");
    let group = |metadata: ParquetMetaData, change: &dyn Fn(_) -> ::parquet::errors::Result<_>| {
        let mut builder = metadata.into_builder();
        let mut groups = builder.take_row_groups();
        groups[0] = change(groups[0].clone()).unwrap();
        builder.set_row_groups(groups).build()
    };
    type Group = ::parquet::file::metadata::RowGroupMetaData;
    let large = |group: Group| group.into_builder().set_total_byte_size((256 << 20) + 1).build();
    let told = failed(with_footer(&good, |metadata| group(metadata, &large))).await;
    assert_eq!(told, "Row group 0 of S3://b/k has 268435457 bytes; at most 268435456 can be read.");
    let many = |group: Group| group.into_builder().set_num_rows(1 << 40).build();
    let told = failed(with_footer(&good, |metadata| group(metadata, &many))).await;
    assert_eq!(
        told,
        "S3://b/k can't be read as Parquet: a column ends before its row group (row 100 of row group 0)"
    );
    let away = |group: Group| {
        let columns = group.columns().iter().cloned();
        let moved = columns.map(|column| {
            column.into_builder().set_data_page_offset(1 << 40).set_dictionary_page_offset(None).build()
        });
        let moved = moved.collect::<Result<_, _>>()?;
        group.into_builder().set_column_metadata(moved).build()
    };
    let told = failed(with_footer(&good, |metadata| group(metadata, &away))).await;
    assert_eq!(
        told,
        "S3://b/k can't be read as Parquet: a column isn't where its footer says (row 0 of row group 0)"
    );
}

#[tokio::test]
async fn a_page_that_unpacks_to_more_than_its_row_group_is_told() {
    let zeros = vec![vec![b'0'; 1 << 10]; 100 << 10];
    let properties = properties()
        .set_compression(Compression::ZSTD(Default::default()))
        .set_dictionary_enabled(false)
        .set_data_page_size_limit(usize::MAX)
        .set_data_page_row_count_limit(usize::MAX);
    let file =
        write("message m { required binary s (STRING); }", properties, &[vec![plain(Data::Bytes(zeros))]]);
    assert!(file.len() < 1 << 20);
    let lying = with_footer(&file, |metadata| {
        let mut builder = metadata.into_builder();
        let groups = builder.take_row_groups().into_iter().map(|group| {
            let columns = group.columns().iter().cloned();
            let columns = columns.map(|column| column.into_builder().set_total_uncompressed_size(1).build());
            let columns = columns.collect::<Result<_, _>>().unwrap();
            group.into_builder().set_column_metadata(columns).build().unwrap()
        });
        let groups = groups.collect();
        builder.set_row_groups(groups).build()
    });
    let told = failed(lying).await;
    assert!(told.contains("a page unpacks to more than 67108864 bytes"), "{told}");
}

#[tokio::test]
async fn a_row_that_is_larger_than_an_item_is_told() {
    let columns = vec![plain(Data::Bytes(vec![vec![b'x'; 100], vec![b'x'; 9 << 20]]))];
    let file = write("message m { required binary s (STRING); }", properties(), &[columns]);
    let told = failed(file).await;
    assert_eq!(
        told,
        "S3://b/k can't be read as Parquet: a row is larger than 8388608 bytes, which is the most that an item may \
         have (row 1 of row group 0)"
    );
}

/// Whatever is wrong with a file, it is told as such or read, and soon.
#[tokio::test]
async fn damaged_files_end_in_an_error_or_in_rows() {
    let variants = [
        groups(properties().set_compression(Compression::SNAPPY)),
        groups(properties().set_writer_version(WriterVersion::PARQUET_2_0).set_dictionary_enabled(false)),
        groups(
            properties()
                .set_dictionary_enabled(false)
                .set_column_encoding("s".into(), Encoding::DELTA_BYTE_ARRAY),
        ),
    ];
    let mut random = 1_u64;
    let mut next = move |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % below as u64).unwrap()
    };
    let (mut errors, mut panics) = (0, 0);
    for _ in 0..1_500 {
        let mut file = variants[next(variants.len())].clone();
        for _ in 0..=next(3) {
            let at = next(file.len() - 8);
            file[at] = match next(3) {
                0 => 0xff,
                1 => 0,
                _ => u8::try_from(next(256)).unwrap(),
            };
        }
        let memory = Memory::with("k", file);
        let objects: Arc<dyn Objects> = memory;
        let mut read = named("k");
        read.most = 400;
        if let Err(failed) = read::page(&objects, &Streams::default(), "s3:getObject", &read).await {
            errors += 1;
            panics += usize::from(failed.0.contains("the decoder gave up"));
            assert!(failed.0.contains("S3://b/k"), "{failed}");
        }
    }
    println!("{errors} errors, {panics} of them panics of the decoder");
    assert!(errors > 100);
}
