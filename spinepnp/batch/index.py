"""Index of finished cases, so that thousands of them are read at once. It can be made again from their folders.

One process writes at a time (`Store.alone`). Where SQLite does not work (some network file systems), there is no index,
and everything is read from the folders.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

from spinepnp.batch.store import Store

#: File of the index.
NAME = "index.sqlite"

#: Timeout for another process that reads or writes the index, s.
INDEX_TIMEOUT = 10.0

#: Changes with the layout of the table; an index of another layout is made again.
LAYOUT = 1


def outcomes(directory: Path, *, write: bool) -> dict[str, dict[str, Any]]:
    """Outcomes of all finished cases of a batch, by key. On one rank.

    With `write`, which needs the lock of `Store.alone`, the index is brought up to date.
    """
    store = Store(directory)
    stamps = store.stamps()
    known = {key: value for key, value in _read(directory / NAME).items() if stamps.get(key) == value[0]}
    missing = sorted(stamps.keys() - known.keys())
    new = {key: outcome for key in missing if (outcome := store.outcome(key)) is not None}
    if write:
        _write(directory, stamps, new)
    return {**{key: content for key, (_, content) in known.items()}, **new}


def _read(path: Path) -> dict[str, tuple[int, dict[str, Any]]]:
    """Stamp and content by key; empty where there is no index that can be read."""
    if not path.exists():
        return {}
    try:
        with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            if connection.execute("PRAGMA user_version").fetchone()[0] != LAYOUT:
                return {}
            rows = connection.execute("SELECT key, stamp, content FROM outcomes").fetchall()
        return {key: (stamp, json.loads(content)) for key, stamp, content in rows}
    except (sqlite3.Error, ValueError, OSError):
        return {}


def _write(directory: Path, stamps: dict[str, int], new: dict[str, dict[str, Any]]) -> None:
    """Add new outcomes and drop those that are gone. An index that fails is removed: it is a convenience."""
    path = directory / NAME
    try:
        try:
            _update(path, stamps, new)
        except sqlite3.DatabaseError:  # damaged: a kill in the middle of a write on a file system without order
            path.unlink(missing_ok=True)
            _update(path, stamps, {**{k: o for k in stamps if (o := Store(directory).outcome(k))}, **new})
    except (sqlite3.Error, OSError, ValueError):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _update(path: Path, stamps: dict[str, int], new: dict[str, dict[str, Any]]) -> None:
    with contextlib.closing(sqlite3.connect(path, timeout=INDEX_TIMEOUT)) as connection, connection:
        if connection.execute("PRAGMA user_version").fetchone()[0] != LAYOUT:
            connection.execute("DROP TABLE IF EXISTS outcomes")
            connection.execute(f"PRAGMA user_version = {LAYOUT}")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS outcomes (key TEXT PRIMARY KEY, stamp INTEGER, status TEXT, reason TEXT,"
            " version TEXT, seconds REAL, content TEXT)"
        )
        indexed = {key for (key,) in connection.execute("SELECT key FROM outcomes")}
        connection.executemany("DELETE FROM outcomes WHERE key = ?", [(key,) for key in indexed - stamps.keys()])
        connection.executemany(
            "INSERT OR REPLACE INTO outcomes VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (key, stamps[key], o.get("status"), o.get("reason"), o.get("version"), o.get("seconds"), json.dumps(o))
                for key, o in new.items()
            ],
        )
