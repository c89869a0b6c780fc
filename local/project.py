"""Where a checkout keeps its sources and its local state."""

import os
from dataclasses import dataclass
from pathlib import Path

SOURCE_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Project:
    """`root` holds the sources; `home` holds all that the local cloud writes, and may be deleted at any time."""

    root: Path
    home: Path

    @classmethod
    def here(cls) -> "Project":
        """The checkout this code belongs to, from any working directory; EVERLOOP_HOME moves its local state."""
        return cls(root=SOURCE_ROOT, home=Path(os.environ.get("EVERLOOP_HOME") or SOURCE_ROOT / ".everloop").resolve())

    @property
    def cloud_file(self) -> Path:
        return self.home / "cloud.json"

    @property
    def server_log(self) -> Path:
        return self.home / "server.log"

    @property
    def state(self) -> Path:
        return self.home / "state"

    @property
    def services(self) -> Path:
        return self.state / "services"

    @property
    def temporary(self) -> Path:
        return self.home / "tmp"

    @property
    def assembly(self) -> Path:
        return self.home / "cdk.out"

    @property
    def assembly_key(self) -> Path:
        return self.home / "cdk.out.key"
