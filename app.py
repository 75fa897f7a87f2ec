"""The web face: `server` for any WSGI host, and `python app.py` for development on this machine.

`tds web` is how it runs in earnest: gunicorn, several workers, one line for each fault at start.
"""

from __future__ import annotations

import sys

from settings import SettingsError, load
from sql.errors import TdsError
from tds_dash.factory import create_server

try:
    settings = load()
    server = create_server(settings)
except (SettingsError, TdsError) as error:
    sys.exit(f"tds: {error}")

if __name__ == "__main__":
    server.run(host=settings.web_host, port=settings.web_port, threaded=True)
