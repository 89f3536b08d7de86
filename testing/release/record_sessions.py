"""Writes New York's sessions of the installed release of exchange-calendars to the file that is shipped.

.venv/bin/python -m testing.release.record_sessions
"""

from exchange.sessions.calendars import computed_sessions_and_closes
from exchange.sessions.recorded_sessions import SHIPPED, record
from strategy.market.instruments import Calendar


def main() -> None:
    """Writes the file."""
    record(SHIPPED, *computed_sessions_and_closes(str(Calendar.XNYS)))


if __name__ == "__main__":
    main()
