# SPDX-License-Identifier: GPL-2.0-or-later
"""The installed rules, groups and module on a machine with the real udev; and that sysfs has what its description says."""
import pathlib
import re
import shutil

import pytest

from provtest import station

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
TOOLS = ["/usr/bin/udevadm", "/usr/bin/systemd-sysusers", "/usr/bin/kmod", "/usr/bin/setfacl", "/usr/bin/getfacl"]
FUNCTION = "$(basename $(readlink /sys/class/provcard/provcard0/device))"
DRIVER = "/sys/bus/pci/drivers/provcard"
SETTLE = "udevadm settle --timeout=60"
START = """
set -e
mkdir -p /run /usr/bin /usr/lib/udev/rules.d /etc/udev/rules.d
[ -e /usr/bin/setfacl ] || ln -s /bin/setfacl /usr/bin/setfacl
ln -s udevadm /bin/systemd-udevd
cp 60-provcard.rules /usr/lib/udev/rules.d/
echo root:x:0: >/etc/group
systemd-sysusers ./provcard.sysusers
for user in operator:1000:provcard-operator officer:1001:provcard-admin stranger:1002:; do
	name=${user%%:*} rest=${user#*:}
	echo "$name:x:${rest%%:*}:65534::/:/bin/sh" >>/etc/passwd
	[ -z "${rest#*:}" ] || sed -i "s/^\\(${rest#*:}:.*:\\)$/\\1$name/" /etc/group
done
systemd-udevd --daemon
udevadm trigger --action=add --subsystem-match=provcard
udevadm settle --timeout=60
"""


@pytest.fixture(name="guest", scope="module")
def fixture_guest(tmp_path_factory):
    """A guest whose udev is the real one."""
    missing = [tool for tool in TOOLS if not pathlib.Path(tool).exists()]
    if missing:
        pytest.skip(f"not on this machine: {missing}")
    with station.Station(tmp_path_factory.mktemp("udev"), programs=TOOLS) as place:
        for name in ("60-provcard.rules", "provcard.sysusers", "provcard.modprobe"):
            shutil.copy(TOP / "udev" / name, place.share)
        place.guest.run(START, timeout=120)
        yield place.guest
        assert not place.guest.splats()


def may(guest, user, node):
    """Whether a user can talk to the card through a node."""
    return guest.run(f"su -s /bin/sh {user} -c 'provcard --card {node} status'", check=False).code == 0


def test_node_and_link(guest):
    """Group, mode, access list, name by serial number; and who that lets in."""
    assert guest.run("stat -c '%U %G %a' /dev/provcard0").out.split()[:2] == ["root", "provcard-operator"]
    acl = guest.run("getfacl -c /dev/provcard0 2>/dev/null").out.split()
    assert {"user::rw-", "group::rw-", "group:provcard-admin:rw-", "other::---"} <= set(acl)
    assert guest.run("readlink -f /dev/provcard/by-serial/PC0001").out.strip() == "/dev/provcard0"
    assert may(guest, "operator", "/dev/provcard/by-serial/PC0001")
    assert may(guest, "officer", "/dev/provcard/by-serial/PC0001")
    assert not may(guest, "stranger", "/dev/provcard/by-serial/PC0001")


def test_node_with_a_mask(guest):
    """Has its link, and is nobody's but root's until a rule of the admin's own says so."""
    create = f"echo monitor >/sys/class/provcard/provcard0/nodes/create; {SETTLE}"
    destroy = f"echo monitor >/sys/class/provcard/provcard0/nodes/destroy; {SETTLE}"
    node = "/dev/provcard/by-serial/PC0001-monitor"
    guest.run(create)
    assert guest.run(f"readlink -f {node}").out.strip() == "/dev/provcard0-monitor"
    assert guest.run("stat -c '%U %G %a' /dev/provcard0-monitor").out.split() == ["root", "root", "600"]
    assert not may(guest, "operator", node)
    guest.run(f"{destroy}; [ ! -e {node} ] && [ ! -L {node} ]")
    guest.run("""echo 'SUBSYSTEM=="provcard", KERNEL=="provcard*-monitor", GROUP="provcard-operator", MODE="0660"' """
              f">/etc/udev/rules.d/90-local.rules; udevadm control --reload; {create}")
    assert guest.run("stat -c '%U %G %a' /dev/provcard0-monitor").out.split() == ["root", "provcard-operator", "660"]
    assert not may(guest, "operator", node)
    guest.run("echo 64 >/sys/class/provcard/provcard0-monitor/command_mask")
    assert may(guest, "operator", node) and not may(guest, "stranger", node)
    refused = guest.run(f"su -s /bin/sh operator -c 'provcard --card {node} jobs'", check=False)
    assert refused.code and "ermission" in refused.err, refused
    guest.run(destroy)


