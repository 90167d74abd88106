"""A SLURM cluster on one machine, with daemons, keys and folders of its own.

The one trace outside its temporary folder are two links in /etc/slurm, gone when it stops: the
plugin's job steps forget where SLURM_CONF points, so the configuration has to be where SLURM looks.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

PACKAGES = "slurmctld slurmd slurm-client munge"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")
HOME = Path("/etc/slurm")
FOLDER_PREFIX = "advlearn-slurm-"

# More processors and memory than there are, so that short jobs run side by side on a small machine.
CONFIGURATION = """\
ClusterName=advlearn
SlurmctldHost={node}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/munge.socket
CredType=cred/munge
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MinJobAge=300
KillWait=5
InactiveLimit=0
Waittime=0
GresTypes=gpu
NodeName={node} NodeAddr=127.0.0.1 NodeHostname={node} CPUs=8 RealMemory=32000 Gres=gpu:1
PartitionName=cpu Nodes={node} Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={node} Default=NO MaxTime=INFINITE State=UP
"""


def why_not() -> str | None:
    """Why no cluster can be started here, none when one can."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
    lost = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if lost:
        return (
            f"SLURM is not installed ({', '.join(lost)} missing); on Debian and Ubuntu:"
            f" apt-get install --no-install-recommends {PACKAGES}"
        )
    if os.geteuid() != 0:
        return "the tests link their configuration into /etc/slurm, which only root may"
    return None


def existing() -> Path | None:
    """A SLURM configuration that is not ours to replace."""
    _remove_what_a_killed_run_left()
    return next((path for name in _names() if os.path.lexists(path := HOME / name)), None)


@dataclass
class Cluster:
    """The running cluster; ``start`` and ``stop`` it."""

    folder: Path
    node: str = field(default_factory=lambda: socket.gethostname().split(".")[0])
    _daemons: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @classmethod
    def start(cls) -> Cluster:
        """Start the daemons and wait until the node is idle."""
        cluster = cls(Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX)))
        try:
            cluster._start()
        except BaseException:
            cluster.stop()
            raise
        return cluster

    def _start(self) -> None:
        self.folder.chmod(0o755)
        for name in ("munge", "state", "spool"):
            (self.folder / name).mkdir()
        munge = self.folder / "munge"
        key = munge / "munge.key"
        key.touch(0o600)
        key.write_bytes(os.urandom(1024))
        munge.chmod(0o711)
        names = {"node": self.node, "folder": self.folder, "ports": _free_ports(2)}
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(**names))
        gres = f"NodeName={self.node} Name=gpu File=/dev/null\n"
        (self.folder / "gres.conf").write_text(gres)
        HOME.mkdir(exist_ok=True)
        for name in _names():
            (HOME / name).symlink_to(self.folder / name)

        files = {"key": key, "socket": munge / "munge.socket", "pid": munge / "munged.pid"}
        options = [f"--{name}-file={path}" for name, path in files.items() if name != "socket"]
        options += [f"--log-file={munge}/munged.log", f"--seed-file={munge}/munged.seed"]
        self._daemon(
            "munged",
            "--foreground",
            "--force",
            "--num-threads=10",
            f"--socket={files['socket']}",
            *options,
        )
        self.wait("munge's socket", files["socket"].exists, 10)
        self._daemon("slurmctld", "-D", "-c")
        self._daemon("slurmd", "-D")
        self.wait("the node", lambda: self.node_state() == "idle", 30)

    def _daemon(self, program: str, *options: str) -> None:
        # It ends with the tests however they end, also when they are killed.
        bound = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
        environment = {**os.environ, "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"}
        with (self.folder / f"{program}.log").open("wb") as log:
            self._daemons.append(
                subprocess.Popen(
                    [*bound, program, *options],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=environment,
                )
            )

    def stop(self) -> None:
        """Cancel what runs, end the daemons and remove every trace."""
        try:
            if len(self._daemons) == 3:
                self.cancel_all()
        finally:
            for daemon in reversed(self._daemons):
                daemon.terminate()
                try:
                    daemon.wait(15)
                except subprocess.TimeoutExpired:
                    daemon.kill()
                    daemon.wait()
            _unlink(self.folder)
            shutil.rmtree(self.folder, ignore_errors=True)

    def wait(self, what: str, done: Callable[[], bool], seconds: float) -> None:
        """Wait until something is so; an error with the daemons' logs when it does not come."""
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                logs = "\n".join(
                    f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}"
                    for log in sorted(self.folder.glob("*.log"))
                )
                raise TimeoutError(f"waited {seconds:g} s for {what}\n{logs}")
            time.sleep(0.25)

    def node_state(self) -> str:
        """State of the node in SLURM's words, such as ``idle``; empty while nobody answers."""
        return _output("sinfo", "--noheader", "--partition=cpu", "--format=%T", check=False)

    def queue(self) -> dict[str, str]:
        """States of the jobs that wait or run, by their numbers."""
        lines = _output("squeue", "--noheader", "--format=%i|%T").splitlines()
        return dict(line.split("|") for line in lines)

    def cancel_all(self) -> None:
        """Cancel every job and wait until none is left."""
        _output("scancel", "--user=root")
        self.wait("an empty queue", lambda: not self.queue(), 30)

    def drain(self) -> None:
        """Let running jobs end and start no other."""
        _output("scontrol", "update", f"NodeName={self.node}", "State=DRAIN", "Reason=test")

    def resume(self) -> None:
        """Take the node back into service."""
        _output("scontrol", "update", f"NodeName={self.node}", "State=RESUME")

    def job(self, number: str) -> dict[str, str]:
        """What SLURM knows of a job, also for some minutes after its end."""
        shown = _output("scontrol", "show", "job", number, "--details", "--oneliner")
        return dict(part.split("=", 1) for part in shown.split() if "=" in part)


def _output(*command: str, check: bool = True) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
    return done.stdout.strip()


def _names() -> tuple[str, str]:
    return "slurm.conf", "gres.conf"


def _unlink(folder: Path) -> None:
    """Remove the links into a cluster's folder, and /etc/slurm when nothing else is in it."""
    for name in _names():
        link = HOME / name
        if link.is_symlink() and link.readlink().parent == folder:
            link.unlink()
    if HOME.is_dir() and not any(HOME.iterdir()):
        HOME.rmdir()


def _remove_what_a_killed_run_left() -> None:
    link = HOME / "slurm.conf"
    if not link.is_symlink() or not link.readlink().parent.name.startswith(FOLDER_PREFIX):
        return
    folder = link.readlink().parent
    try:
        os.kill(int((folder / "slurmctld.pid").read_text()), 0)
    except (OSError, ValueError):  # its daemon is dead
        _unlink(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()
