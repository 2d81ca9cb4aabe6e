"""The programs of the compose file, with its commands, as processes of this machine."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from ispmig_pipelines_tests.deploy.files import DEPLOY, compose, loaded

LOGS_IN_S3 = importlib.util.find_spec("dagster_aws") is not None
"""Whether what the images have for it is installed here; else logs stay local, and only they."""

SECONDS = 900
"""How long anything is waited for: a busy machine needs a minute to import what a program is of."""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Installation:
    """A folder that stands for the containers' file systems, and the settings of the compose file
    with what is another place here."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.dagster_home = folder / "etc" / "dagster"
        self.code_port, self.ui_port = free_port(), free_port()
        self.dagster_home.mkdir(parents=True)
        self.home.mkdir(mode=0o700)
        self.environment = dict(environment)
        self._places = {
            "/etc/ispmig/workspace.yaml": str(folder / "etc" / "workspace.yaml"),
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - as it stands there
            "3000": str(self.ui_port),
            "4000": str(self.code_port),
        }
        self._write()

    def _write(self) -> None:
        instance = loaded("dagster.yaml")
        if LOGS_IN_S3:
            instance["compute_logs"]["config"]["local_dir"] = str(self.folder / "tmp")
            instance["compute_logs"]["config"]["upload_interval"] = 2
        else:
            del instance["compute_logs"]
        (self.dagster_home / "dagster.yaml").write_text(yaml.safe_dump(instance))
        workspace = loaded("workspace.yaml")
        workspace["load_from"][0]["grpc_server"] |= {"host": "127.0.0.1", "port": self.code_port}
        (self.folder / "etc" / "workspace.yaml").write_text(yaml.safe_dump(workspace))

    def command(self, service: str) -> list[str]:
        """The command of a service of the compose file, with this machine's places."""
        words = compose()["services"][service]["command"]
        return self.placed(words)

    def health_command(self, service: str) -> list[str]:
        """What asks a service whether it is well."""
        words = compose()["services"][service]["healthcheck"]["test"]
        assert words[0] == "CMD"
        return self.placed(words[1:])

    def placed(self, words: Sequence[str]) -> list[str]:
        placed = [self._places.get(word, word) for word in words]
        return [word.replace(":3000/", f":{self.ui_port}/") for word in placed]

    def start(self, service: str) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{service}.log").open("wb")
        with log:
            return subprocess.Popen(
                self.command(service), env=self.environment, cwd=self.home,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, env=self.environment, cwd=self.home, capture_output=True, text=True,
            timeout=SECONDS, check=False,
        )  # fmt: skip

    def told(self, service: str) -> str:
        return (self.folder / f"{service}.log").read_text(errors="replace")


def environment(folder: Path, given: Mapping[str, str]) -> dict[str, str]:
    """That of the compose file's services: the settings, but for what has another place here."""
    said = dict(compose()["services"]["code"]["environment"])
    path = os.pathsep.join(
        [str(DEPLOY / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    )
    kept = {n: v for n, v in os.environ.items() if n in ("LANG", "LC_ALL", "PYTHONPATH")}
    said |= {
        "PATH": path,
        "HOME": str(folder / "tmp"),
        "TMPDIR": str(folder / "tmp"),
        "ISPMIG_HOME": str(folder / "home"),
        "ISPMIG_SECRETS": str(folder / "secrets"),
        "DAGSTER_HOME": str(folder / "etc" / "dagster"),
        "DAGSTER_ARTIFACTS": str(folder / "home" / "dagster"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "secrets" / "aws_credentials"),
        "ISPMIG_UI_URL": "https://dagster.example.net",
        "ISPMIG_ALERT_EMAIL": "",
        "ISPMIG_ALERT_EMAIL_FROM": "",
        **given,
    }
    (folder / "tmp").mkdir()
    return kept | said


def eventually(what: Callable[[], object], told: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < deadline, told()
        time.sleep(0.5)


@contextmanager
def ended(processes: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    """Ends the processes in the order in which they were not started."""
    try:
        yield
    finally:
        for process in reversed(processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in reversed(processes):
            try:
                process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
