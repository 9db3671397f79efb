"""The strongest floor of row g: one thread owns the connection and commits whatever is waiting, together."""

import queue
import sqlite3
import threading
from pathlib import Path
from typing import Final

from tests.bench import floor_store as store
from tests.bench.floor_store import Conflict, Row

BATCH_COMMITS: Final = 500  # a limit on how long one transaction makes its callers wait


class Waiting:
    """One caller's commit, and the lock that it sleeps on until the commit is on disk."""

    __slots__ = ("done", "error", "rows")

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self.error: Exception | None = None
        self.done = threading.Lock()
        self.done.acquire()


class BatchingWriter:
    def __init__(self, folder: Path) -> None:
        self.database = store.connect(folder)
        self.waiting: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def append(self, rows: list[Row]) -> None:
        commit = Waiting(rows)
        self.waiting.put(commit)
        commit.done.acquire()
        if commit.error is not None:
            raise commit.error

    def run(self) -> None:
        while (first := self.waiting.get()) is not None:
            batch = [first]
            while len(batch) < BATCH_COMMITS and not self.waiting.empty():
                commit = self.waiting.get()
                if commit is None:
                    self.waiting.put(None)
                    break
                batch.append(commit)
            self.write(batch)

    def write(self, batch: list[Waiting]) -> None:
        """One transaction for the batch, one savepoint a caller: a conflict is its own caller's alone."""
        execute = self.database.execute
        try:
            execute("BEGIN IMMEDIATE")
            for commit in batch:
                self.insert(commit)
            execute("COMMIT")
        except sqlite3.Error as error:
            for commit in batch:
                commit.error = error
        for commit in batch:
            commit.done.release()

    def insert(self, commit: Waiting) -> None:
        if len(commit.rows) == 1:  # a single row needs no savepoint to be all or nothing
            try:
                self.database.execute(store.INSERT, commit.rows[0])
            except sqlite3.IntegrityError:
                commit.error = Conflict(commit.rows[0][0])
            return
        self.database.execute("SAVEPOINT caller")
        try:
            self.database.executemany(store.INSERT, commit.rows)
        except sqlite3.IntegrityError:
            self.database.execute("ROLLBACK TO caller")
            commit.error = Conflict(commit.rows[0][0])
        self.database.execute("RELEASE caller")

    def close(self) -> None:
        self.waiting.put(None)
        self.thread.join()
        self.database.close()
