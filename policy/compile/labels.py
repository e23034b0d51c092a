"""Selectors turned once into predicates over labels, for many pods."""

from collections.abc import Callable, Mapping

from policy.model import Operator, Requirement, Selector

Predicate = Callable[[Mapping[str, str]], bool]


def predicate(selector: Selector | None) -> Predicate | None:
    """A function that says whether labels are selected; None when all are."""
    if selector is None or (not selector.match_labels and not selector.expressions):
        return None
    wanted = dict(selector.match_labels)
    tests = [_test(expression) for expression in selector.expressions]

    def selected(labels: Mapping[str, str]) -> bool:
        return wanted.items() <= labels.items() and all(test(labels) for test in tests)

    return selected


def _test(expression: Requirement) -> Predicate:
    key, values = expression.key, frozenset(expression.values)
    match expression.operator:
        case Operator.IN:
            return lambda labels: labels.get(key) in values
        case Operator.NOT_IN:
            return lambda labels: labels.get(key) not in values
        case Operator.EXISTS:
            return lambda labels: key in labels
        case Operator.DOES_NOT_EXIST:
            return lambda labels: key not in labels
