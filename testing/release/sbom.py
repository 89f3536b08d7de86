"""List of the parts of an environment: a software bill of materials, CycloneDX 1.5 as JSON."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

OURS = "turbodmt"


def write_sbom(python: Path, path: Path) -> None:
    """Write the bill of all packages that the interpreter's environment holds; TurboDMT itself is its subject."""
    inspected = subprocess.run(
        [str(python), "-m", "pip", "inspect", "--local"], capture_output=True, text=True, check=True
    )
    installed = json.loads(inspected.stdout)["installed"]
    path.write_text(json.dumps(bill(installed), indent=1, sort_keys=True) + "\n", encoding="utf-8")


def bill(installed: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the bill of these packages, as `pip inspect` lists them.

    >>> found = [("turbodmt", "1"), ("numpy", "2")]
    >>> made = bill([{"metadata": {"name": name, "version": version}} for name, version in found])
    >>> made["metadata"]["component"]["name"], [part["purl"] for part in made["components"]]
    ('turbodmt', ['pkg:pypi/numpy@2'])
    """
    parts = sorted((_part(package["metadata"]) for package in installed), key=lambda part: str(part["purl"]))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.now(tz=UTC).isoformat(timespec="seconds"),
            "component": next(part for part in parts if part["name"] == OURS),
        },
        "components": [part for part in parts if part["name"] != OURS],
    }


def _part(metadata: dict[str, Any]) -> dict[str, Any]:
    name, version = metadata["name"].lower().replace("_", "-"), metadata["version"]
    part = {"type": "library", "name": name, "version": version, "purl": f"pkg:pypi/{name}@{version}"}
    licence = metadata.get("license_expression") or metadata.get("license")
    if licence and len(licence) < 100:
        part["licenses"] = [{"license": {"name": licence}}]
    return part
