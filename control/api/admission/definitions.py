"""Warnings for what a CustomResourceDefinition asks for and this API server does not do."""

from control.api.admission.attempt import Attempt
from control.schema.custom.structural import structural
from control.schema.custom.validate_rules import not_evaluated


class DefinitionWarnings:
    """Tells of conversion webhooks, which are not called, and of rules that are not evaluated."""

    def admit(self, attempt: Attempt) -> None:
        """Adds warnings to the answer; refuses nothing."""
        if attempt.resource != "apiextensions.k8s.io/customresourcedefinitions" or attempt.new is None:
            return
        if attempt.old is not None and attempt.old["spec"] == attempt.new["spec"]:
            return
        spec, warnings = attempt.new["spec"], attempt.options.warnings
        if (spec.get("conversion") or {}).get("strategy") == "Webhook" and len(spec["versions"]) > 1:
            warnings.append("spec.conversion: webhooks are not called here: only the apiVersion is converted")
        for version in spec["versions"]:
            raw = (version.get("schema") or {}).get("openAPIV3Schema")
            if raw is not None:
                warnings += not_evaluated(structural(raw), "")
