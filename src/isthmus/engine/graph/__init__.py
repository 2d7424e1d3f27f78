"""Dependency graphs of requests: one set of rules for batches, in memory, and for durable runs.

    structure     names, edges and order of the nodes; an invalid graph is refused before anything runs
    scheduler     which nodes may run, given how the others ended
    node_scopes   what a node sees: the records of the nodes before it, and the current items of its loops
    frames        the calls that a request node makes: one per item of its loop, more by recursion
    concurrency   running work a few at a time, and reading a list page by page

Nothing here sends, stores, or asks for the time; what does is handed in.
"""
