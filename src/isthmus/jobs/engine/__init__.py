"""procrastinate, and what is between it and us. Imported once a worker runs: it is slow to import.

worker.py      its worker, with the weaknesses mended that need its inside
manager.py     what its worker asks of a database, as both databases answer it: fenced, patient
postgresql.py  its own connector and statements
sqlite.py      ours
"""
