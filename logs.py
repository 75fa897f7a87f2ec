"""The log of every process on standard error: a line of text, or one JSON object a line."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime

LONGEST_LINE = 2000
# The ids by which lines belong together: of a request to the pages, of a batch of messages. Text shows them in brackets.
IDS = ("request", "batch")


class TextFormatter(logging.Formatter):
    """Writes one line of text, whatever a gateway had put into it; a traceback in lines of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Give the line without what would end it, hide it or make it endless."""
        facts = getattr(record, "facts", {})
        ids = "".join(f" [{facts[name]}]" for name in IDS if name in facts and str(facts[name]) not in record.message)
        text = (super().formatMessage(record)[:LONGEST_LINE]) + ids
        return text if text.isprintable() else "".join(mark if mark.isprintable() else "\ufffd" for mark in text)


class JsonFormatter(logging.Formatter):
    """Writes time, level, logger and message, then what the record has as `facts`; a traceback as one more field."""

    def format(self, record: logging.LogRecord) -> str:
        """Give one line of JSON."""
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage()[:LONGEST_LINE],
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)


def log_to_stderr(style: str, mark: Callable[[logging.LogRecord], bool] | None = None) -> None:
    """Send the log to standard error in the style of TDS_LOG_FORMAT, unless somebody set it up already; `mark` sees each record first."""
    if logging.getLogger().handlers:
        return
    handler = logging.StreamHandler(sys.stderr)
    text = TextFormatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    handler.setFormatter(JsonFormatter() if style == "json" else text)
    if mark is not None:
        handler.addFilter(mark)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("paho").setLevel(logging.CRITICAL)
