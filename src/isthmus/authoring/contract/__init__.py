"""The contract suite: what every integration has to keep, checked against its own exchanges.

`run_suite(read_entry(folder, models))` gives an outcome a check; nothing is sent anywhere.
"""
