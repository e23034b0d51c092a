"""What a new volume and a new claim look like before they are stored."""

from control.schema.strategy_storage import create_claim, create_volume

CLONE = {"kind": "PersistentVolumeClaim", "name": "other"}


def test_a_new_volume_is_pending():
    volume = {"status": {"phase": "Bound"}}
    create_volume(volume)
    assert volume["status"]["phase"] == "Pending"
    assert volume["status"]["lastPhaseTransitionTime"].endswith("Z")


def test_either_source_of_a_claims_data_fills_in_the_other():
    for key in ("dataSource", "dataSourceRef"):
        claim = {"spec": {key: dict(CLONE)}}
        create_claim(claim)
        assert claim["spec"] == {"dataSource": CLONE, "dataSourceRef": CLONE}


def test_the_older_field_drops_what_it_can_not_name():
    claim = {"spec": {"dataSource": {"apiGroup": "example.com", "kind": "Image", "name": "a"}}}
    create_claim(claim)
    assert claim["spec"] == {}
