"""`turbodmt up`: Prefect's server, the deployments and a worker, for one person on one machine, until stopped."""

import os
import shlex
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer
from filelock import Timeout

from flows.cli.console import run_dialogue
from flows.cli.operate.up_programs import server, worker
from flows.cli.options import Home, Source, Strategy, Symbols
from flows.planning.deployed_accounts import ACCOUNT
from flows.scheduling.offering import arrange
from flows.scheduling.own_symbols import own
from flows.server import password as server_password
from flows.server.supervisor import ManagedProcess, supervise
from flows.server.up_server import DemandedFrom, forget, healthy, note
from strategy.exit_codes import Exit, UsageError

if TYPE_CHECKING:
    from flows.config.choices import Notify
    from flows.config.settings import Settings

LOOPBACK = ("127.0.0.1", "localhost", "::1")
HEALTH_S = 120.0
#: How long the scheduler may take to create the first runs.
SCHEDULED_S = 15.0
#: Most connections that wait while the server restarts.
BACKLOG = 128


class ServerSilent(Exception):
    """The server was started but did not answer in time (exit 4)."""

    exit_code = Exit.UNREACHABLE


def up(
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", help="The port to listen at.", min=1, max=65_535)] = 4200,
    show_secret: Annotated[
        bool, typer.Option("--show-secret", help="Print the user:password of the page, and end.")
    ] = False,
    source: Source = None,
    symbols: Symbols = None,
    strategy: Strategy = None,
    account: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"Trade source and symbols every day on this account.  [default: {ACCOUNT}]"),
    ] = None,
    home: Home = None,
) -> None:
    """Start the server, the deployments and a worker, and keep them running until Ctrl-C."""
    given = {"home": home, "source": source, "symbols": symbols, "strategy": strategy}
    answer = (lambda: run_show_secret(home)) if show_secret else (lambda: run_up(given, account, host, port))
    run_dialogue(answer)


def run_show_secret(home: str | None) -> str:
    """Return the user:password that `up` demands; create it if there is none yet."""
    from flows.config.settings import load

    folder = load({"home": home}).home
    return server_password.given() or server_password.of_home(folder)


def run_up(given: Mapping[str, object], account: str | None, host: str, port: int) -> str:
    """Run the servers until SIGINT (then raise KeyboardInterrupt) or SIGTERM, and return the closing message.

    A given source, symbols or account get a deployment of their own, which stays. Raises UsageError.
    """
    from flows.config.settings import load
    from flows.server.environment import prepare, read_settings

    settings = load(given)
    home = settings.home
    named = account is not None or any(given.get(name) is not None for name in ("source", "symbols", "strategy"))
    strategy = _admitted(settings, account or ACCOUNT) if given.get("strategy") is not None else ""
    asked = own(settings, account or ACCOUNT, strategy) if named else None
    _demand_secret(host)
    prepare(home, "WARNING")
    with _alone(home), _stoppable() as (stop, received):
        # A killed `up` may have left its note, and another process may listen at that address now.
        forget(home)
        demanded = DemandedFrom.ENVIRONMENT if server_password.given() else DemandedFrom.HOME
        environment = _environment(home, host, port)
        with _bound(host, port) as bound:
            os.environ.update(environment)
            read_settings()
            kept = [ManagedProcess(server(home, bound, environment))]
            try:
                _await_health(kept[0], environment["PREFECT_API_URL"], stop)
                if not stop.is_set():
                    _say("Deploying ...")
                    _deploy(environment, settings.notify)
                if not stop.is_set():
                    kept.append(ManagedProcess(worker(home, environment)))
                    note(home, environment["PREFECT_API_URL"], os.getpid(), demanded)
                    if said := arrange(settings, asked, stop):
                        _say(said)
                    _say(_greeting(home, environment["PREFECT_API_URL"].removesuffix("/api")))
                    supervise(kept, stop, _say)
            finally:
                forget(home)
                for process in reversed(kept):
                    process.stop()
    if signal.SIGINT in received:
        raise KeyboardInterrupt
    return "Stopped. Nothing runs any more; `turbodmt up` goes on where it was."


def _admitted(settings: "Settings", account: str) -> str:
    """Keep the strategy's file in the home, audit it on the bars that are there, and return its name.

    Raises StrategyRefused, UsageError.
    """
    from flows.config.wall_clock import clock
    from flows.planning.adapters import open_source
    from flows.planning.own_strategy import admit
    from flows.planning.plan import strategy_of, wanted_symbols
    from tasks.strategies.audit_gate import Subject, demand_audited

    strategy, at = strategy_of(settings, account), clock()
    admit(settings, account, strategy, at)
    source = open_source(settings)
    symbols = wanted_symbols(settings, source)
    subject = Subject(home=settings.home, source=source.name, symbols=symbols, strategy=strategy, at=at)
    demand_audited(subject, notify=_say)
    return strategy.name


