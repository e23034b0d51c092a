"""Whom a stand-in may call, read from a manifest's own environment."""

import pytest

from control.workload.standin.plan import StandInPlan, upstreams_of


@pytest.mark.parametrize(
    ("environment", "upstreams"),
    [
        ({"CART_SERVICE_ADDR": "cartservice:7070"}, ("cartservice:7070",)),
        ({"REDIS_HOST": "redis", "REDIS_PORT": "6379"}, ("redis:6379",)),
        ({"REDIS_HOST": "redis"}, ()),
        ({"API_URL": "https://api.shop.svc/v1?x=1"}, ("api.shop.svc:443",)),
        ({"DB_URL": "postgres://user:pass@db:5433/shop"}, ("db:5433",)),
        ({"CACHE_URI": "redis://cache"}, ("cache:6379",)),
        ({"V6_ADDR": "[fd00::1]:80"}, ("[fd00::1]:80",)),
        ({"LISTEN_ADDR": ":8080"}, ()),
        ({"PORT": "8080", "NAME": "a:1"}, ()),
        ({"A_URL": "gopher://x"}, ()),
    ],
)
def test_upstreams_are_named_by_the_variables_that_name_services(environment, upstreams):
    assert upstreams_of(environment) == upstreams


def test_the_annotation_adds_upstreams_and_each_is_called_once():
    found = upstreams_of({"A_ADDR": "a:1"}, " a:1, b:2 ,nonsense, c")
    assert found == ("a:1", "b:2")


def test_a_plan_survives_its_text():
    plan = StandInPlan("p", "n", "node", "c", "i", tcp=(1, 2), udp=(3,), upstreams=("a:1",), drain_s=2.5)
    assert StandInPlan.from_text(plan.to_text()) == plan
