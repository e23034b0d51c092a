"""podwire apply on custom kinds: where they are served, the API tells."""

import pytest
import yaml

from control.client.client import ApiClient
from control.errors import ManifestInvalid
from control.lab.apply import apply_all
from control.lab.manifests import Manifest
from tests.integration.control.api.custom.crontabs import CRONTABS, crontab


def manifest(**spec: object) -> Manifest:
    obj = crontab(**spec)
    return Manifest("crontab.yaml", 1, obj, yaml.compose(yaml.safe_dump(obj)))


async def test_a_custom_object_is_applied_twice_and_the_second_changes_nothing(crontabs: ApiClient) -> None:
    (first,) = await apply_all(crontabs, [manifest()], "default", lambda _: None)
    (second,) = await apply_all(crontabs, [manifest()], "default", lambda _: None)
    assert (first.outcome, second.outcome) == ("created", "unchanged")
    assert (await crontabs.get(CRONTABS, "a", "default"))["spec"]["replicas"] == 1


async def test_what_the_definition_forbids_is_told_with_its_file(crontabs: ApiClient) -> None:
    with pytest.raises(ManifestInvalid, match=r"crontab\.yaml.*spec\.replicas"):
        await apply_all(crontabs, [manifest(replicas=50)], "default", lambda _: None)


async def test_a_kind_that_nobody_defined_is_refused(client: ApiClient) -> None:
    with pytest.raises(ManifestInvalid, match=r"no kind 'CronTab' in 'stable\.example\.com/v1' is served"):
        await apply_all(client, [manifest()], "default", lambda _: None)
