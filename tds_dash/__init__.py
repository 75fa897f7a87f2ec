"""The web application: guard, sign-in, shell, pages, figures, HTTP API."""
