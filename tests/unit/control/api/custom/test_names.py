"""Names and conditions of definitions."""

from typing import Any

from control.api.custom.names import CLEANUP, mark_terminating, settled
from control.schema.resource import registry

Json = dict[str, Any]


def definition(plural: str = "things", kind: str = "Thing", group: str = "example.com", **names: Any) -> Json:
    own = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": kind + "List", **names}
    return {"metadata": {"name": f"{plural}.{group}"}, "spec": {"group": group, "names": own}, "status": {}}


def conditions(crd: Json) -> dict[str, tuple[str, str, str]]:
    return {
        one["type"]: (one["status"], one["reason"], one["message"]) for one in crd["status"]["conditions"]
    }


def test_free_names_are_accepted_and_nothing_is_written_twice() -> None:
    made = settled(definition(shortNames=["th"]), [], [])
    assert made["status"]["acceptedNames"]["shortNames"] == ["th"]
    assert conditions(made) == {
        "NamesAccepted": ("True", "NoConflicts", "no conflicts found"),
        "Established": ("True", "InitialNamesAccepted", "the initial names have been accepted"),
    }
    assert settled(made, [], []) is made


def test_a_name_of_another_in_the_group_is_not_given() -> None:
    first = settled(definition(), [], [])
    second = settled(definition("others", "Other", shortNames=["things"]), [first], [])
    assert conditions(second)["NamesAccepted"] == (
        "False",
        "ShortNamesConflict",
        '"things" is already in use',
    )
    assert conditions(second)["Established"] == ("False", "NotAccepted", "not all names are accepted")
    assert settled(second, [], [])["status"]["acceptedNames"]["shortNames"] == ["things"]
    elsewhere = settled(definition(group="example.org"), [first], [])
    assert conditions(elsewhere)["Established"][0] == "True"


def test_names_of_built_in_kinds_are_taken_in_their_group() -> None:
    made = settled(definition("deployments", "Deployment", "apps"), [], registry().rows)
    assert conditions(made)["NamesAccepted"][0] == "False"


def test_a_deletion_marks_the_definition() -> None:
    crd = settled(definition(), [], [])
    mark_terminating(crd)
    assert crd["metadata"]["finalizers"] == [CLEANUP]
    assert conditions(crd)["Terminating"][:2] == ("True", "InstanceDeletionPending")
