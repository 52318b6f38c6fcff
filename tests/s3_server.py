"""A real S3 server, moto's, in a process of its own, and the environment that leads to it."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

KEY, SECRET = "someone", "kept-to-itself"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait_for(server: subprocess.Popen[bytes], address: str, said: Path) -> None:
    until = time.monotonic() + 60
    while True:
        assert server.poll() is None, f"no S3 server: {said.read_text()[-1_000:]}"
        try:
            urllib.request.urlopen(f"{address}/moto-api/", timeout=5).close()
            return
        except urllib.error.URLError:
            assert time.monotonic() < until, f"no S3 server: {said.read_text()[-1_000:]}"
            time.sleep(0.1)


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """Its address; what it says goes to a file in the folder, and all that it holds is gone after the block."""
    port, said = free_port(), folder / "s3.log"
    with said.open("wb") as log:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait_for(server, f"http://127.0.0.1:{port}", said)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def make_bucket(address: str, name: str) -> None:
    urllib.request.urlopen(urllib.request.Request(f"{address}/{name}", method="PUT"), timeout=30).close()


@contextmanager
def leading_to(address: str) -> Iterator[None]:
    """The usual variables of an environment, nothing else."""
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            environment.delenv(name)
        environment.setenv("AWS_ENDPOINT_URL", address)
        environment.setenv("AWS_ACCESS_KEY_ID", KEY)
        environment.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        yield
