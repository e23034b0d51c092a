"""What a pod asks for, as one sum."""

from decimal import Decimal

from control.schema.pod_resources import of_pod, shown


def container(cpu, **more):
    return {"resources": {"requests": {"cpu": cpu}}, **more}


def test_a_sidecar_counts_with_the_containers_and_with_later_init_containers():
    spec = {
        "initContainers": [container("1", restartPolicy="Always"), container("4")],
        "containers": [container("1"), container("500m")],
    }
    assert of_pod(spec, "requests") == {"cpu": Decimal(5)}


def test_what_the_pod_itself_names_replaces_the_sum_and_overhead_comes_on_top():
    spec = {
        "containers": [container("1")],
        "resources": {"requests": {"cpu": "3"}},
        "overhead": {"cpu": "1"},
    }
    assert of_pod(spec, "requests") == {"cpu": Decimal(4)}


def test_bytes_are_shown_in_binary_units_where_that_is_exact():
    assert shown("requests.memory", Decimal(512 << 20)) == "512Mi"
    assert shown("limits.memory", Decimal(500_000_000)) == "500M"
    assert shown("cpu", Decimal("1.25")) == "1250m"
    assert shown("pods", Decimal(0)) == "0"
