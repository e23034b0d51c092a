"""Does a label selector select these labels? As the API's text has it, one operator after the other."""

from collections.abc import Mapping

from policy.model import Operator, Requirement, Selector


def selects(selector: Selector, labels: Mapping[str, str]) -> bool:
    """Every entry of matchLabels and every expression must hold; an empty selector selects everything."""
    for key, value in selector.match_labels:
        if labels.get(key) != value:
            return False
    return all(_holds(expression, labels) for expression in selector.expressions)


def _holds(expression: Requirement, labels: Mapping[str, str]) -> bool:
    if expression.operator is Operator.EXISTS:
        return expression.key in labels
    if expression.operator is Operator.DOES_NOT_EXIST:
        return expression.key not in labels
    if expression.operator is Operator.IN:
        return expression.key in labels and labels[expression.key] in expression.values
    # NotIn holds as well where the key is absent.
    return expression.key not in labels or labels[expression.key] not in expression.values
