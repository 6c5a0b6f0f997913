"""Reader of the CSV tables that users give: profiles, waveforms, channels, lists of cases."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from spinepnp.errors import reason_of


def rows_of(path: str | Path) -> Iterator[dict[str, str]]:
    """Rows of a CSV table by the names of its columns, without blanks around names and values.

    A byte order mark, which spreadsheets write, is no part of the first name.

    Args:
        path: path of the file.

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
