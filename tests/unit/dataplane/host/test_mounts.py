"""Which mounts of the machine need a layer of their own in a container's root."""

from dataplane.host.mounts import MountPoint, layers, mount_table

_TABLE = r"""
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
23 22 0:21 / /proc rw - proc proc rw
24 22 0:22 / /run rw - tmpfs tmpfs rw
25 22 254:1 / /usr rw,relatime shared:1 - ext4 /dev/vdb rw
26 22 254:2 / /var rw,relatime - xfs /dev/vdc rw
27 26 254:3 / /var/lib/podwire rw - ext4 /dev/vdd rw
28 22 254:4 / /home rw - ext4 /dev/vde rw
29 22 254:5 / /opt/with\040blank rw - btrfs /dev/vdf rw
30 22 0:44 / /var/cache rw - tmpfs tmpfs rw
""".strip()


def test_the_table_is_read_with_its_escapes():
    table = mount_table(_TABLE)
    assert table[0] == MountPoint("/", "ext4")
    assert MountPoint("/opt/with blank", "btrfs") in table


def test_real_file_systems_that_containers_see_are_layers_shortest_first():
    assert layers(("/home", "/var/lib/podwire"), mount_table(_TABLE)) == ("/usr", "/var", "/opt/with blank")
