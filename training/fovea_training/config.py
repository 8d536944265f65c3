"""The package's one configuration file, and where data and intermediate files lie."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Place:
    """Paths of one run."""

    config: dict
    data: Path
    work: Path
    threads: int

    @property
    def package(self) -> Path:
        """models/<name>/<version>."""
        return REPOSITORY / "models" / self.config["name"] / self.config["version"]

    @property
    def sandbox(self) -> Path:
        """sandbox/data."""
        return REPOSITORY / "sandbox" / "data"

    @property
    def fixtures(self) -> Path:
        """test/fixtures/preprocessing."""
        return REPOSITORY / "test" / "fixtures" / "preprocessing"


def place(config: Path, data: Path, work: Path | None, threads: int) -> Place:
    """Reads the configuration; intermediate files go to training/.work/<name> unless `work` says otherwise."""
    settings = json.loads(config.read_text())
    folder = work or REPOSITORY / "training" / ".work" / settings["name"]
    folder.mkdir(parents=True, exist_ok=True)
    return Place(settings, data, folder, threads)
