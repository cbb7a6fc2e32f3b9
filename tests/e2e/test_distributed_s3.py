"""Distributed Maps over Amazon S3 (moto): items of every kind, files of results, restarts, and memory that stays flat."""

import gzip
import io
import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest
from support.distributed import distributed, reads, writes
from support.executions import closed, failed, history, machine, start, succeeded
from support.newel import Dev, Services, binary, catalog
from support.waiting import wait_until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def sfn(newel_on_moto):
    return newel_on_moto.client()


ROWS = "A,B\n1,x\n2,\"y,\"\"z\"\n3\n"
ROW_ITEMS = [{"A": "1", "B": "x"}, {"A": "2", "B": 'y,"z'}, {"A": "3", "B": ""}]


@pytest.mark.parametrize(
    ("key", "content", "config", "expected"),
    [
        ("f.csv", ROWS, {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}, ROW_ITEMS),
        (
            "f.psv",
            "1|2\n3|4\n",
            {"InputType": "CSV", "CSVDelimiter": "PIPE", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["A", "B"]},
            [{"A": "1", "B": "2"}, {"A": "3", "B": "4"}],
        ),
        ("f.json", '[1, {"a": [2]}, "x"]', {"InputType": "JSON"}, [1, {"a": [2]}, "x"]),
        ("p.json", '{"n": 1, "in": {"items": [1, 2]}}', {"InputType": "JSON", "ItemsPointer": "/in/items"}, [1, 2]),
        ("o.json", '{"a": 1, "b": 2}', {"InputType": "JSON"}, [{"Key": "a", "Value": 1}, {"Key": "b", "Value": 2}]),
        ("f.jsonl", '{"a": 1}\n\n[2]\n', {"InputType": "JSONL"}, [{"a": 1}, [2]]),
        ("m.jsonl", "1\n2\n3\n4\n", {"InputType": "JSONL", "MaxItems": 3}, [1, 2, 3]),
        ("f.csv.gz", gzip.compress(ROWS.encode()), {"InputType": "CSV"}, ROW_ITEMS),
        ("empty.csv", "", {"InputType": "CSV"}, []),
        ("headers.csv", "A,B\n", {"InputType": "CSV"}, []),
    ],
)
def test_files_are_read(sfn, s3, bucket, key, content, config, expected):
    s3.put_object(Bucket=bucket, Key=key, Body=content)
    assert succeeded(sfn, distributed(reads(bucket, key, **config))) == expected


def test_members_of_a_file_have_keys(sfn, s3, bucket):
    s3.put_object(Bucket=bucket, Key="o.json", Body='{"a": 1, "b": {"z": 2}}')
    selector = {"k.$": "$$.Map.Item.Key", "v.$": "$$.Map.Item.Value", "s.$": "$$.Map.Item.Source"}
    source = f"S3://{bucket}/o.json"
    expected = [{"k": "a", "v": 1, "s": source}, {"k": "b", "v": {"z": 2}, "s": source}]
    assert succeeded(sfn, distributed(reads(bucket, "o.json", InputType="JSON"), ItemSelector=selector)) == expected


def test_the_query_languages_say_what_is_read(sfn, s3, bucket):
    s3.put_object(Bucket=bucket, Key="f.jsonl", Body="1\n2\n3\n")
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSONL", "MaxItems": "{% $states.input.most %}"},
        "Arguments": {"Bucket": "{% $states.input.bucket %}", "Key": "f.jsonl"},
    }
    given = {"bucket": bucket, "most": 2}
    assert succeeded(sfn, {**distributed(reader), "QueryLanguage": "JSONata"}, given) == [1, 2]
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSONL", "MaxItemsPath": "$.most"},
        "Parameters": {"Bucket.$": "$.bucket", "Key": "f.jsonl"},
    }
    selector = {"v.$": "$$.Map.Item.Value", "s.$": "$$.Map.Item.Source"}
    source = f"S3://{bucket}/f.jsonl"
    assert succeeded(sfn, distributed(reader, ItemSelector=selector), given) == [{"v": 1, "s": source}, {"v": 2, "s": source}]


