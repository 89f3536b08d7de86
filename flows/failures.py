"""Every way in which a command may fail, and the exit code that it ends with."""

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
    #: Stopped by Ctrl-C, as shells count it.
    STOPPED = 130


#: By name, so that telling an exit code does not import what was not needed to fail. A subclass counts as its parent.
_CODES: Mapping[str, Exit] = {
    "flows.settings.ConfigurationError": Exit.USAGE,
    "flows.paths.HomeUnknown": Exit.USAGE,
    "flows.keys.KeysMissing": Exit.USAGE,
    "tasks.adopting.NothingToAdopt": Exit.USAGE,
    "flows.plan.RequestRefused": Exit.USAGE,
    "flows.serving.PrefectUnreachable": Exit.UNREACHABLE,
    "flows.prefect_home.PrefectMisconfigured": Exit.USAGE,
    "flows.server_password.PasswordUnsafe": Exit.USAGE,
    "flows.up.UpRefused": Exit.USAGE,
    "flows.own_symbols.NotScheduled": Exit.USAGE,
    "flows.initialising.NotInitialised": Exit.USAGE,
    "flows.up.ServerSilent": Exit.UNREACHABLE,
    "flows.supervisor.GaveUp": Exit.UNREACHABLE,
    "flows.deployments.DeploymentFailed": Exit.UNREACHABLE,
    "exchange.ports.SourceRefused": Exit.USAGE,
    "exchange.ports.SourceUnavailable": Exit.UNREACHABLE,
    "exchange.ports.BrokerRefused": Exit.USAGE,
    "exchange.ports.BrokerUnavailable": Exit.UNREACHABLE,
    "tasks.broker_books.BrokerDisagrees": Exit.RECONCILIATION,
    "tasks.audit.AuditRefused": Exit.USAGE,
    "tasks.audit.AuditFailed": Exit.RECONCILIATION,
    "tasks.backtest.WindowRefused": Exit.USAGE,
    "tasks.backfill_book.BackfillRefused": Exit.USAGE,
    "tasks.book.AccountFilled": Exit.USAGE,
    "tasks.halts.ReasonMissing": Exit.USAGE,
    "tasks.accounts.NotForgotten": Exit.USAGE,
    "flows.forgetting.NotConfirmed": Exit.USAGE,
    "tasks.halts.AccountUnknown": Exit.USAGE,
    "tasks.training_plan.TrainingRefused": Exit.USAGE,
    "tasks.sweep_work.SweepRefused": Exit.USAGE,
    "tasks.twin.TwinRefused": Exit.USAGE,
    "tasks.signals.DecidedOtherwise": Exit.USAGE,
    "tasks.validate.NothingPublishable": Exit.DATA,
    "tasks.trade.OrdersBlocked": Exit.BLOCKED,
    "tasks.reconcile.ReconciliationFailed": Exit.RECONCILIATION,
    "strategy.account.money.AmountTooLarge": Exit.USAGE,
    "storage.keyed_rows.LedgerConflict": Exit.RECONCILIATION,
    "storage.privacy.PlaceUnsafe": Exit.USAGE,
    "storage.errors.StoreError": Exit.STORE,
    "storage.models.registry.ModelDamaged": Exit.STORE,
    "storage.models.registry.ModelUnknown": Exit.USAGE,
}


def exit_code(error: BaseException) -> Exit:
    """The exit code of a failure; BUG for one that nobody named.

    >>> exit_code(KeyError("x"))
    <Exit.BUG: 1>
    """
    names = [f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__]
    return next((_CODES[name] for name in names if name in _CODES), Exit.BUG)
