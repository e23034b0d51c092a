"""expose and autoscale, by the newest kubectl and the machine's: the older one writes autoscaling/v1."""

import orjson

from control.client.client import ApiClient
from tests.conformance.kubectl.test_create import path_of
from tests.integration.control.api.conftest import Kubectl


async def test_expose_and_autoscale(kubectl: Kubectl, client: ApiClient) -> None:
    await kubectl("create", "deployment", "web", "--image=x", "--port=8080")
    said = await kubectl("expose", "deployment", "web", "--port=80", "--target-port=8080", "--name=door")
    assert said.out == "service/door exposed\n", said.err
    service = orjson.loads(await client.request("GET", path_of("services/door")))
    assert service["spec"]["selector"] == {"app": "web"}
    assert service["spec"]["ports"][0]["targetPort"] == 8080
    said = await kubectl("autoscale", "deployment", "web", "--min=2", "--max=5", "--cpu-percent=80")
    assert "horizontalpodautoscaler.autoscaling/web autoscaled" in said.out, said.err
    scaler = orjson.loads(await client.request("GET", path_of("autoscaling/v2 horizontalpodautoscalers/web")))
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (2, 5)
    assert scaler["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 80
