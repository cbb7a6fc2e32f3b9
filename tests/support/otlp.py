"""An OTLP/gRPC receiver that keeps the spans it is sent.

It reads the few protobuf fields it needs by their numbers (opentelemetry/proto/trace/v1/trace.proto), so that what Newel sends is
judged by the published format and not by code shared with Newel.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import grpc

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@dataclass(frozen=True)
class Span:
    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str


class Receiver:
    """Serves on a free loopback port while it is entered; `spans` grows as they arrive."""

    def __init__(self):
        self.spans: list[Span] = []

    def __enter__(self):
        handler = grpc.unary_unary_rpc_method_handler(self._export)
        service = type("Service", (grpc.GenericRpcHandler,), {"service": lambda _, call: handler if call.method == EXPORT else None})
        self._server = grpc.server(ThreadPoolExecutor(2), handlers=[service()])
        self.url = f"http://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop(grace=1)

    def _export(self, request: bytes, _context) -> bytes:
        for resource_spans in _messages(request, 1):
            service = _service(resource_spans)
            for scope_spans in _messages(resource_spans, 2):
                self.spans.extend(_span(service, span) for span in _messages(scope_spans, 2))
        return b""


def _span(service: str, span: bytes) -> Span:
    def first(number: int) -> bytes:
        return next(_messages(span, number), b"")

    return Span(service, first(5).decode(), first(1).hex(), first(2).hex(), first(4).hex())


def _service(resource_spans: bytes) -> str:
    """The resource's attribute `service.name`."""
    for resource in _messages(resource_spans, 1):
        for attribute in _messages(resource, 1):
            if next(_messages(attribute, 1), b"") == b"service.name":
                return next(_messages(next(_messages(attribute, 2), b""), 1), b"").decode()
    return ""


def _messages(data: bytes, wanted: int) -> Iterator[bytes]:
    """The values of the length-delimited fields with that number."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 2:
            length, at = _varint(data, at)
            if number == wanted:
                yield data[at : at + length]
            at += length
        elif kind == 0:
            _, at = _varint(data, at)
        else:
            at += {1: 8, 5: 4}[kind]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
