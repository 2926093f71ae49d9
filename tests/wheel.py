"""Run elmarc from its wheel, in a folder without its source: `make wheel` calls it.

The environment that it is given has nothing but the wheel. The packages that elmarc needs are those of the
environment that this script runs in, behind the wheel on the path, so that nothing is installed twice.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

PACKAGE_DATA = (
    "py.typed",
    "datasets/splits/*",
    "reports/assets/*",
    "reports/data/*",
    "reports/templates/*",
)  # what users need besides modules
ASKS = """
import json, elmarc
from importlib.resources import files
root = files("elmarc")
found = {pattern: len(list(root.glob(pattern))) for pattern in PATTERNS}
print(json.dumps({"file": elmarc.__file__, "found": found}))
"""
RANK = ("rank", "toy", "--networks", "temporal", "--classifiers", "ridge", "--seeds", "1", "--quiet")


def main(environment: Path) -> int:
    """Check package data, then rank, report and predict from the wheel; return the exit code."""
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    scripts = environment / "bin"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asks = ASKS.replace("PATTERNS", repr(PACKAGE_DATA))
        said = json.loads(run(folder, scripts / "python", "-I", "-c", asks))
        source = Path(__file__).resolve().parents[1] / "src" / "elmarc"
        for pattern, n_found in said["found"].items():
            n_there = len([path for path in source.glob(pattern) if path.is_file()])
            assert n_found == n_there > 0, f"the wheel holds {n_found} of {n_there} files {pattern}"
        assert Path(said["file"]).is_relative_to(packages), f"{said['file']} is not the wheel's"
        run(folder, scripts / "elmarc", *RANK, "-o", "ranked", "--store", "store")
        run(folder, scripts / "elmarc", "report", "ranked", "-o", "report.html")
        assert (folder / "ranked" / "ranking.json").exists()
        assert (folder / "report.html").stat().st_size > 10_000
    print("the wheel ranks and reports from outside the source")
    return 0


def run(folder: Path, *words: object) -> str:
    """Run a command and return what it printed; end where it fails."""
    done = subprocess.run(
        [str(word) for word in words], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"{words}: exit code {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute()))
