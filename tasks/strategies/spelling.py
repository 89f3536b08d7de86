"""Spelling of a strategy: a name, or a file such as `trend.py` or `mine/trend.py:slow`."""

SUFFIX = ".py"


def is_file(spec: str) -> bool:
    """Return whether the text names a file, `PATH.py` or `PATH.py:NAME`, and not a strategy.

    >>> is_file("trend.py"), is_file("mine/trend.py:slow"), is_file("trend")
    (True, True, False)
    """
    path, _ = file_and_name(spec)
    return path.endswith(SUFFIX) or "/" in path


def file_and_name(spec: str) -> tuple[str, str | None]:
    """Return the path, and the name of the strategy in it if one is given.

    >>> file_and_name("mine/trend.py:slow"), file_and_name("trend.py")
    (('mine/trend.py', 'slow'), ('trend.py', None))
    """
    path, _, name = spec.partition(f"{SUFFIX}:")
    return (path + SUFFIX, name) if name else (spec, None)
