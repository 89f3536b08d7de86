"""Spelling of a strategy: a name, a file such as `mine/trend.py:slow`, or sleeves such as `rules=0.5+momentum=0.5`."""

from re import fullmatch

#: A sleeve: a name or a file, and its weight.
_SLEEVE = r"([^=+]+)=(\d*\.?\d+|risk)"

SUFFIX = ".py"


def is_file(spec: str) -> bool:
    """Return whether the text names a file, `PATH.py` or `PATH.py:NAME`, and not a strategy.

    >>> is_file("trend.py"), is_file("mine/trend.py:slow"), is_file("trend")
    (True, True, False)
    """
    if sleeves_in(spec):
        return False
    path, _ = file_and_name(spec)
    return path.endswith(SUFFIX) or "/" in path


def sleeves_in(spec: str) -> tuple[tuple[str, str], ...]:
    """Return the name or file of each sleeve with its weight as it is written; empty if the text has no sleeves.

    >>> sleeves_in("rules=0.5+trend.py=0.25"), sleeves_in("rules")
    ((('rules', '0.5'), ('trend.py', '0.25')), ())
    """
    found = [fullmatch(_SLEEVE, part.strip()) for part in spec.split("+")]
    return tuple((each[1].strip(), each[2]) for each in found if each) if all(found) else ()


def odd_weight(spec: str) -> tuple[str, str] | None:
    """Return the first sleeve whose weight is neither a number nor by risk; None if the text is no list of sleeves.

    >>> odd_weight("rules=0.5+trend.py=half"), odd_weight("rules=0.5"), odd_weight("rules+trend.py")
    (('trend.py', 'half'), None, None)
    """
    parts = [part.strip().partition("=") for part in spec.split("+")]
    if not all(name and weight for name, _, weight in parts):
        return None
    return next(((name, weight) for name, _, weight in parts if not sleeves_in(f"{name}={weight}")), None)


def specs_in(spec: str) -> tuple[str, ...]:
    """Return the name or file of each sleeve; the text itself if it has none.

    >>> specs_in("rules=0.5+trend.py=0.25"), specs_in("rules")
    (('rules', 'trend.py'), ('rules',))
    """
    return tuple(name for name, _ in sleeves_in(spec)) or (spec,)


def file_and_name(spec: str) -> tuple[str, str | None]:
    """Return the path, and the name of the strategy in it if one is given.

    >>> file_and_name("mine/trend.py:slow"), file_and_name("trend.py")
    (('mine/trend.py', 'slow'), ('trend.py', None))
    """
    path, _, name = spec.partition(f"{SUFFIX}:")
    return (path + SUFFIX, name) if name else (spec, None)
