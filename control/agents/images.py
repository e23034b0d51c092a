"""What podwire knows of well-known images: it pulls none, but their defaults decide what runs."""

import re
from dataclasses import dataclass

DNS_IMAGE = "podwire.dev/dns"
_BASES = {
    "busybox": ("sh",),
    "alpine": ("/bin/sh",),
    "debian": ("bash",),
    "ubuntu": ("/bin/bash",),
    "fedora": ("/bin/bash",),
    "centos": ("/bin/bash",),
    "rockylinux": ("/bin/bash",),
    "almalinux": ("/bin/bash",),
    "archlinux": ("/usr/bin/bash",),
    "bash": ("bash",),
    "curlimages/curl": (),
    "nicolaka/netshoot": ("zsh",),
}
_PORTS = {
    "nginx": (80,),
    "nginxinc/nginx-unprivileged": (8080,),
    "httpd": (80,),
    "caddy": (80, 443),
    "redis": (6379,),
    "memcached": (11211,),
    "postgres": (5432,),
    "mysql": (3306,),
    "mariadb": (3306,),
    "mongo": (27017,),
    "rabbitmq": (5672, 15672),
    "nats": (4222, 8222),
    "traefik/whoami": (80,),
    "hashicorp/http-echo": (5678,),
    "kennethreitz/httpbin": (80,),
    "mccutchen/go-httpbin": (8080,),
    "jmalloc/echo-server": (8080,),
    "ealen/echo-server": (80,),
    "gcr.io/google-samples/hello-app": (8080,),
    "registry.k8s.io/echoserver": (8080,),
    "gcr.io/google_containers/echoserver": (8080,),
    "registry.k8s.io/e2e-test-images/agnhost": (),
}
_HUB = re.compile(r"^(?:docker\.io/|index\.docker\.io/)?(?:library/)?")


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image by its name: the machine stands for a known base, everything else is a stand-in."""

    name: str
    known_base: bool
    command: tuple[str, ...]
    ports: tuple[int, ...]


def facts_of(image: str) -> ImageFacts:
    """Facts of an image reference; registry, tag and digest of Docker Hub's images do not matter.

    >>> facts_of("docker.io/library/busybox:1.36@sha256:0").known_base, facts_of("nginx:1.27").ports
    (True, (80,))
    """
    name = repository_of(image)
    if name in _BASES:
        return ImageFacts(name, known_base=True, command=_BASES[name], ports=())
    return ImageFacts(name, known_base=False, command=(), ports=_PORTS.get(name, ()))


def repository_of(image: str) -> str:
    """The repository without Docker Hub's prefixes, tag and digest."""
    name = image.split("@", 1)[0]
    head, slash, last = name.rpartition("/")
    return _HUB.sub("", head + slash + last.split(":", 1)[0])
