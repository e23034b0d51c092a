"""What an image's name tells."""

import pytest

from control.agents.images import facts_of, repository_of


@pytest.mark.parametrize(
    ("image", "repository"),
    [
        ("busybox", "busybox"),
        ("docker.io/library/busybox:1.36", "busybox"),
        ("index.docker.io/busybox@sha256:0123", "busybox"),
        ("localhost:5000/busybox:1", "localhost:5000/busybox"),
        ("quay.io/team/alpine:3", "quay.io/team/alpine"),
        ("nginxinc/nginx-unprivileged:1.27-alpine", "nginxinc/nginx-unprivileged"),
    ],
)
def test_registry_tag_and_digest_of_docker_hub_do_not_matter(image, repository):
    assert repository_of(image) == repository


def test_known_bases_are_the_machine_and_all_else_is_a_stand_in():
    assert facts_of("alpine:3").known_base
    assert facts_of("alpine:3").command == ("/bin/sh",)
    assert not facts_of("quay.io/team/alpine:3").known_base
    assert facts_of("nginx").ports == (80,)
    assert facts_of("shop.example/app").ports == ()
