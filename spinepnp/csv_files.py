"""CSV tables: reader of those that users give (profiles, waveforms, channels, lists of cases), and text of rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from spinepnp.errors import reason_of


def rows_of(path: str | Path) -> Iterator[dict[str, str]]:
    """Rows of a CSV table by the names of its columns, without blanks around names and values.

    A byte order mark, which spreadsheets write, is no part of the first name.

    Raises:
        ValueError: the file cannot be read, is no text in UTF-8, or a row has more or fewer values than columns.
    """
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            for number, row in enumerate(reader, 1):
                if None in row or None in row.values():
                    raise ValueError(f"row {number} has not as many values as there are columns; correct it")
                yield {str(name).strip(): value.strip() for name, value in row.items()}
    except OSError as error:
        raise ValueError(f"cannot be read ({reason_of(error)}); give the path of a CSV file") from None
    except (UnicodeDecodeError, csv.Error):
        raise ValueError("is no CSV table; save it as CSV in UTF-8") from None


def complete_rows(path: Path) -> list[dict[str, str]]:
    """Complete rows of a table that the program writes: a run that was killed may end with a part of one.

    Raises:
        OSError: it cannot be read.
        ValueError, csv.Error: it is no table.
    """
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if None not in row and None not in row.values()]


def csv_text(columns: Sequence[str], rows: Iterable[dict[str, Any]], *, header: bool = True) -> str:
    """Rows as CSV text; values without a column are left out.

    Args:
        columns: names of the columns, in their order.
        rows: values by column; columns that a row lacks are empty in it.
        header: whether the first line has the names of the columns.
    """
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, columns, lineterminator="\n", extrasaction="ignore")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