def test_listings_are_read(sfn, s3, bucket):
    for n in range(1203):
        s3.put_object(Bucket=bucket, Key=f"in/{n:04}.json", Body=f"[{n}]" if n < 3 else "")
    s3.put_object(Bucket=bucket, Key="other", Body="[9]")
    selector = {"k.$": "$$.Map.Item.Value.Key"}
    batched = {"ItemBatcher": {"MaxItemsPerBatch": 500}, "ItemSelector": selector}
    batches = succeeded(sfn, distributed(reads(bucket, "in/", "listObjectsV2"), **batched))
    assert [item["k"] for batch in batches for item in batch["Items"]] == [f"in/{n:04}.json" for n in range(1203)]
    [first] = succeeded(sfn, distributed(reads(bucket, "in/", "listObjectsV2", MaxItems=1)))
    listed = s3.head_object(Bucket=bucket, Key="in/0000.json")
    assert first == {
        "Etag": listed["ETag"],
        "LastModified": int(listed["LastModified"].timestamp()),
        "Key": "in/0000.json",
        "Size": 3,
        "StorageClass": "STANDARD",
    }
    loaded = reads(bucket, "in/", "listObjectsV2", InputType="JSON", Transformation="LOAD_AND_FLATTEN")
    assert succeeded(sfn, distributed(loaded)) == [0, 1, 2]


def test_manifests_are_read(sfn, s3, bucket):
    manifest = {
        "sourceBucket": "source",
        "destinationBucket": f"arn:aws:s3:::{bucket}",
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size",
        "files": [{"key": "data/0.csv.gz", "size": 1}, {"key": "data/1.csv.gz", "size": 1}],
    }
    s3.put_object(Bucket=bucket, Key="manifest.json", Body=json.dumps(manifest))
    for n in range(2):
        s3.put_object(Bucket=bucket, Key=f"data/{n}.csv.gz", Body=gzip.compress(f'"source","k{n}","5"\n'.encode()))
    expected = [{"Bucket": "source", "Key": f"k{n}", "Size": "5"} for n in range(2)]
    for config in ({"InputType": "MANIFEST"}, {"ManifestType": "S3_INVENTORY"}):
        assert succeeded(sfn, distributed(reads(bucket, "manifest.json", **config))) == expected
    s3.put_object(Bucket=bucket, Key="unload.csv", Body=f"s3://{bucket}/u/0\ns3://{bucket}/u/1\n")
    for n in range(2):
        s3.put_object(Bucket=bucket, Key=f"u/{n}", Body=f"{n}\n")
    unloaded = reads(bucket, "unload.csv", InputType="JSONL", ManifestType="ATHENA_DATA")
    assert succeeded(sfn, distributed(unloaded)) == [0, 1]


def test_what_cannot_be_read_fails_the_run(sfn, s3, bucket):
    s3.put_object(Bucket=bucket, Key="twice.csv", Body="A,A\n1,2\n")
    s3.put_object(Bucket=bucket, Key="number.json", Body="7")
    s3.put_object(Bucket=bucket, Key="broken.json", Body="[1, 2")
    s3.put_object(Bucket=bucket, Key="huge.jsonl", Body='"' + "x" * (9 << 20) + '"\n')
    for key, config, cause in [
        ("none.csv", {"InputType": "CSV"}, r"The specified key does not exist\. \(Service: S3, Status Code: 404"),
        ("twice.csv", {"InputType": "CSV"}, r"CSV headers cannot contain duplicates\.$"),
        ("number.json", {"InputType": "JSON"}, r"Attempting to map over non-iterable node\.$"),
        ("broken.json", {"InputType": "JSON"}, r"The file is not valid JSON: it ends early, at byte 5\.$"),
        ("huge.jsonl", {"InputType": "JSONL"}, r"The item at byte 0 is larger than 8388608 bytes"),
        ("twice.csv", {"InputType": "PARQUET"}, r"S3://items-\w+/twice\.csv is no Parquet file\.$"),
    ]:
        error, told = failed(sfn, distributed(reads(bucket, key, **config)))
        assert error == "States.ItemReaderFailed"
        assert re.match(cause, told), told
    retried = distributed(reads(bucket, "none.csv", InputType="CSV"))
    retried["States"]["M"] |= {
        "Retry": [{"ErrorEquals": ["States.ItemReaderFailed"], "IntervalSeconds": 1, "MaxAttempts": 1}],
        "Catch": [{"ErrorEquals": ["States.ItemReaderFailed"], "Next": "C"}],
    }
    retried["States"]["C"] = {"Type": "Pass", "Result": "caught", "End": True}
    execution = start(sfn, machine(sfn, retried), {})
    assert closed(sfn, execution)["result"] == "caught"
    kinds = [event["type"] for event in history(sfn, execution)]
    assert kinds.count("MapRunFailed") == 2


def body(s3, bucket: str, key: str) -> str:
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()


PICKY = {
    "StartAt": "I",
    "States": {
        "I": {"Type": "Choice", "Choices": [{"Variable": "$.bad", "IsPresent": True, "Next": "F"}], "Default": "P"},
        "F": {"Type": "Fail", "Error": "Bad", "Cause": "item"},
        "P": {"Type": "Pass", "End": True},
    },
}


