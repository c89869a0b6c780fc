"""One training of a model at a time: whose turn it is, in an object that changes by compare-and-swap."""

from everloop.contracts.registry import TrainingClaim
from everloop.errors import NotFoundError, ObjectNotFoundError, TrainingInProgressError
from everloop.ports import Clock, Executions, ObjectStore
from everloop.stores.registry import ModelRegistry


class TrainingClaims:
    """A claim is never given back: it ends with its run, however that ended."""

    def __init__(self, models: ObjectStore, executions: Executions, clock: Clock) -> None:
        self._objects = models
        self._registry = ModelRegistry(models)
        self._executions = executions
        self._clock = clock

    def claim(self, model: str, run_id: str, execution: str) -> TrainingClaim:
        """Raises TrainingInProgressError while another run goes on; a run that is repeated has its claim already.

        Raises PreconditionFailedError when another run claimed first; ask again to know which.
        """
        key = f"{model}/training.json"
        try:
            stored = self._objects.get(key)
        except ObjectNotFoundError:
            stored = None
        if stored:
            present = TrainingClaim.model_validate_json(stored.body)
            if present.run_id != run_id and self._goes_on(model, present):
                raise TrainingInProgressError(
                    f"{model}: expected no other training, run {present.run_id} is under way since "
                    f"{present.claimed_at:%Y-%m-%d %H:%M:%S} UTC; ask again when it has ended"
                )
        claim = TrainingClaim(run_id=run_id, execution=execution, claimed_at=self._clock.now())
        self._objects.replace(key, claim.model_dump_json().encode(), etag=stored.etag if stored else None)
        return claim

    def _goes_on(self, model: str, claim: TrainingClaim) -> bool:
        """A run reports just before its execution ends; one that was stopped or timed out leaves no report."""
        try:
            self._registry.report(model, claim.run_id)
        except NotFoundError:
            return self._executions.is_running(claim.execution)
        return False
