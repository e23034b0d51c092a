"""What a rule that dropped something means."""

import pytest

from control.explain.causes import Cause
from control.explain.rule_witness import RuleWitness, cause_of_rule
from dataplane.nft.tallies import Tally


@pytest.mark.parametrize(
    ("table", "chain", "cause"),
    [
        ("podwire-fault", "f1-forward", Cause.FAULT),
        ("podwire-guard", "prerouting", Cause.FORGED),
        ("podwire-policy", "forward", Cause.INVALID),
        ("strange", "c", Cause.FOREIGN_RULE),
    ],
)
def test_each_table_has_its_cause(table, chain, cause):
    told = cause_of_rule(("inet", table, chain, 3), Tally(1, "fault f1: cut node-1"))
    assert told is not None
    assert told[0] is cause


def test_policies_and_services_explain_their_own():
    assert cause_of_rule(("inet", "podwire-policy", "in.shop/db", 3), Tally(1, "")) is None
    assert cause_of_rule(("inet", "podwire-services", "unserved", 3), Tally(1, "")) is None


def test_a_strangers_comment_is_told():
    told = cause_of_rule(("ip", "strange", "c", 3), Tally(1, "who did this?"))
    assert told == (Cause.FOREIGN_RULE, "dropped by a rule of ip strange, chain c: who did this?")


def test_a_namespace_that_is_gone_has_no_rules():
    witness = RuleWitness({7: "podwire-tnone-node-1"})
    witness.begin()
    assert witness.cause(7) is None
