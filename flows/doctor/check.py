"""A check of the installation."""

from tasks.run.answers import Answer


class CheckAnswer(Answer):
    """A check, what was found, and what to do about it: the remedy is empty if the check passed."""

    name: str
    ok: bool
    detail: str
    remedy: str
