"""lab.yaml's word on CNI: read whole, or refused with what to do."""

import json

import pytest

from control.errors import SpecInvalid
from control.lab.spec import LabSpec, default_nodes, parse_spec, read_spec
from control.lab.spec_cni import USUAL_PATH
from control.lab.spec_json import as_json, from_json

LIST = {
    "cniVersion": "1.0.0",
    "name": "net",
    "plugins": [{"type": "bridge", "ipam": {"type": "host-local", "ranges": [[{"subnet": "${podCIDR}"}]]}}],
}


@pytest.fixture
def write(tmp_path):
    """A conflist beside a lab.yaml, and the plugins that it names."""
    for name in ("bridge", "host-local"):
        (tmp_path / name).touch(0o755)

    def written(document: object, path: object = None) -> LabSpec:
        text = document if isinstance(document, str) else json.dumps(document)
        (tmp_path / "net.conflist").write_text(text)
        lab = {"cni": {"conflist": "net.conflist", "path": path or [str(tmp_path)]}}
        (tmp_path / "lab.yaml").write_text(json.dumps(lab))
        return read_spec(tmp_path / "lab.yaml")

    return written


def test_a_conflist_is_read_once_from_beside_lab_yaml_and_kept_with_the_lab(write, tmp_path):
    spec = write(LIST)

    assert spec.cni is not None
    assert json.loads(spec.cni.conflist) == LIST
    assert spec.cni.path == (str(tmp_path),)
    assert from_json(as_json(spec)) == spec


def test_without_a_word_it_is_podwires_own_network_as_in_labs_of_before():
    assert parse_spec({}).cni is None
    before = {key: value for key, value in as_json(LabSpec(nodes=default_nodes(1))).items() if key != "cni"}
    assert from_json(before).cni is None


def test_plugins_are_looked_for_where_distributions_put_them(write, tmp_path):
    ours = {**LIST, "plugins": [{"type": "podwire-cni"}]}
    (tmp_path / "net.conflist").write_text(json.dumps(ours))
    spec = parse_spec({"cni": {"conflist": "net.conflist"}}, beside=tmp_path)

    assert spec.cni is not None
    assert spec.cni.path == USUAL_PATH


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{", "is not JSON"),
        ({"name": "net", "cniVersion": "1.0.0"}, "plugins"),
        ({**LIST, "plugins": [{"type": "macvlan"}]}, "no CNI plugin 'macvlan'"),
        ({**LIST, "plugins": [{"type": "bridge", "ipam": {"type": "dhcp"}}]}, "no CNI plugin 'dhcp'"),
        ({**LIST, "plugins": [{"type": "bridge", "mtu": "${MTU}"}]}, "plugins[0].mtu: ${MTU} is unknown"),
        ([], "conflist"),
    ],
)
def test_what_could_not_work_is_refused_before_anything_is_made(write, document, said):
    with pytest.raises(SpecInvalid) as refused:
        write(document)

    assert "lab.yaml: cni.conflist:" in str(refused.value)
    assert said in str(refused.value)


def test_a_file_that_is_not_there_and_a_path_that_is_none_are_named(tmp_path):
    with pytest.raises(SpecInvalid, match="none can't be read"):
        parse_spec({"cni": {"conflist": "none"}}, beside=tmp_path)
    with pytest.raises(SpecInvalid, match=r"cni\.path: expected a list of absolute paths"):
        parse_spec({"cni": {"conflist": "none", "path": ["bin"]}}, beside=tmp_path)
    with pytest.raises(SpecInvalid, match="no conflist"):
        parse_spec({"cni": {"path": ["/bin"]}})
