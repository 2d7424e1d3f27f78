"""Dependency graphs of requests, interpreted: one set of rules for batches, in memory, and for durable runs.

    structure   names, edges, order; what is wrong with a graph is said before anything runs
    frontier    which nodes may run, given what became of the others
    scopes      what a node sees: the records of the nodes before it, and where its loops are
    frames      the calls a request node makes: one a loop element, more by recursion
    pages       one list to its last page, one page ahead of who takes them
    working     so many at a time

Nothing here sends, stores, or asks the time; what does is handed in.
"""
