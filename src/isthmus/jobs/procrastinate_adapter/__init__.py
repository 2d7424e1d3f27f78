"""Runs the jobs with procrastinate, the job engine. Imported only when a worker runs, because
it is slow to import.

worker.py      procrastinate's worker, changed to run our handlers
manager.py     how the worker uses the database, safe against takeovers and outages; abstract
postgresql.py  the same for PostgreSQL, with procrastinate's own connector and statements
sqlite.py      the same for SQLite, with statements of our own
"""
