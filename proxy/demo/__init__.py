"""The bundled shop behind the proxy, as real processes: to look at, or as a tour that proves what it shows.

The monolith and the service are only ever started, never imported: this package knows their commands, environment and
HTTP, as any operator does.
"""
