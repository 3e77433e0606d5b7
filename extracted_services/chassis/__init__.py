"""What every service stands on: settings, logs, a database, a web application, a client of the others.

It knows no service, and nothing of what the shop sells.
"""
