"""The user's own source and symbols under `turbodmt up`: on request, a deployment of the daily flow trades them.

The request persists: a later `up` updates the flow's location, and leaves schedule, switch and parameters alone.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.config.wall_clock import clock
from flows.planning.deployed_accounts import ACCOUNT, TAG, TAKEN
from flows.scheduling.schedules import cron_schedule, is_daily
from strategy.exit_codes import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect.client.orchestration import SyncPrefectClient

    from exchange.sessions.closing_times import Daily
    from flows.config.settings import Settings

#: Most symbols that are listed one by one.
MOST_NAMED = 5
_PATTERN = "daily-equities"
_SLUG = "after-close"


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """A source, symbols, account and strategy to trade every day.

    No symbols means all those of a file, no strategy that of the settings.
    """

    source: str
    symbols: tuple[str, ...]
    account: str = ACCOUNT
    strategy: str = ""

    def __post_init__(self) -> None:
        from flows.planning.plan import demand_account

        demand_account(self.account)
        if self.account in TAKEN:
            raise UsageError(f"--account is {self.account!r}, which has a deployment already; name another")
        if self.source == "sample":
            raise UsageError(
                "--source is 'sample', which never gets another bar; name yahoo, binance or file:PATH, or set it in "
                "settings.toml"
            )

    @property
    def parameters(self) -> dict[str, Any]:
        """Return the parameters of each run."""
        named = {"symbols": list(self.symbols)} if self.symbols else {}
        chosen = {"strategy": self.strategy} if self.strategy else {}
        return {"source": self.source, **named, **chosen, "account": self.account}

    def command(self, home: Path) -> str:
        """Return the command that schedules it."""
        words = ["turbodmt", "up", "--source", self.source]
        words += ["--symbols", ",".join(self.symbols)] if self.symbols else []
        words += ["--strategy", self.strategy] if self.strategy else []
        return shlex.join([*words, "--account", self.account, "--home", str(home)])

    def __str__(self) -> str:
        """Return symbols and source in words.

        >>> str(Own(source="yahoo", symbols=("SPY", "TLT"))), str(Own(source="file:/bars.csv", symbols=()))
        ('SPY TLT from yahoo', 'all symbols from file:/bars.csv')
        """
        listed = " ".join(self.symbols[:MOST_NAMED]) + (" ..." if len(self.symbols) > MOST_NAMED else "")
        by = f" by {self.strategy}" if self.strategy else ""
        return f"{listed or 'all symbols'} from {self.source}{by}"


def own(settings: "Settings", account: str = ACCOUNT, strategy: str = "") -> Own:
    """Return the source and symbols of the settings and the options above them. Raises UsageError, RequestRefused."""
    from flows.config.paths import expanded
    from flows.planning.adapters import open_source

    if settings.source.startswith("file:"):
        # Make the path absolute: a worker may start runs in another folder.
        path = expanded(Path(settings.source.removeprefix("file:")))
        return Own(source=f"file:{path}", symbols=settings.symbols, account=account, strategy=strategy)
    symbols = settings.symbols or open_source(settings).symbols()
    return Own(source=settings.source, symbols=symbols, account=account, strategy=strategy)


def when(settings: "Settings", account: str = ACCOUNT) -> "Daily":
    """Return when the settings' bars are complete, and when a day that is not done is tried again.

    Raises RatesMissing or RatesRefused if the rates of the account would refuse its first run, RequestRefused,
    SourceRefused, SourceUnavailable.
    """
    from exchange.sessions.closing_times import daily_after
    from flows.planning.adapters import open_source
    from flows.planning.base_currency import closing_calendars, in_kept_currency
    from flows.planning.kept_terms import demand_rates
    from flows.planning.plan import wanted_symbols

    settings = in_kept_currency(settings, account)
    source = open_source(settings)
    demand_rates(settings, source, account)
    instruments = source.instruments(wanted_symbols(settings, source))
    first = daily_after(closing_calendars(instruments, settings.base_currency), clock())
    return first.repeated(settings.retry_every_minutes, settings.max_lateness_hours)


def is_scheduled(wanted: Own, deployments: Sequence[Any]) -> bool:
    """Return whether a deployment trades exactly this on a schedule, or would if the user had not switched it off.

    A deployment without a source trades that of the settings, but counts only if switched on.
    """
    from flows.scheduling.schedules import active

    for deployment in daily_deployments(deployments):
        if not deployment.schedules:
            continue
        given = deployment.parameters or {}
        symbols = tuple(given.get("symbols") or wanted.symbols)
        same = given.get("source", wanted.source) == wanted.source and sorted(symbols) == sorted(wanted.symbols)
        same = same and given.get("strategy", wanted.strategy) == wanted.strategy
        if same and ("source" in given or active(deployment)):
            return True
    return False


def schedule(client: "SyncPrefectClient", wanted: Own, timed: "Callable[[], Daily]") -> str:
    """Create or change the deployment of the account to run with these parameters at that time; return what was done.

    One with the same parameters is left as it is, schedule and switch included; one with others keeps its switch.
    Raises UsageError if somebody else made a deployment of that name, and what `timed` raises.
    """
    known = {deployment.name: deployment for deployment in daily_deployments(client.read_deployments())}
    found = known.get(wanted.account)
    if found is None:
        daily = timed()
        _create(client, wanted, daily, known[_PATTERN])
        return f"Scheduled: {wanted}, account {wanted.account}, {daily.in_words}."
    if TAG not in found.tags:
        raise UsageError(f"the deployment {found.name} was not made by `turbodmt up`; name another --account")
    if found.parameters == wanted.parameters:
        return f"{wanted.account} is scheduled already; its page switches it on or off, or moves it."
    daily = timed()
    _change(client, wanted, daily, found)
    return f"Changed: {wanted.account} trades {wanted}, {daily.in_words}; whether it is switched on stays as it was."


def renew(client: "SyncPrefectClient") -> None:
    """Point the deployments made here to the flow that prefect.yaml has just deployed, wherever it lies now."""
    from prefect.client.schemas.actions import DeploymentUpdate

    known = {deployment.name: deployment for deployment in daily_deployments(client.read_deployments())}
    for deployment in known.values():
        if TAG in deployment.tags:
            pattern = known[_PATTERN]
            moved = DeploymentUpdate(
                path=pattern.path,
                entrypoint=pattern.entrypoint,
                pull_steps=pattern.pull_steps,
                parameter_openapi_schema=pattern.parameter_openapi_schema,
            )
            client.update_deployment(deployment.id, moved)


def daily_deployments(deployments: Sequence[Any]) -> list[Any]:
    """Return the deployments of the daily flow."""
    return [deployment for deployment in deployments if is_daily(deployment)]


def _create(client: "SyncPrefectClient", wanted: Own, daily: "Daily", pattern: Any) -> None:
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions

    client.create_deployment(
        flow_id=pattern.flow_id,
        name=wanted.account,
        description=_described(wanted),
        tags=["daily", TAG],
        parameters=wanted.parameters,
        schedules=[DeploymentScheduleCreate(schedule=cron_schedule(daily), active=True, slug=_SLUG)],
        # A run waits for the previous one, as in prefect.yaml.
        concurrency_limit=1,
        concurrency_options=ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.ENQUEUE),
        work_pool_name=pattern.work_pool_name,
        path=pattern.path,
        entrypoint=pattern.entrypoint,
        pull_steps=pattern.pull_steps,
        parameter_openapi_schema=pattern.parameter_openapi_schema,
        enforce_parameter_schema=pattern.enforce_parameter_schema,
    )


def _change(client: "SyncPrefectClient", wanted: Own, daily: "Daily", found: Any) -> None:
    from prefect.client.schemas.actions import DeploymentUpdate

    client.update_deployment(found.id, DeploymentUpdate(parameters=wanted.parameters, description=_described(wanted)))
    for existing in found.schedules:
        if existing.slug == _SLUG:
            client.update_deployment_schedule(
                found.id, existing.id, active=existing.active, schedule=cron_schedule(daily)
            )


def _described(wanted: Own) -> str:
    return f"One trading day of {wanted} on the account **{wanted.account}**, as `turbodmt up` was asked for."
