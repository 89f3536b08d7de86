"""The HTML pages of an account's days."""

from datetime import date

from tasks.run.answers import Answer


class ReportAnswer(Answer):
    """The answer of `turbodmt report`: the page of a day, and every day that has one."""

    account: str
    as_of: date
    report: str
    days: tuple[date, ...]
