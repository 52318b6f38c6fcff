"""A virtual environment with the wheel of this project: what a machine without a checkout has."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def built_wheel(source: Path, wheels: Path, **environment: str) -> Path:
    """The wheel of a copy of the project, which is made in `source`; the wheel goes into `wheels`."""
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("ralm", "jobs", "udfs", "conf"):
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in ("setup.py", "pyproject.toml"):
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    command = [*build, "--wheel-dir", str(wheels), str(source)]
    subprocess.run(command, check=True, capture_output=True, env={**_plain(), **environment})
    (wheel,) = wheels.glob("ralm-*.whl")
    return wheel


def wheel_environment(folder: Path) -> Path:
    """Build the wheel and install it in `<folder>/environment`.

    What the package depends on is taken from this environment; the package itself comes from the wheel.
    """
    wheel = built_wheel(folder / "source", folder)
    made = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(made)], check=True, env=_plain())
    install = [made / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(install, check=True, env=_plain())
    (packages,) = (made / "lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return made


def _plain() -> dict[str, str]:
    """With this checkout on Python's path, pip would take the package for installed."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
