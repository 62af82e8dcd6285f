# SPDX-License-Identifier: GPL-2.0-or-later
"""No secret outside the card: the guest's whole memory is read after a run."""
import pathlib
import re
import shutil
import subprocess

from provtest import processes

KEY_ADDRESS = 0xFE000
KEY_SIZE = 32


def find_pieces(memory, earlier, secrets):
    """(exit code, output) of the search."""
    done = subprocess.run([processes.program("vm/find-pieces"), memory, earlier, *secrets], capture_output=True, text=True, timeout=200,
                          check=False)
    return done.returncode, done.stdout + done.stderr


def test_guest_memory_holds_no_secret(service, tmp_path, monkeypatch):
    """Not the image, not the job key or another key of the package, not a device's private key.

    What the memory held before, and what stands in the package for everyone to read (FLOE's header tag is a derived key, too), is
    no secret.
    """
    memory, earlier = service.place.guest.memory_file, tmp_path / "memory-before"
    shutil.copy(memory, earlier)
    with monkeypatch.context() as spied:
        spied.setenv("KDF_SPY", str(tmp_path / "derived-keys"))
        spied.setenv("LD_PRELOAD", processes.program("vm/kdf-spy.so"))
        package = service.load(count=4)
    with open(earlier, "ab") as public:
        public.write(package.read_bytes())
    service.place.insert_all()
    service.house.provcard("run --once")
    service.house.provcard("status")
    secrets = [tmp_path / "derived-keys", service.people.oem.folder / "lifecycle.secret"]
    for name in ("bootloader", "application"):
        secrets.append(tmp_path / f"{name}.bin")
        shutil.copy(processes.BUILD / "device" / f"{name}.bin", secrets[-1])
    for part in service.place.parts:
        secrets.append(tmp_path / f"{part.uid}.key")
        secrets[-1].write_bytes(part.flash.read_bytes()[KEY_ADDRESS:KEY_ADDRESS + KEY_SIZE])
        assert secrets[-1].read_bytes() != b"\xff" * KEY_SIZE
    assert (tmp_path / "derived-keys").stat().st_size >= 32

    code, output = find_pieces(memory, earlier, secrets)
    assert code == 0, output
    looked_for = int(re.match(r"(\d+) pieces looked for", output).group(1))
    assert looked_for > 4000, output
    assert control_is_found(service, earlier, tmp_path, secrets)


def control_is_found(service, earlier, folder, secrets):
    """The same search finds the same secrets once they are there, so finding nothing means something."""
    everything = b"".join(pathlib.Path(path).read_bytes() for path in secrets)
    (folder / "all").write_bytes(everything)
    shutil.copy(folder / "all", service.place.share)
    service.place.guest.run("cat all > /tmp/leak")
    code, _ = find_pieces(service.place.guest.memory_file, earlier, secrets)
    return code == 1