def test_results_are_written(sfn, s3, bucket):
    items = [{"n": 0}, {"bad": True}, {"n": 2}]
    definition = distributed(
        processor=PICKY, Label="Words", ItemsPath="$.items", ToleratedFailureCount=1, ResultWriter=writes(bucket)
    )
    details = succeeded(sfn, definition, {"items": items})
    run_id = details["MapRunArn"].rsplit(":", 1)[1]
    where = f"results/{run_id}"
    assert details["ResultWriterDetails"] == {"Bucket": bucket, "Key": f"{where}/manifest.json"}
    manifest = json.loads(body(s3, bucket, f"{where}/manifest.json"))
    sizes = {
        entry["Key"]: entry["Size"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix=where)["Contents"]
    }
    assert manifest == {
        "DestinationBucket": bucket,
        "MapRunArn": details["MapRunArn"],
        "ResultFiles": {
            "FAILED": [{"Key": f"{where}/FAILED_0.json", "Size": sizes[f"{where}/FAILED_0.json"]}],
            "PENDING": [],
            "SUCCEEDED": [{"Key": f"{where}/SUCCEEDED_0.json", "Size": sizes[f"{where}/SUCCEEDED_0.json"]}],
        },
    }
    records = json.loads(body(s3, bucket, f"{where}/SUCCEEDED_0.json"))
    assert sorted(json.loads(record["Output"])["n"] for record in records) == [0, 2]
    for record in records:
        described = sfn.describe_execution(executionArn=record["ExecutionArn"])
        assert record["Status"] == "SUCCEEDED" and record["Input"] == described["input"]
        assert record["Name"] == described["name"] and record["RedriveStatus"] == "NOT_REDRIVABLE"
    [record] = json.loads(body(s3, bucket, f"{where}/FAILED_0.json"))
    assert (record["Error"], record["Cause"], json.loads(record["Input"])) == ("Bad", "item", {"bad": True})


def test_writer_configs_shape_the_files(sfn, s3, bucket):
    for config, expected in [
        ({"Transformation": "COMPACT", "OutputType": "JSONL"}, "[1,2]\n3\n"),
        ({"Transformation": "FLATTEN", "OutputType": "JSON"}, "[1,2,3]"),
    ]:
        definition = distributed(ItemsPath="$.items", MaxConcurrency=1, ResultWriter=writes(bucket, **config))
        details = succeeded(sfn, definition, {"items": [3, [1, 2]]})["ResultWriterDetails"]
        [file] = json.loads(body(s3, bucket, details["Key"]))["ResultFiles"]["SUCCEEDED"]
        # The child that closed last comes first.
        assert body(s3, bucket, file["Key"]) == expected


def test_what_cannot_be_written_fails_the_run(sfn):
    definition = distributed(ItemsPath="$.items", ResultWriter=writes("no-such-bucket-anywhere"))
    error, cause = failed(sfn, definition, {"items": [1]})
    assert error == "States.ResultWriterFailed"
    assert cause.startswith("The specified bucket does not exist (Service: S3, Status Code: 404"), cause


def rows(count: int, padding: int = 0) -> bytes:
    out = io.StringIO()
    out.write("n,padding\n")
    for n in range(count):
        out.write(f"{n},{'x' * padding}\n")
    return out.getvalue().encode()


def files(s3, bucket: str, described: dict) -> list[dict]:
    manifest = json.loads(body(s3, bucket, described["result"]["ResultWriterDetails"]["Key"]))
    return [
        record
        for file in manifest["ResultFiles"]["SUCCEEDED"]
        for record in json.loads(body(s3, bucket, file["Key"]))
    ]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_a_kill_neither_loses_nor_repeats_an_item(moto, s3, bucket, tmp_path, packed):
    content = rows(6000)
    key = "f.csv.gz" if packed else "f.csv"
    s3.put_object(Bucket=bucket, Key=key, Body=gzip.compress(content) if packed else content)
    with Dev(tmp_path, moto.url) as dev:
        sfn = dev.client()
        definition = distributed(
            reads(bucket, key, InputType="CSV"), MaxConcurrency=200, ResultWriter=writes(bucket, Transformation="COMPACT")
        )
        execution = start(sfn, machine(sfn, definition), {})

        def counts() -> dict:
            [found] = sfn.list_map_runs(executionArn=execution)["mapRuns"]
            return sfn.describe_map_run(mapRunArn=found["mapRunArn"])["itemCounts"]

        for reached in (1, 2500, 6000):
            wait_until(lambda: counts()["succeeded"] >= reached, f"{reached} items to be done", seconds=60)
            dev.crash()
        described = closed(sfn, execution, seconds=120)
        assert described["status"] == "SUCCEEDED", described
        done = sorted(int(record["n"]) for record in files(s3, bucket, described))
        assert done == list(range(6000))
        assert counts()["succeeded"] == 6000


