"""Definitions of distributed Maps over Amazon S3."""

PASS = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}


def distributed(reader: dict | None = None, processor: dict = PASS, **fields) -> dict:
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **processor}
    state = {"Type": "Map", "ItemProcessor": processor, "End": True, **fields}
    if reader:
        state["ItemReader"] = reader
    return {"StartAt": "M", "States": {"M": state}}


def reads(bucket: str, key: str, action: str = "getObject", **config) -> dict:
    parameters = {"Bucket": bucket, "Key": key} if action == "getObject" else {"Bucket": bucket, "Prefix": key}
    return {"Resource": f"arn:aws:states:::s3:{action}", "ReaderConfig": config, "Parameters": parameters}


def writes(bucket: str, **config) -> dict:
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": bucket, "Prefix": "results"}}
    return {**writer, "WriterConfig": config} if config else writer
