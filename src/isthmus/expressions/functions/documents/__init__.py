"""Documents: text out of files, and PDF out of Markdown.

`worker` runs foreign libraries on foreign files in a process of its own, with limits of time and memory;
`worker_process` starts it.
"""
