"""Distributed Maps over Parquet files in Amazon S3 (moto), as another program writes them (DuckDB)."""

import json

import duckdb
import pytest
from support.distributed import distributed, reads, writes
from support.executions import closed, failed, machine, start, succeeded
from support.newel import Dev
from support.waiting import wait_until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def sfn(newel_on_moto):
    return newel_on_moto.client()


@pytest.fixture
def put(s3, bucket, tmp_path):
    """Puts what a query gives into the bucket, as Parquet."""

    def put(key: str, query: str, **options) -> None:
        file = tmp_path / "written.parquet"
        given = "".join(f", {name} {value}" for name, value in options.items())
        duckdb.connect().execute(f"COPY ({query}) TO '{file}' (FORMAT parquet{given})")
        s3.put_object(Bucket=bucket, Key=key, Body=file.read_bytes())

    return put


EVERYTHING = """
SELECT 1::BIGINT AS id, 'ä' AS name, -1.50::DECIMAL(18, 2) AS price, 1.25::DECIMAL(38, 10) AS wide,
       TIMESTAMP '2024-02-29 12:00:00.5' AS local, TIMESTAMPTZ '2024-02-29 12:00:00+00' AS utc,
       DATE '2024-02-29' AS day, TIME '01:02:03' AS time, [1, NULL, 3] AS list, {'x': 1, 'y': [{'z': 'w'}]} AS struct,
       MAP {'k': 1.5::DOUBLE} AS map, uuid '00010203-0405-0607-0809-0a0b0c0d0e0f' AS uuid, '\\xAA'::BLOB AS bytes,
       NULL::INT AS none, true AS yes, 'NaN'::DOUBLE AS nan, 1.1::FLOAT AS float, 18446744073709551615::UBIGINT AS big
"""
EVERYTHING_ITEM = {
    "id": 1,
    "name": "ä",
    "price": -1.5,
    "wide": 1.25,
    "local": "2024-02-29T12:00:00.500",
    "utc": "2024-02-29T12:00:00Z",
    "day": "2024-02-29",
    "time": "01:02:03",
    "list": [1, None, 3],
    "struct": {"x": 1, "y": [{"z": "w"}]},
    "map": {"k": 1.5},
    "uuid": "00010203-0405-0607-0809-0a0b0c0d0e0f",
    "bytes": "qg==",
    "none": None,
    "yes": True,
    "nan": "NaN",
    "float": 1.1,
    "big": 18446744073709551615,
}


@pytest.mark.parametrize("codec", ["uncompressed", "snappy", "gzip", "zstd", "brotli", "lz4_raw"])
@pytest.mark.parametrize("version", ["V1", "V2"])
def test_what_another_program_wrote_is_read(sfn, bucket, put, codec, version):
    put("f.parquet", EVERYTHING, COMPRESSION=codec, PARQUET_VERSION=version)
    [item] = succeeded(sfn, distributed(reads(bucket, "f.parquet", InputType="PARQUET")))
    assert item == EVERYTHING_ITEM
    assert list(item) == list(EVERYTHING_ITEM)


def test_listed_files_and_those_of_an_unload_are_read(sfn, s3, bucket, put):
    s3.put_object(Bucket=bucket, Key="in/", Body="")
    for n in range(3):
        put(f"in/{n}.parquet", f"SELECT range AS n FROM range({n * 10}, {n * 10 + n})")
    expected = [{"n": 10}, {"n": 20}, {"n": 21}]
    loaded = reads(bucket, "in/", "listObjectsV2", InputType="PARQUET", Transformation="LOAD_AND_FLATTEN")
    assert succeeded(sfn, distributed(loaded)) == expected
    manifest = "".join(f"s3://{bucket}/in/{n}.parquet\n" for n in range(3))
    s3.put_object(Bucket=bucket, Key="unload.csv", Body=manifest)
    unloaded = reads(bucket, "unload.csv", InputType="PARQUET", ManifestType="ATHENA_DATA")
    source = {"n.$": "$$.Map.Item.Value.n", "s.$": "$$.Map.Item.Source"}
    items = succeeded(sfn, distributed(unloaded, ItemSelector=source))
    assert items == [{**item, "s": f"S3://{bucket}/in/{item['n'] // 10}.parquet"} for item in expected]


def test_files_that_cannot_be_read_fail_the_run_and_not_the_worker(sfn, s3, bucket, put):
    put("good.parquet", "SELECT range AS n FROM range(10)")
    good = s3.get_object(Bucket=bucket, Key="good.parquet")["Body"].read()
    for content, cause in [
        (b"A,B\n1,2\n", "is no Parquet file."),
        (good[:-8] + b"\xff\xff\xff\x7fPAR1", "has 2147483647 bytes; at most 5242880 can be read."),
        (good[:4] + b"\xff" * 40 + good[44:], "can't be read as Parquet: "),
    ]:
        s3.put_object(Bucket=bucket, Key="bad.parquet", Body=content)
        error, told = failed(sfn, distributed(reads(bucket, "bad.parquet", InputType="PARQUET")))
        assert error == "States.ItemReaderFailed" and cause in told, told
    versioned = reads(bucket, "good.parquet", InputType="PARQUET")
    versioned["Parameters"]["VersionId"] = "v"
    error, told = failed(sfn, distributed(versioned))
    assert (error, told) == ("States.ItemReaderFailed", "VersionId can't be given for files of InputType PARQUET.")
    assert len(succeeded(sfn, distributed(reads(bucket, "good.parquet", InputType="PARQUET", MaxItems=3)))) == 3


def test_a_kill_neither_loses_nor_repeats_a_row(moto, s3, bucket, put, tmp_path):
    put("f.parquet", "SELECT range AS n, 'x' || range AS s FROM range(6000)", ROW_GROUP_SIZE=2048)
    with Dev(tmp_path, moto.url) as dev:
        sfn = dev.client()
        definition = distributed(
            reads(bucket, "f.parquet", InputType="PARQUET"),
            MaxConcurrency=200,
            ResultWriter=writes(bucket, Transformation="COMPACT"),
        )
        execution = start(sfn, machine(sfn, definition), {})

        def done() -> int:
            [found] = sfn.list_map_runs(executionArn=execution)["mapRuns"]
            return sfn.describe_map_run(mapRunArn=found["mapRunArn"])["itemCounts"]["succeeded"]

        for reached in (1, 2500, 6000):
            wait_until(lambda: done() >= reached, f"{reached} rows to be done", seconds=60)
            dev.crash()
        described = closed(sfn, execution, seconds=120)
        assert described["status"] == "SUCCEEDED", described
        where = described["result"]["ResultWriterDetails"]["Key"]
        manifest = json.loads(s3.get_object(Bucket=bucket, Key=where)["Body"].read())
        files = [s3.get_object(Bucket=bucket, Key=file["Key"]) for file in manifest["ResultFiles"]["SUCCEEDED"]]
        rows = sorted(record["n"] for file in files for record in json.loads(file["Body"].read()))
        assert rows == list(range(6000))
