"""A profile is read back from the files of many processes."""

import json

from tests.bench.profile import read


def written(tmp_path):
    steps = [
        {"role": "supervisor", "step": "warm", "at": 10.0, "seconds": 0.5},
        {"role": "agents-node-1", "step": "PodSandbox.set_up", "at": 11.0, "seconds": 0.02},
        {"role": "agents-node-2", "step": "PodSandbox.set_up", "at": 12.0, "seconds": 0.04},
    ]
    for number, step in enumerate(steps):
        (tmp_path / f"spans-{number}.jsonl").write_text(json.dumps(step) + "\n")
    (tmp_path / "stacks-1.txt").write_text(
        "agents-node-1 11.000 control.agents.pod_sandbox.PodSandbox.set_up;asyncio.run\n"
        "agents-node-2 12.000 control.client.lines.parse_event;asyncio.run\n"
    )
    return read(tmp_path)


def test_phases_come_in_the_order_in_which_they_began(tmp_path):
    lines = written(tmp_path).phases().splitlines()
    assert [row.split()[-1] for row in lines] == ["warm", "PodSandbox.set_up", "PodSandbox.set_up"]
    assert lines[1].lstrip().startswith("1.000 s")


def test_the_agents_of_all_nodes_are_told_together(tmp_path):
    seen = written(tmp_path)
    assert seen.cpu().split() == ["agents", "8", "ms"]
    assert "2       30.0" in seen.steps()


def test_what_was_before_a_moment_can_be_left_out(tmp_path):
    assert len(written(tmp_path).since(11.5).all_steps) == 1


def test_the_hottest_functions_are_ours(tmp_path):
    assert " 50%  control.client.lines.parse_event" in written(tmp_path).hot("agents")
