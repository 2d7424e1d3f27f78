"""Documents (`functions.md` §9): text out of files, PDF out of Markdown.

The work of foreign libraries on foreign files is done by `worker.py` in a process of its own, with limits of
time and memory.
"""
