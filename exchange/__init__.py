"""Adapters to the outside world: bar sources, brokers, and trading calendars."""
