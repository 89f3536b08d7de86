"""Warnings that stand in answers: of the exposure cap, missed orders, sorted rows and calendars."""
