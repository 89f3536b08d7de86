"""Exit codes: every failure of a command, and the code it ends with."""

from collections.abc import Mapping
from enum import IntEnum


class Exit(IntEnum):
    """The documented exit codes."""

    DONE = 0
    BUG = 1
    USAGE = 2
    DATA = 3
    UNREACHABLE = 4
    BLOCKED = 5
    STORE = 6
    RECONCILIATION = 7
    #: Stopped by Ctrl-C, by the shells' convention.
    STOPPED = 130


#: Keyed by name, so that finding an exit code imports no module that the failure did not need. Subclasses inherit.
_CODES: Mapping[str, Exit] = {
    "flows.config.settings.ConfigurationError": Exit.USAGE,
    "flows.config.paths.HomeUnknown": Exit.USAGE,
    "flows.planning.api_keys.KeysMissing": Exit.USAGE,
    "tasks.operations.adopt.NothingToAdopt": Exit.USAGE,
    "flows.planning.plan.RequestRefused": Exit.USAGE,
    "flows.server.run_server.PrefectUnreachable": Exit.UNREACHABLE,
    "flows.server.environment.PrefectMisconfigured": Exit.USAGE,
    "flows.server.password.PasswordUnsafe": Exit.USAGE,
    "flows.cli.operate.up.UpRefused": Exit.USAGE,
    "flows.scheduling.own_symbols.NotScheduled": Exit.USAGE,
    "flows.cli.operate.init.NotInitialised": Exit.USAGE,
    "flows.cli.operate.up.ServerSilent": Exit.UNREACHABLE,
    "flows.server.supervisor.GaveUp": Exit.UNREACHABLE,
    "flows.scheduling.deployments.DeploymentFailed": Exit.UNREACHABLE,
    "exchange.ports.SourceRefused": Exit.USAGE,
    "exchange.ports.SourceUnavailable": Exit.UNREACHABLE,
    "exchange.ports.BrokerRefused": Exit.USAGE,
    "exchange.ports.BrokerUnavailable": Exit.UNREACHABLE,
    "tasks.broker.balances.BrokerDisagrees": Exit.RECONCILIATION,
    "tasks.audit.window.AuditRefused": Exit.USAGE,
    "tasks.audit.window.AuditFailed": Exit.RECONCILIATION,
    "tasks.backtest.run.WindowRefused": Exit.USAGE,
    "tasks.backfill.runs.BackfillRefused": Exit.USAGE,
    "tasks.run.runs.AccountFilled": Exit.USAGE,
    "tasks.operations.halt.ReasonMissing": Exit.USAGE,
    "tasks.operations.accounts.NotForgotten": Exit.USAGE,
    "flows.cli.forgetting.NotConfirmed": Exit.USAGE,
    "tasks.operations.halt.AccountUnknown": Exit.USAGE,
    "tasks.models.training_plan.TrainingRefused": Exit.USAGE,
    "tasks.backtest.sweep_chunks.SweepRefused": Exit.USAGE,
    "tasks.audit.twin_fidelity.TwinRefused": Exit.USAGE,
    "tasks.daily.signals.DecidedOtherwise": Exit.USAGE,
    "tasks.validation.gate.NothingPublishable": Exit.DATA,
    "tasks.daily.order.OrdersBlocked": Exit.BLOCKED,
    "tasks.daily.replay_check.ReconciliationFailed": Exit.RECONCILIATION,
    "strategy.account.money.AmountTooLarge": Exit.USAGE,
    "storage.keyed_rows.LedgerConflict": Exit.RECONCILIATION,
    "storage.privacy.PlaceUnsafe": Exit.USAGE,
    "storage.errors.StoreError": Exit.STORE,
    "storage.models.registry.ModelDamaged": Exit.STORE,
    "storage.models.registry.ModelUnknown": Exit.USAGE,
}


def exit_code(error: BaseException) -> Exit:
    """Return the exit code of a failure; BUG for an exception not listed.

    >>> exit_code(KeyError("x"))
    <Exit.BUG: 1>
    """
    names = [f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__]
    return next((_CODES[name] for name in names if name in _CODES), Exit.BUG)