def test_removal_takes_the_links(guest):
    """What the card leaves behind is nothing; when it comes back so does all of it."""
    guest.run("echo left >/sys/class/provcard/provcard0/nodes/create")
    guest.run(f"function={FUNCTION}; echo $function >{DRIVER}/unbind; {SETTLE}; echo $function >/tmp/function")
    assert not guest.run("ls /dev/provcard/by-serial 2>/dev/null; ls /dev/provcard* 2>/dev/null", check=False).out.strip()
    guest.run(f"echo $(cat /tmp/function) >{DRIVER}/bind; {SETTLE}")
    assert guest.run("readlink -f /dev/provcard/by-serial/PC0001; stat -c %G /dev/provcard0").out.split() == \
        ["/dev/provcard0", "provcard-operator"]


def test_loaded_by_its_identity(guest):
    """The card's MODALIAS finds the installed module, with the options of modprobe.d; no list of modules names it."""
    guest.run("release=$(uname -r); function=$(basename $(readlink /sys/class/provcard/provcard0/device)); rmmod provcard; "
              "for name in modprobe depmod; do ln -sf /bin/kmod /tmp/$name; done; mkdir -p /lib/modules/$release/updates /etc/modprobe.d; "
              "cp /provcard.ko /lib/modules/$release/updates/; /tmp/depmod; sed 's/^#   options/options/' provcard.modprobe "
              ">/etc/modprobe.d/provcard.conf; sed -i '/^blacklist/d' /etc/modprobe.d/provcard.conf; "
              f"/tmp/modprobe $(cat /sys/bus/pci/devices/$function/modalias); {SETTLE}")
    assert guest.run("cat /sys/module/provcard/parameters/default_timeout_ms /sys/module/provcard/parameters/hwrng").out.split() == \
        ["120000", "N"]
    guest.run("provcard --card /dev/provcard/by-serial/PC0001 status")


def test_sysfs_is_as_described(guest):
    """The attributes in the guest are those of the description, and their values have its form."""
    text = (TOP / "Documentation" / "ABI" / "testing" / "sysfs-class-provcard").read_text()
    described = {line.split("\t")[-1].replace("provcardN", "provcard0").replace("NAME", "abi") for line in text.splitlines()
                 if line.startswith("What:")}
    guest.run("echo abi >/sys/class/provcard/provcard0/nodes/create")
    common = {"dev", "uevent"}
    found = set()
    for node in ("provcard0", "provcard0-abi"):
        out = guest.run(f"cd /sys/class/provcard/{node}/ && find . -type f -not -path './power/*' -not -path './provcard0-abi/*'").out
        found |= {f"/sys/class/provcard/{node}/{name[2:]}" for name in out.split() if name[2:] not in common}
    assert found == described
    values = guest.run("cd /sys/class/provcard/provcard0 && cat serial state heads queues hif_version resets /sys/class/provcard/provcard0-abi/name").out
    assert re.fullmatch(r"PC0001\nlive\n4\n4\n1\.1\.0\n\d+\nabi\n", values)
    before = int(guest.run("cat /sys/class/provcard/provcard0/resets").out)
    guest.run("echo 1 >/sys/class/provcard/provcard0/device/reset")
    assert int(guest.run("cat /sys/class/provcard/provcard0/resets").out) == before + 1
    guest.run("echo abi >/sys/class/provcard/provcard0/nodes/destroy")