def _environment(home: Path, host: str, port: int) -> dict[str, str]:
    """Return the environment of server, worker and commands; the password is passed in it alone."""
    # A server that listens on all interfaces is reached on loopback.
    reached = "127.0.0.1" if host in ("0.0.0.0", "::", "localhost") else host  # noqa: S104 (compared, not bound)
    api = f"http://{f'[{reached}]' if ':' in reached else reached}:{port}/api"
    named = os.environ.get("PREFECT_API_URL")
    if named not in (None, api):
        raise UsageError(
            f"PREFECT_API_URL is {named}, and `up` would listen at {api}; unset it, or start a worker there"
        )
    page, password = api.removesuffix("/api"), server_password.given() or server_password.of_home(home)
    return {
        # Unset, any page in the user's browser could query the API; a proxy in front serves the page as same origin.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": page,
        # The page queries the origin it was loaded from: this address, a tunnel's or a proxy's.
        "PREFECT_UI_API_URL": "/api",
        **os.environ,
        server_password.DEMANDED: password,
        server_password.SENT: password,
        "PREFECT_API_URL": api,
        "TURBODMT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }


def _deploy(environment: Mapping[str, str], notify: "Notify") -> None:
    # Prefect reads its settings at import, so import it after the environment is set.
    from flows.scheduling.deployments import deploy

    deploy(environment, notify)


def _greeting(home: Path, url: str) -> str:
    from flows.scheduling.next_runs import MOST_RUNS, next_runs
    from flows.scheduling.schedules import accounts_by_deployment
    from flows.server.run_server import PrefectUnreachable

    deadline = time.monotonic() + SCHEDULED_S
    runs: list[str] = []
    with suppress(PrefectUnreachable):
        on = {name for name, _ in accounts_by_deployment(home, switched_on=True)}
        while not on <= {run.partition(", ")[2] for run in runs} and time.monotonic() < deadline:
            runs, _ = next_runs(home)
            if len(runs) == MOST_RUNS:
                break
            time.sleep(0.5)
    planned = [f"  {run}" for run in runs] or ["  nothing is scheduled; see the deployments' page"]
    return "\n".join(
        [
            f"TurboDMT is up: {url}",
            "The page asks for a password once. It is what this prints:",
            f"  turbodmt up --show-secret --home {shlex.quote(str(home))}",
            "Next runs:",
            *planned,
            "Ctrl-C stops it.",
        ]
    )


def _await_health(server: ManagedProcess, api: str, stop: Event) -> None:
    _say("Starting Prefect's server ...")
    deadline = time.monotonic() + HEALTH_S
    while not healthy(api):
        if stop.wait(0.25):
            return
        if server.ended is not None or time.monotonic() > deadline:
            raise ServerSilent(
                f"Prefect's server did not answer at {api}; the reason stands in {server.program.log}, and if it stays "
                "so move that folder away, which holds nothing but Prefect's records"
            )


def _demand_secret(host: str) -> None:
    if host in LOOPBACK:
        return
    try:
        word = server_password.given()
    except UsageError:
        word = None
    if word is None:
        raise UsageError(
            f"--host is {host}, beyond this machine, and whoever reaches it could start runs; set "
            f"{server_password.DEMANDED} to user:password, or leave --host out"
        )


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """Yield the listening socket, open to the end: each server inherits it, and no other process gets the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        bound = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise UsageError(
            f"port {port} at {host} cannot be taken ({reason}); stop what listens there, or name another --port"
        ) from error
    with bound:
        yield bound


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold the home's lock: no other `turbodmt up` serves the home meanwhile. Raises UsageError."""
    from flows.server.up_server import address, up_lock

    try:
        held = up_lock(home).acquire()
    except Timeout as error:
        url = (address(home) or "an address that does not answer yet").removesuffix("/api")
        raise UsageError(f"TurboDMT is already up for {home}, at {url}; use that, or stop it first") from error
    with held:
        yield


@contextmanager
def _stoppable() -> Iterator[tuple[Event, list[int]]]:
    """Yield an event that SIGINT and SIGTERM set, and the list of signals received."""
    stop, received = Event(), list[int]()

    def asked(number: int, _: object) -> None:
        received.append(number)
        stop.set()

    before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop, received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
