#!/usr/bin/env python3
"""An adapter (docs/formats/adapter.md): lets quorumeter drive a SQLite file.

    quorumeter load 'exec:python3 workloads/adapters/sqlite_store.py store.db' -P workloads/workloada
"""
import json
import sqlite3
import sys


def operate(store, request):
    operation, key = request["op"], request["key"]
    if operation == "read":
        row = store.execute("SELECT value FROM records WHERE key = ?", (key,)).fetchone()
        return {"value": row[0] if row else None}
    if operation in ("insert", "update"):
        store.execute("INSERT OR REPLACE INTO records VALUES (?, ?)", (key, request["value"]))
        return {}
    rows = store.execute(
        "SELECT key, value FROM records WHERE key >= ? ORDER BY key LIMIT ?",
        (key, request["limit"]))
    return {"records": rows.fetchall()}


def say(answer):
    print(json.dumps(answer, separators=(",", ":")), flush=True)


store = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)
store.execute("PRAGMA journal_mode = WAL")
store.execute("CREATE TABLE IF NOT EXISTS records (key TEXT PRIMARY KEY, value TEXT)")
say({"adapter": "sqlite", "protocol": 1, "can": ["read", "update", "insert", "scan"]})
for line in sys.stdin:
    request = json.loads(line)
    try:
        say({"id": request["id"], "outcome": "ok"} | operate(store, request))
    except sqlite3.OperationalError as error:
        # SQLite rolls back what it could not finish: certainly without effect.
        say({"id": request["id"], "outcome": "fail", "error": str(error)})
