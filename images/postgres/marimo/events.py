"""Lines of JSON on stdout, by which the recovery's phases are timed."""

import json
import sys
from datetime import datetime, timezone


def emit(event: str, **details: object) -> None:
    """Prints {"event": …, "at": ISO 8601 with milliseconds in UTC, …details}."""
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    print(json.dumps({"event": event, "at": now, **details}), flush=True)


def warn(text: str) -> None:
    """Prints a line of prose to stderr."""
    print(text, file=sys.stderr, flush=True)
