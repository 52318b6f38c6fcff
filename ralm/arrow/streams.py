"""Arrow tables as byte strings: Spark moves each as a whole, and rows one by one."""

from __future__ import annotations

import pyarrow as pa


def packed(table: pa.Table | pa.RecordBatch) -> bytes:
    """The table as an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write(table)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def unpacked(blob: pa.BinaryScalar) -> pa.Table:
    """The table of a byte string, without a copy of its numbers.

    Strings get offsets of 64 bits: more than 2 GiB of ids may meet in one worker.
    """
    table = pa.ipc.open_stream(blob.as_buffer()).read_all()
    wide = [(f.name, pa.large_string() if f.type == pa.string() else f.type) for f in table.schema]
    return table.cast(pa.schema(wide))


def narrow(kind: pa.DataType) -> pa.DataType:
    """The type that Spark takes in place of an unpacked column's."""
    return pa.string() if kind == pa.large_string() else kind
