"""The contract suite: checks that every integration has to pass, run against its recorded exchanges.

`run_suite(read_entry(folder, models))` returns one outcome for each check. Nothing is sent over a network.
"""
