"""From a rule's comment to the object and the line of a file."""

from control.explain.atlas import Atlas
from control.explain.provenance import provenance

_FILE = """\
kind: NetworkPolicy
apiVersion: networking.k8s.io/v1
metadata: {name: db-only, namespace: shop}
spec:
  podSelector: {}
  ingress:
    - from:
        - podSelector: {matchLabels: {app: web}}
"""


def _noted(atlas: Atlas, where: str) -> None:
    meta = atlas.objects["networkpolicies"][0]["metadata"]
    meta["annotations"] = {"podwire.dev/source": where}


def test_the_line_of_the_field_is_found_in_the_file_that_apply_noted(atlas, tmp_path):
    path = tmp_path / "db.yaml"
    path.write_text(_FILE)
    _noted(atlas, f"{path}:1")
    found = provenance(atlas, "NetworkPolicy shop/db-only spec.ingress[0].from[0]")
    assert found is not None
    assert found.file == f"{path}:8"
    assert found.text == "- podSelector: {matchLabels: {app: web}}"
    assert found.resource_version == "9"


def test_a_file_that_says_something_else_by_now_gives_its_line_and_no_text(atlas, tmp_path):
    path = tmp_path / "db.yaml"
    path.write_text(_FILE.replace("db-only", "other"))
    _noted(atlas, f"{path}:1")
    found = provenance(atlas, "NetworkPolicy shop/db-only spec.podSelector")
    assert found is not None
    assert (found.file, found.text) == (f"{path}:1", "")


def test_without_a_note_there_is_the_field_path_and_a_gone_object_says_so(atlas):
    found = provenance(atlas, "NetworkPolicy shop/db-only spec.ingress[0]")
    gone = provenance(atlas, "NetworkPolicy shop/other spec.ingress[0]")
    assert found is not None
    assert gone is not None
    assert found.lines == ("NetworkPolicy shop/db-only spec.ingress[0], resourceVersion 9",)
    assert gone.lines == ("NetworkPolicy shop/other spec.ingress[0], gone since",)


def test_other_comments_have_no_object(atlas):
    assert provenance(atlas, "hairpin") is None
    assert provenance(atlas, "") is None
