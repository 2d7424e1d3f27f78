"""Measures a URL under load with `wrk`, a generator written in C; runs the servers that measurements need."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port

__all__ = ["LoadResult", "run_nginx", "run_python_server", "run_wrk", "wait_until_answering"]

_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What `wrk` measured. `p50`, `p99`: latencies in milliseconds. `rate`: requests per second."""

    p50: float
    p99: float
    rate: float


def run_wrk(
    url: str, *, connections: int, seconds: float, headers: Mapping[str, str] | None = None
) -> LoadResult:
    """Sends requests for some seconds. Raises RuntimeError if one answer was not 2xx, since errors cost less
    than answers."""
    command = ["wrk", "--latency", "--timeout", "30s", "-t1", f"-c{connections}", f"-d{seconds:g}s"]
    for name, value in (headers or {}).items():
        command += ["-H", f"{name}: {value}"]
    printed = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in printed or "Socket errors" in printed:
        raise RuntimeError(f"not every answer of {url} was a success:\n{printed}")
    percentiles = {
        name: float(value) * _UNITS[unit]
        for name, value, unit in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s)", printed)
    }
    rate = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    if rate is None or len(percentiles) != 2:
        raise RuntimeError(f"wrk said something else:\n{printed}")
    return LoadResult(percentiles["50"], percentiles["99"], float(rate.group(1)))


def wait_until_answering(
    url: str, *, seconds: float = 15.0, headers: Mapping[str, str] | None = None
) -> None:
    """Waits until the URL answers, with any status. Raises OSError after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(
                urllib.request.Request(url, headers=dict(headers or {})), timeout=5
            ).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


@contextmanager
def run_nginx(folder: Path, body: str) -> Iterator[str]:
    """Runs an upstream that answers every request with `body` as JSON at almost no cost; yields its URL."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "body.json").write_text(body)
    config = folder / "nginx.conf"
    config.write_text(
        f"""
        {"user root;" if os.geteuid() == 0 else ""}
        daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
        events {{ worker_connections 1024; }}
        http {{
          access_log off; keepalive_requests 10000000; default_type application/json;
          client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
          uwsgi_temp_path {folder}; scgi_temp_path {folder};
          open_file_cache max=10; sendfile on; tcp_nodelay on;
          server {{ listen 127.0.0.1:{port}; root {folder}; location / {{ try_files /body.json =404; }} }}
        }}
        """
    )
    process = subprocess.Popen([program, "-c", str(config), "-p", str(folder)], stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_answering(url)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)


@contextmanager
def run_python_server(module: str, env: Mapping[str, str]) -> Iterator[str]:
    """Runs `module:app` with uvicorn as the product is run (uvloop, httptools, one process); yields its
    URL."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", module, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "error"]
    process = subprocess.Popen(command, env=dict(env))
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_answering(url)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)
