"""schemathesis on our own OpenAPI: every operation is asked with what its schema allows, and answers as it says.

A few hundred requests always; 10,000 over every group in the slow tier (about six minutes).
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import response_schema_conformance

from control.schema.resource import registry
from control.testkit.kube_api import KubeApi

ANSWER_S = 10
NAMES = ("a", "b", "default", "kubernetes")
LARGE = ("api/v1", "apis/apps/v1")
QUICK = (
    "apis/policy/v1",
    "apis/coordination.k8s.io/v1",
    "apis/networking.k8s.io/v1",
    "apis/rbac.authorization.k8s.io/v1",
)


class Asker:
    """Sends what schemathesis makes up, and judges what comes back."""

    def __init__(self, api: KubeApi) -> None:
        self.api = api
        self.codes: Counter[int] = Counter()
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.cert = (str(api.pki / "admin.crt"), str(api.pki / "admin.key"))
        self._ca = str(api.pki / "ca.crt")

    def get(self, path: str) -> Any:
        return self._session.get(f"{self.api.url}{path}", verify=self._ca, timeout=ANSWER_S).json()

    def operations(self, group: str) -> Iterator[Any]:
        schema = schemathesis.openapi.from_dict(self.get(f"/openapi/v3/{group}"))
        for found in schema.get_all_operations():
            yield found.ok()

    def ask(self, case: schemathesis.Case) -> None:
        """One request. A watch would go on: that is asked elsewhere."""
        (case.query or {}).pop("watch", None)
        if case.method != "PATCH":  # "*/*" is what our OpenAPI says, as upstream's, and means these
            case.media_type = "application/json"
        answer = case.call(base_url=self.api.url, session=self._session, verify=self._ca, timeout=ANSWER_S)
        self.codes[answer.status_code] += 1
        case.validate_response(answer, checks=[response_schema_conformance])
        if answer.status_code < 400:
            return
        status = answer.json()
        assert (status["kind"], status["status"]) == ("Status", "Failure")
        assert status["code"] == answer.status_code
        assert status["message"]
        # As upstream: a revision that is still to come is a time-out, and who stands behind a proxy may be absent.
        causes = [one.get("reason") for one in status.get("details", {}).get("causes", ())]
        absent = answer.status_code == 503 and "/proxy" in case.path
        assert answer.status_code < 500 or absent or causes == ["ResourceVersionTooLarge"], status


def ask_each(asker: Asker, group: str, examples: int, part: int | None = None) -> None:
    """So many requests of each operation, or of each third one; three of four are steered to names that may be there."""
    for number, operation in enumerate(asker.operations(group)):
        if part is not None and number % 3 != part:
            continue

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(), steered=st.integers(0, 3), name=st.sampled_from(NAMES))
        def ask(case: schemathesis.Case, steered: int, name: str) -> None:
            if steered and case.path_parameters:
                given_ones = case.path_parameters
                given_ones |= {"namespace": "default"} if "namespace" in given_ones else {}
                given_ones |= {"name": name} if "name" in given_ones else {}
            if steered and isinstance(case.body, dict):
                case.body["metadata"] = {"name": name}
            asker.ask(case)

        ask()


@pytest.mark.parametrize("group", QUICK)
def test_every_operation_answers_as_its_schema_says(kube_api: KubeApi, group: str) -> None:
    asker = Asker(kube_api)
    ask_each(asker, group, 4)
    assert asker.codes.total() >= 30
    assert asker.codes[200] >= 3
    assert "Traceback" not in kube_api.log


def every_group() -> list[tuple[str, int]]:
    """Each group version's path, the large ones in three parts, so that no test runs for minutes."""
    found = []
    for group, versions in registry().groups().items():
        for version in versions:
            path = f"apis/{group}/{version}" if group else f"api/{version}"
            found += [(path, part) for part in range(3 if path in LARGE else 1)]
    return found


asked: Counter[int] = Counter()


@pytest.mark.slow
@pytest.mark.parametrize(("group", "part"), every_group())
def test_every_group_at_length(kube_api: KubeApi, group: str, part: int) -> None:
    asker = Asker(kube_api)
    ask_each(asker, group, 15, part if group in LARGE else None)
    asked.update(asker.codes)
    assert asker.codes.total() > 0
    assert "Traceback" not in kube_api.log


@pytest.mark.slow
def test_these_were_ten_thousand_requests() -> None:
    print(f"{asked.total()} requests: {dict(asked)}")
    if not asked:
        pytest.skip("counts what the tests before it asked")
    assert asked.total() >= 10_000
    assert asked[201] >= 100
