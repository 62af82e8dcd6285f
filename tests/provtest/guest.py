# SPDX-License-Identifier: GPL-2.0-or-later
"""A virtual machine with cards in its slots, and a shell in it.

Guest memory is a file, so a test can read all of it; a shared folder carries files both ways; commands go over a serial line.
"""
import base64
import functools
import itertools
import json
import os
import pathlib
import re
import select
import shutil
import socket
import subprocess
import time

SPLAT = re.compile(r"BUG:|WARNING:|Oops|Call Trace|KASAN|UBSAN|possible circular|refcount_t|general protection|Kernel panic|DMA-API:|"
                   r"DMAR:.*[Ff]ault|\[fault reason|ODEBUG|blocked for more than|unreferenced object")
DEBUG = os.environ.get("PROVCARD_KERNEL") == "debug"
PATIENCE = 8 if DEBUG else 1  # times as long as on an ordinary kernel
MEMORY = 1024 if DEBUG else 512
LEAKS = "/sys/kernel/debug/kmemleak"


# Slots as on most servers: the kernel works them itself, with link state and surprise, not the machine's ACPI code.
NATIVE_SLOTS = ("-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off")


class GuestError(RuntimeError):
    """The guest did not do what was asked of it: time-out, death, refused command."""


class Result:
    """What a command in the guest came to."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"exit {self.code}\n{self.out}{self.err}"


class Guest:
    """One QEMU process. Use as a context manager: it is gone afterwards, whatever happened."""

    def __init__(self, folder, kernel, initramfs, cards, memory=MEMORY, iommu=False, accel="tcg", append="",
                 extra=()):
        self.folder = pathlib.Path(folder)
        self.share = self.folder / "share"
        (self.share / ".guest").mkdir(parents=True, exist_ok=True)
        self.console = self.folder / "console.log"
        self.memory_file = self.folder / "memory"
        self.numbers = itertools.count(1)
        self.cards = {f"card{i}": str(path) for i, path in enumerate(cards)}
        self.arguments = self._arguments(str(kernel), str(initramfs), memory, iommu, accel, append) + list(extra)
        self.process = self.serial = self.qmp = None
        self.pending = b""

    def _arguments(self, kernel, initramfs, memory, iommu, accel, append):
        # On a busy host an emulated timer may be late at boot, which is no reason to panic: no_timer_check. A WARN() is a warning, so
        # the console shows those.
        append = f"console=ttyS0 panic=-1 quiet loglevel=5 no_timer_check {'intel_iommu=on' if iommu else ''} {append}"
        if DEBUG:
            append += " no5lvl"  # KASAN misjudges an interrupt at the moment at which the processor's features are found out
        arguments = [
            "qemu-system-x86_64", "-M", "q35,memory-backend=m" + (",kernel-irqchip=split" if iommu and accel == "kvm" else ""),
            "-accel", accel, "-cpu", "host" if accel == "kvm" else "max", "-smp", "2", "-m", f"{memory}M",
            "-object", f"memory-backend-file,id=m,size={memory}M,share=on,mem-path={self.memory_file}",
            "-kernel", kernel, "-initrd", initramfs, "-append", append, "-no-reboot", "-nodefaults", "-display", "none",
            "-chardev", f"file,id=console,path={self.console}", "-serial", "chardev:console",
            "-chardev", f"socket,id=shell,path={self.folder}/shell.sock,server=on,wait=off", "-serial", "chardev:shell",
            "-qmp", f"unix:{self.folder}/qmp.sock,server=on,wait=off",
            "-fsdev", f"local,id=host,path={self.share},security_model=none",
            "-device", "virtio-9p-pci,fsdev=host,mount_tag=host",
        ]
        if iommu:
            arguments += ["-device", "intel-iommu,caching-mode=on"]
        for slot, name in enumerate(self.cards):
            arguments += ["-device", f"pcie-root-port,id=port-{name},slot={slot + 1},chassis={slot + 1}",
                          "-device", json.dumps(self._card_device(name))]
        return arguments

    def _card_device(self, name):
        return {"driver": "vfio-user-pci", "id": name, "bus": f"port-{name}",
                "socket": {"type": "unix", "path": self.cards[name]}}

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self, timeout=240):
        """Boot to the shell."""
        log = open(self.folder / "qemu.log", "ab")
        self.process = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + timeout * PATIENCE
        self.serial = self._connect("shell.sock", deadline)
        self.qmp = self._connect("qmp.sock", deadline)
        self._read_line(self.qmp, deadline)
        self.monitor("qmp_capabilities")
        self.await_shell(timeout)

    def await_shell(self, timeout=120):
        """Until the guest's init has come to its shell, also when a kernel has started another one."""
        deadline = time.monotonic() + timeout
        while self._shell_line(deadline) != "ready":
            pass

    def _connect(self, name, deadline):
        end = socket.socket(socket.AF_UNIX)
        while True:
            try:
                end.connect(str(self.folder / name))
                return end
            except OSError as error:
                self._still_alive(deadline, f"no {name}: {error}")
                time.sleep(0.05)

    def _still_alive(self, deadline, what):
        if self.process.poll() is not None:
            raise GuestError(f"the virtual machine ended ({what})\n{self.diagnosis()}")
        if time.monotonic() > deadline:
            raise GuestError(f"time-out in the virtual machine ({what})\n{self.diagnosis()}")

    def diagnosis(self):
        """The last lines of what QEMU and the guest's kernel said."""
        parts = []
        for name in ("qemu.log", "console.log"):
            path = self.folder / name
            if path.exists():
                parts.append(f"--- {name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-25:]))
        return "\n".join(parts)

    def _shell_line(self, deadline):
        while b"\n" not in self.pending:
            self._still_alive(deadline, "waiting for the shell")
            if select.select([self.serial], [], [], 0.2)[0]:
                data = self.serial.recv(4096)
                if not data:
                    self._still_alive(0, "the shell closed")
                self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        return line.decode(errors="replace").strip()

    def _read_line(self, end, deadline):
        data = b""
        while not data.endswith(b"\n"):
            self._still_alive(deadline, "waiting for the monitor")
            if select.select([end], [], [], 0.2)[0]:
                data += end.recv(1)
        return json.loads(data)

    def monitor(self, command, timeout=30, **arguments):
        """One QMP command; returns its answer."""
        self.qmp.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        deadline = time.monotonic() + timeout * PATIENCE
        while True:
            answer = self._read_line(self.qmp, deadline)
            if "error" in answer:
                raise GuestError(f"{command}: {answer['error']}")
            if "return" in answer:
                return answer["return"]

    def send(self, command):
        """Start a command without waiting; returns its number for wait()."""
        number = next(self.numbers)
        text = base64.b64encode(command.encode()).decode()
        self.serial.sendall(f"{number} {text}\n".encode())
        return number

    def wait(self, number, timeout=60):
        """The result of a command that send() started."""
        deadline = time.monotonic() + timeout * PATIENCE
        while True:
            words = self._shell_line(deadline).split()
            if len(words) == 2 and words[0] == str(number):
                return Result(int(words[1]), self._output(number, "out"), self._output(number, "err"))

    def _output(self, number, kind):
        return (self.share / ".guest" / f"{number}.{kind}").read_text(errors="replace")

    def run(self, command, timeout=60, check=True):
        """Run a shell command in the guest, in the shared folder. A non-zero exit raises unless check is False."""
        result = self.wait(self.send(command), timeout)
        if check and result.code:
            raise GuestError(f"{command}: {result}\n{self.diagnosis()}")
        return result

    def spawn(self, command):
        """Start a command beside those of run(); returns its number for join()."""
        number = next(self.numbers)
        begin = f"/host/.guest/{number}"
        self.run(f"{{ ({command}) >{begin}.out 2>{begin}.err </dev/null; echo $? >{begin}.code.partial; "
                 f"mv {begin}.code.partial {begin}.code; }} &")
        return number

    def join(self, number, timeout=60):
        """The result of a command that spawn() started."""
        deadline = time.monotonic() + timeout * PATIENCE
        code = self.share / ".guest" / f"{number}.code"
        while not code.exists():
            self._still_alive(deadline, "waiting for a program in the background")
            time.sleep(0.05)
        return Result(int(code.read_text()), self._output(number, "out"), self._output(number, "err"))

    def unplug(self, name):
        """Take a card out of its slot, as with the slot's attention button: the guest lets go of it first."""
        self.monitor("device_del", id=name)

    def replug(self, name, path=None):
        """Put a card into its slot again."""
        self.cards[name] = str(path or self.cards[name])
        self.monitor("device_add", **self._card_device(name))

    def kernel_log(self):
        """All that the guest's kernel has said."""
        return self.run("dmesg").out

    def splats(self):
        """Lines of the kernel log that mean a defect."""
        text = self.console.read_text(errors="replace") if self.console.exists() else ""
        return [line for line in text.splitlines() if SPLAT.search(line)]

    def examine(self):
        """At the end of its work the guest's kernel has nothing to complain of. The debug kernel is made to look first."""
        if DEBUG and self.process and self.process.poll() is None:
            self._look_for_leaks()
        self.assert_no_splats()

    def assert_no_splats(self):
        """None until now."""
        splats = self.splats()
        assert not splats, "\n".join(splats) + "\n" + self.diagnosis()

    def _look_for_leaks(self):
        """Remove the module, whose DMA must be undone then. Memory counts as lost when it stands unchanged in two scans."""
        self.run("! grep -q ^provcard /proc/modules || rmmod provcard", check=False)
        leaks = self.run(f"for i in 1 2; do sleep 5; echo scan >{LEAKS}; done; cat {LEAKS}", timeout=120).out
        assert not leaks, leaks

    def stop(self, timeout=10):
        """Power off; kill if it will not."""
        if self.process and self.process.poll() is None:
            try:
                self.monitor("quit", timeout=2)
            except (GuestError, OSError, ValueError):
                pass
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for end in (self.serial, self.qmp):
            if end:
                end.close()


def kernel_releases():
    """The kernels installed in the environment, the release's own first, the newest last."""
    return sorted(os.listdir("/lib/modules"), key=lambda name: [int(number) for number in re.findall(r"\d+", name)])


@functools.cache
def debug_kernel():
    """The build tree of the debug kernel, which is built first when there is none yet."""
    script = pathlib.Path(__file__).resolve().parent.parent / "debug" / "kernel.sh"
    done = subprocess.run([str(script)], stdout=subprocess.PIPE, text=True, check=True, timeout=9000)
    return pathlib.Path(done.stdout.strip())


def kernel_release():
    """The kernel to test on: PROVCARD_KERNEL ("debug", or a release), or the release's own."""
    if DEBUG:
        return (debug_kernel() / "include" / "config" / "kernel.release").read_text().strip()
    return os.environ.get("PROVCARD_KERNEL") or kernel_releases()[0]


def kernel_image():
    """Its image."""
    if DEBUG:
        return debug_kernel() / "arch" / "x86" / "boot" / "bzImage"
    return pathlib.Path("/boot") / f"vmlinuz-{kernel_release()}"


def accelerator(cache):
    """KVM if it really boots a guest here, else TCG; PROVCARD_ACCEL decides when set. Found out once and kept in the file."""
    chosen = os.environ.get("PROVCARD_ACCEL")
    if chosen:
        return chosen
    cache = pathlib.Path(cache)
    if not cache.exists():
        cache.write_text("kvm" if _kvm_boots() else "tcg")
    return cache.read_text().strip()


def _kvm_boots():
    if not os.access("/dev/kvm", os.R_OK | os.W_OK) or not shutil.which("qemu-system-x86_64"):
        return False
    command = ["timeout", "-k", "2", "10", "qemu-system-x86_64", "-M", "q35", "-accel", "kvm", "-cpu", "host", "-m", "256M",
               "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio", "-kernel", str(kernel_image()),
               "-append", "console=ttyS0 panic=-1"]
    try:
        answer = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
    except subprocess.TimeoutExpired:
        return False
    return b"Unable to mount root fs" in answer.stdout
