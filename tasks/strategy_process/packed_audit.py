"""An audit as JSON values, on its way from the process that made it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from strategy.audit.user_strategy import Audit, Coverage
from tasks.strategy_process.frames import packed_fault, unpacked_fault


def packed_audit(found: Audit) -> dict[str, Any]:
    """Return the audit as JSON values."""
    faults = [packed_fault(fault) for fault in found.faults]
    return {"faults": faults, "coverage": asdict(found.coverage), "whole": found.whole}


def unpacked_audit(values: Mapping[str, Any]) -> Audit:
    """Return the audit from its JSON values."""
    coverage = {**values["coverage"], "short": tuple(values["coverage"]["short"])}
    faults = tuple(unpacked_fault(fault) for fault in values["faults"])
    return Audit(faults=faults, coverage=Coverage(**coverage), whole=values["whole"])
