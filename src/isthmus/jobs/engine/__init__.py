"""procrastinate, the job engine, adapted to our needs. Imported only when a worker runs, because it is slow
to import.

worker.py      its worker, which runs our handlers manager.py     how its worker uses the database, safe
against takeovers and outages; abstract postgresql.py  the same for PostgreSQL, with procrastinate's own
connector and statements sqlite.py      the same for SQLite, with statements of our own
"""
