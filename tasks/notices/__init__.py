"""Warnings in answers: on the exposure cap, missed orders, sorted rows and calendars."""
