"""The same requests to the monolith and to a service that took over: the answers must be the same, byte for byte."""
