"""CSV, Parquet and JSON lines as raw rows in chunks, without type inference.

The values of a row do not depend on other rows: CSV has texts, with null for an empty field. Bytes
that are no UTF-8 text are returned as bytes, so that a contract rejects only their own row.
"""

import contextlib
import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa

from ml_assets.contracts.coercion import escaped

CHUNK_ROWS = 20_000


class Unreadable(Exception):
    """A file does not have its format."""


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file.

    Attributes:
        cells: column → (n,) raw values.
        count: number of rows.
        broken: text and problem of each line that is not a row.
    """

    cells: Mapping[str, Sequence[Any]]
    count: int
    broken: Sequence[tuple[str, str]] = ()


def chunks(
    filesystem: Any, path: str, kind: str, columns: Sequence[str] | None = None
) -> Iterator[Chunk]:
    """The rows of a file.

    Args:
        filesystem: pyarrow filesystem.
        path: path in it.
        kind: a value of ``FORMATS``.
        columns: columns to read, without those that the file lacks; None for all.

    Returns:
        Chunks of at most ``CHUNK_ROWS`` rows; the first one of a file with a header may be empty.

    Raises:
        Unreadable: the file does not have its format.
        OSError: it cannot be read.
    """
    if kind == "parquet":
        yield from _parquet(filesystem, path, columns)
        return
    with filesystem.open_input_stream(path, compression=None) as stream:
        text = io.TextIOWrapper(stream, "utf-8-sig", "surrogateescape", newline="")
        yield from _csv(text, columns) if kind == "csv" else _json_lines(text, columns)


def _csv(text: io.TextIOWrapper, columns: Sequence[str] | None) -> Iterator[Chunk]:
    lines = csv.reader(text, strict=True)
    try:
        header = next((line for line in lines if line), None)
        if header is None:
            raise Unreadable("it is empty, without a header")
        if len(set(header)) < len(header):
            raise Unreadable("a column occurs twice in its header")
        positions = [n for n, name in enumerate(header) if columns is None or name in columns]
        names = [header[position] for position in positions]
        yield Chunk({name: [] for name in names}, 0)
        while found := [(lines.line_num, line) for line in islice(lines, CHUNK_ROWS)]:
            complete = [line for _, line in found if len(line) == len(header)]
            broken = [
                (
                    escaped(",".join(line)),
                    f"line {number} has {len(line)} fields, expected {len(header)}",
                )
                for number, line in found
                if line and len(line) != len(header)
            ]
            values = {
                name: [_decoded(line[n]) for line in complete]
                for name, n in zip(names, positions, strict=True)
            }
            yield Chunk(values, len(complete), broken)
    except csv.Error as error:
        raise Unreadable(f"line {lines.line_num}: {error}") from error


def _json_lines(text: io.TextIOWrapper, columns: Sequence[str] | None) -> Iterator[Chunk]:
    numbered = ((number, line.strip()) for number, line in enumerate(text, 1))
    while found := [(number, line) for number, line in islice(numbered, CHUNK_ROWS)]:
        rows: list[dict[str, Any]] = []
        broken: list[tuple[str, str]] = []
        for number, line in found:
            if not line:
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                broken.append((escaped(line), f"line {number} is no JSON: {error}"))
                continue
            if isinstance(value, dict):
                rows.append(value)
            else:
                broken.append((escaped(line), f"line {number} is no JSON object"))
        names = list(dict.fromkeys(name for row in rows for name in row))
        wanted = [name for name in names if columns is None or name in columns]
        values = {name: [_encoded(row.get(name)) for row in rows] for name in wanted}
        yield Chunk(values, len(rows), broken)


def _parquet(filesystem: Any, path: str, columns: Sequence[str] | None) -> Iterator[Chunk]:
    from pyarrow.dataset import dataset

    try:
        file = dataset(path, format="parquet", filesystem=filesystem)
        names = [name for name in file.schema.names if columns is None or name in columns]
        yield Chunk({name: [] for name in names}, 0)
        for batch in file.to_batches(columns=names, batch_size=CHUNK_ROWS, batch_readahead=1):
            values = {name: batch.column(name).to_pylist() for name in names}
            yield Chunk(values, batch.num_rows)
    except pa.ArrowException as error:
        raise Unreadable(str(error).strip().splitlines()[0]) from error
    except OSError as error:
        _read_bytes(filesystem, path)
        raise Unreadable(str(error).strip().splitlines()[0]) from error


def _read_bytes(filesystem: Any, path: str) -> None:
    """Read all bytes of a file, which fails if the reason is not its content."""
    with filesystem.open_input_stream(path, compression=None) as stream:
        while stream.read(2**20):
            pass


def _decoded(field: str) -> str | bytes | None:
    return field if field and field.isascii() else _encoded(field or None)


def _encoded(value: Any) -> Any:
    """A text with undecodable bytes as bytes, other values unchanged."""
    if not isinstance(value, str) or value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        with contextlib.suppress(UnicodeEncodeError):  # half a character that JSON wrote
            return value.encode("utf-8", "surrogateescape")
    return value
