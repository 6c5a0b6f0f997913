"""Tables of a transient, which grow by a row a step; a run that resumes goes on from the part of a checkpoint."""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path
from typing import Any

from spinepnp.csv_files import csv_text
from spinepnp.runtime.files import write_atomically


class GrowingTable:
    """CSV table to which rows are appended and flushed, so that a run can be followed.

    Args:
        path: path of the file.

    Attributes:
        length: number of bytes that were written.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.length = path, 0
        self._columns: list[str] = []
        self._digest = hashlib.sha256()

    @property
    def known(self) -> tuple[int, str]:
        """Length and digest by which a checkpoint knows the content."""
        return self.length, self._digest.hexdigest()

    @staticmethod
    def known_of(content: bytes) -> tuple[int, str]:
        """Length and digest by which a checkpoint knows some content."""
        return len(content), hashlib.sha256(content).hexdigest()

    def _add(self, content: bytes) -> None:
        self.length += len(content)
        self._digest.update(content)

    def append(self, *rows: dict[str, Any]) -> None:
        """Append rows; the first one of all gives the columns."""
        first = not self._columns
        self._columns = self._columns or list(rows[0])
        content = csv_text(self._columns, rows, header=first).encode()
        with self.path.open("wb" if first else "ab") as file:
            file.write(content)
        self._add(content)

    def beginning(self, length: int, digest: str) -> bytes | None:
        """Part of the file that a checkpoint has seen; ``None`` where the file differs from it."""
        if length == 0:
            return b""
        try:
            with self.path.open("rb") as file:
                content = file.read(length)
        except OSError:
            return None
        return content if len(content) == length and hashlib.sha256(content).hexdigest() == digest else None

    def resume(self, content: bytes) -> list[dict[str, str]]:
        """Replace the file by a part of it, or this with more columns, and grow on from there; returns the rows."""
        self.length, self._digest = 0, hashlib.sha256()
        if not content:  # no row yet
            if self.path.is_file():
                self.path.unlink()
            return []
        write_atomically(self.path, content)
        self._add(content)
        reader = csv.DictReader(io.StringIO(content.decode(), newline=""))
        rows = list(reader)
        self._columns = list(reader.fieldnames or ())
        return rows
