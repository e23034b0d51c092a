"""Warnings for finalizers of custom objects whose name has no domain: upstream lets them pass, and says so."""

from control.api.admission.attempt import Attempt
from control.schema.validate_meta import finalizer_warnings


class FinalizerWarnings:
    """Tells of each that a write adds."""

    def admit(self, attempt: Attempt) -> None:
        """Adds warnings to the answer; refuses nothing."""
        if attempt.row.custom is None or attempt.new is None or not attempt.new["metadata"].get("finalizers"):
            return
        old = attempt.old["metadata"] if attempt.old is not None else {}
        attempt.options.warnings += finalizer_warnings(attempt.new["metadata"], old)
