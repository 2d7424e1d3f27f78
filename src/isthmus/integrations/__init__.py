"""Integrations, unified models and mappings in the database, and the effective definitions made of them.

Repositories are made for one caller, `Integrations(conn, principal)`. Their rows have the shape of the wire,
except that times stay datetimes. Reads take any connection, writes that of a `Database.write()`.
"""
