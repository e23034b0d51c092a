"""Counts in Prometheus' form."""

from control.api.metrics import Metrics
from control.api.route import parse


def lines(metrics, start):
    return [line for line in metrics.text().splitlines() if line.startswith(start)]


def test_a_request_is_counted_and_timed():
    metrics, route = Metrics(lambda: 7), parse("PUT", "/apis/apps/v1/namespaces/a/deployments/b/scale", {})
    metrics.begin(route)
    assert lines(metrics, "apiserver_current") == ["apiserver_current_inflight_requests 1"]
    metrics.end(route, 200, 0.03)

    about = 'verb="PUT",group="apps",version="v1",resource="deployments",subresource="scale"'
    assert lines(metrics, "apiserver_request_total") == [f'apiserver_request_total{{{about},code="200"}} 1']
    name = "apiserver_request_duration_seconds"
    buckets = dict(line.rsplit(" ", 1) for line in lines(metrics, f"{name}_bucket"))
    assert buckets[f'{name}_bucket{{{about},le="0.025"}}'] == "0"
    assert buckets[f'{name}_bucket{{{about},le="0.05"}}'] == "1"
    assert buckets[f'{name}_bucket{{{about},le="+Inf"}}'] == "1"
    assert lines(metrics, f"{name}_sum") == [f"{name}_sum{{{about}}} 0.030000"]
    assert lines(metrics, "podwire_store") == ["podwire_store_revision 7"]


def test_watches_are_told_apart_and_not_timed():
    metrics, route = Metrics(lambda: 0), parse("GET", "/api/v1/pods", {"watch": "true"})
    metrics.begin(route)
    assert lines(metrics, "apiserver_longrunning") == ["apiserver_longrunning_requests 1"]
    metrics.end(route, 200, 60)
    assert lines(metrics, "apiserver_request_duration_seconds_bucket") == []


def test_names_that_nobody_knows_do_not_fill_the_memory():
    metrics = Metrics(lambda: 0)
    for number in range(6000):
        route = parse("GET", f"/api/v1/x{number}", {})
        metrics.begin(route)
        metrics.end(route, 404, 0.1)
    assert len(lines(metrics, "apiserver_request_total")) == 5000


def test_what_a_client_names_can_not_break_a_line():
    metrics, route = Metrics(lambda: 0), parse("GET", '/api/v1/a"%0Ab', {})
    metrics.begin(route)
    metrics.end(route, 404, 0.1)
    assert 'resource="a\\"\\nb"' in metrics.text()
