"""The options that choose what is tested and by how many workers, as they were typed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.parallel.runner import Runner

#: What stands before the colon of a benchmark that is a symbol.
SYMBOL = "symbol"


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowOptions:
    """The values of --strategy, --start-date, --end-date and --benchmark; None where one was not given."""

    strategy: str | None
    start_date: str | None
    end_date: str | None
    benchmark: str | None = None

    @property
    def beside(self) -> str | None:
        """Return the symbol that --benchmark names; None if it names a strategy, or was not given.

        >>> WindowOptions(strategy=None, start_date=None, end_date=None, benchmark="symbol:SPY").beside
        'SPY'
        """
        kind, _, symbol = (self.benchmark or "").partition(":")
        return symbol.strip() or None if kind == SYMBOL else None

    def named(self, default: str) -> str:
        """Return the names of the strategies, of which the benchmark is the second; `default` where none was given.

        >>> WindowOptions(strategy="rules, trend", start_date=None, end_date=None, benchmark="hold").named("turbo")
        'rules,hold, trend'
        """
        names = default if self.strategy is None else self.strategy
        if self.benchmark is None or self.beside is not None:
            return names
        subject, *others = names.split(",")
        return ",".join([subject, self.benchmark, *others])


@dataclass(frozen=True, slots=True, kw_only=True)
class GridOptions:
    """The values of --grid and --search, None where one was not given, and whether --walk-forward was."""

    file: str | None = None
    walk_forward: bool = False
    search: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """The values of --workers and --dask; None where one was not given."""

    processes: int | None = None
    dask: str | None = None

    @property
    def asked(self) -> str:
        """Return the options as they were typed; empty without any."""
        given = {"--workers": self.processes, "--dask": self.dask}
        return " ".join(f"{name} {value}" for name, value in given.items() if value is not None)

    def runner(self, threads: int = 1) -> "Runner":
        """Return where the work runs: as asked, else in this process with so many threads.

        Raises RequestRefused for both kinds of workers at once, UsageError without the extra that Dask needs.
        """
        from flows.planning.plan import RequestRefused
        from tasks.parallel.dask_cluster import DaskCluster
        from tasks.parallel.processes import Processes
        from tasks.parallel.runner import Here

        if self.dask is None:
            return Here(threads=threads) if self.processes is None else Processes(workers=self.processes)
        if self.processes is not None:
            raise RequestRefused("--workers is of this machine and --dask of others; leave one out")
        return DaskCluster(address=self.dask)
