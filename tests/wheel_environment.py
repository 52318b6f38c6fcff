"""A virtual environment with the wheel of this project: what a machine without a checkout has."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def wheel_environment(folder: Path) -> Path:
    """Build the wheel and install it in `<folder>/environment`.

    What the package depends on is taken from this environment; the package itself comes from the wheel.
    """
    # With this checkout on Python's path, pip would take the package for installed.
    plain = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    source = folder / "source"
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("ralm", "jobs", "udfs", "conf"):
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in ("setup.py", "pyproject.toml"):
        shutil.copy(ROOT / name, source)
    subprocess.run([*build, "--wheel-dir", str(folder), str(source)], check=True, capture_output=True, env=plain)
    (wheel,) = folder.glob("ralm-*.whl")
    made = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(made)], check=True, env=plain)
    install = [made / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(install, check=True, env=plain)
    (packages,) = (made / "lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return made
