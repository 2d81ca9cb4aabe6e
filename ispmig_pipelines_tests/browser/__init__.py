"""The real UI in a real browser: ``make test-browser``.

``ispmig up`` runs with its web server, its daemon, its code location and the embedded PostgreSQL in
a home of its own; a headless Chromium clicks as a person does. What the screen shows is then held
against the database.
"""
