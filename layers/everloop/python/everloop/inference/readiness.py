"""Whether models could answer now, and in which versions."""

from collections.abc import Callable

from everloop.contracts.definition import Definition
from everloop.contracts.registry import Aliases
from everloop.errors import ModelUnavailableError, StorageError
from everloop.inference.versions import Versions
from everloop.scorer import Scorer


class Readiness:
    def __init__(self, versions: Versions) -> None:
        self._versions = versions

    def has_answer(self, definition: Definition) -> bool:
        """Whether it has a champion or the constant; nothing is loaded for it."""
        return definition.serving.fallback is not None or self._aliases(definition).champion is not None

    def is_ready(self, definition: Definition, version: int | None) -> bool:
        """Whether this version can be loaded; of none, whether every row would get an answer, which rules alone do not
        see to. Raises NotFoundError for a version that there is not."""
        if version is not None:
            return _is_given(self._versions.scorer, definition, version)
        if definition.serving.fallback is not None:
            return True
        aliases = self._aliases(definition)
        line = (each for each in (aliases.champion, aliases.predecessor) if each is not None)
        return any(_is_given(self._versions.working_scorer, definition, each) for each in line)

    def check_version(self, definition: Definition, version: int) -> None:
        """Raises NotFoundError when there is none; StorageError, and IntegrityError for a damaged one."""
        self._versions.manifest(definition.name, version)

    def versions(self, definition: Definition) -> list[int]:
        """Those that were champion or challenger."""
        history = self._aliases(definition).history
        challengers = {change.traffic.challenger for change in history if change.traffic}
        return sorted(challengers | {change.champion for change in history})

    def _aliases(self, definition: Definition) -> Aliases:
        return self._versions.aliases(definition.name, [])


def _is_given(scorer: Callable[[Definition, int], Scorer], definition: Definition, version: int) -> bool:
    try:
        scorer(definition, version)
    except (ModelUnavailableError, StorageError):
        return False
    return True
