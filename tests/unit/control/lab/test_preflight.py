"""What must be true before anything is made, as far as it needs no kernel to see."""

import pytest

from control.errors import SpecInvalid
from control.lab.preflight import preflight
from control.lab.spec import LabSpec, default_nodes
from dataplane.patience import VARIABLE


def test_a_patience_that_is_no_number_is_refused_with_one_that_is(monkeypatch):
    monkeypatch.setenv(VARIABLE, "soon")
    with pytest.raises(SpecInvalid, match="PODWIRE_PATIENCE=soon is no number from 1 to 1000") as refused:
        preflight(LabSpec(nodes=default_nodes(1)))
    assert refused.value.mend.startswith("PODWIRE_PATIENCE=20")