def test_a_worker_that_is_killed_is_no_loss(moto, s3, bucket, tmp_path):
    s3.put_object(Bucket=bucket, Key="f.csv.gz", Body=gzip.compress(rows(20_000, padding=100)))
    with Services(tmp_path, moto.url, families=("s3",)) as services:
        sfn = services.client()
        definition = distributed(
            reads(bucket, "f.csv.gz", InputType="CSV"),
            MaxConcurrency=500,
            ItemBatcher={"MaxItemsPerBatch": 10},
            ResultWriter=writes(bucket, Transformation="COMPACT"),
        )
        execution = start(sfn, machine(sfn, definition), {})

        def succeeded_items() -> int:
            runs = sfn.list_map_runs(executionArn=execution)["mapRuns"]
            return sfn.describe_map_run(mapRunArn=runs[0]["mapRunArn"])["itemCounts"]["succeeded"] if runs else 0

        for reached in (1, 8000, 16_000):
            wait_until(lambda: succeeded_items() >= reached, f"{reached} items to be done", seconds=60)
            services.workers["s3"].kill()
            services.workers["s3"].start()
        described = closed(sfn, execution, seconds=120)
        assert described["status"] == "SUCCEEDED", described
        done = sorted(int(item["n"]) for record in files(s3, bucket, described) for item in record["Items"])
        assert done == list(range(20_000))


def peak(pid: int) -> int:
    """Bytes of memory at most since the last call."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return int(found[1]) * 1024


def test_memory_is_flat_in_the_size_of_a_file(moto, s3, bucket, tmp_path):
    selector = {"n.$": "$$.Map.Item.Value.n"}
    with Dev(tmp_path, moto.url) as dev:
        sfn = dev.client()
        peaks = {}
        for count in (10_000, 100_000):
            content = rows(count, padding=600)
            s3.put_object(Bucket=bucket, Key="f.csv", Body=content)
            definition = distributed(
                reads(bucket, "f.csv", InputType="CSV"),
                ItemSelector=selector,
                ItemBatcher={"MaxItemsPerBatch": 1000},
                MaxConcurrency=10,
                ResultWriter=writes(bucket),
            )
            begun = time.monotonic()
            described = closed(sfn, start(sfn, machine(sfn, definition), {}), seconds=200)
            assert described["status"] == "SUCCEEDED", described
            peaks[count] = peak(dev.program.pid)
            print(f"{count} rows, {len(content) >> 20} MiB: peak {peaks[count] >> 20} MiB, {time.monotonic() - begun:.1f} s")
            batches = [json.loads(record["Output"])["Items"] for record in files(s3, bucket, described)]
            assert sorted(int(item["n"]) for batch in batches for item in batch) == list(range(count))
        # Sixty megabytes are read; what comes on top is caches that fill up.
        assert peaks[100_000] - peaks[10_000] < 40 << 20, peaks


def test_a_redrive_reads_again_what_was_put_right(sfn, s3, bucket):
    execution = start(sfn, machine(sfn, distributed(reads(bucket, "late.json", InputType="JSON"))), {})
    assert closed(sfn, execution)["status"] == "FAILED"
    s3.put_object(Bucket=bucket, Key="late.json", Body="[1, 2]")
    sfn.redrive_execution(executionArn=execution)
    assert closed(sfn, execution)["result"] == [1, 2]


def test_a_file_that_changes_while_it_is_read_is_told(sfn, s3, bucket):
    s3.put_object(Bucket=bucket, Key="f.csv", Body=rows(40_000, padding=100))
    wait = {"StartAt": "I", "States": {"I": {"Type": "Wait", "Seconds": 1, "End": True}}}
    definition = distributed(reads(bucket, "f.csv", InputType="CSV"), wait, MaxConcurrency=2000, ItemBatcher={"MaxItemsPerBatch": 5})
    execution = start(sfn, machine(sfn, definition), {})
    wait_until(lambda: sfn.list_map_runs(executionArn=execution)["mapRuns"], "the map run")
    s3.put_object(Bucket=bucket, Key="f.csv", Body=rows(40_000, padding=101))
    described = closed(sfn, execution, seconds=120)
    error, cause = described.get("error"), described.get("cause")
    assert error == "States.ItemReaderFailed"
    assert cause == f"S3://{bucket}/f.csv has changed since reading it began."


def test_the_benchmark_of_many_rows_finds_each_once_and_memory_flat(tmp_path):
    newel = binary()
    bench = [newel.with_name("newel-bench"), "s3csv", "--count", "200000", "--newel", newel, "--data-dir", tmp_path]
    found = subprocess.run(bench, env={**os.environ, "NEWEL_CATALOG": str(catalog())}, capture_output=True, text=True, timeout=240)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "| all |" in found.stdout, found.stdout
