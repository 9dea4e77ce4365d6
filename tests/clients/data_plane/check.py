"""Holds a running emulator against its own OpenAPI document, with made-up calls of schemathesis.

The program is named by SIGNALR_EMULATOR_BIN. It is started as it comes: tokens are checked as strictly as Azure does.
"""

import json
import os
import pathlib
import subprocess
import sys

FOLDER = pathlib.Path(__file__).parent
PHASES = "coverage,fuzzing"
# Several times what it takes on a machine that does nothing else; a run that takes longer hangs.
PATIENCE = 500


def main():
    emulator = subprocess.Popen(
        [os.environ["SIGNALR_EMULATOR_BIN"], "start", "--port", "0", "--json", "--invocation-timeout", "5"],
        env=os.environ | {"RUST_LOG": "error"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        listening = json.loads(emulator.stdout.readline())
        return check(listening)
    finally:
        emulator.terminate()
        emulator.wait()


def check(listening):
    key = next(part for part in listening["connectionString"].split(";") if part.startswith("AccessKey="))
    settings = {
        "EMULATOR_URL": listening["url"],
        "EMULATOR_ACCESS_KEY": key.removeprefix("AccessKey="),
        "PYTHONPATH": str(FOLDER),
        "PYTHONDONTWRITEBYTECODE": "1",
        "SCHEMATHESIS_HOOKS": "hooks",
    }
    schemathesis = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(FOLDER / "schemathesis.toml")]
    run = [*schemathesis, "run", f"{listening['url']}/api/openapi.json", "--phases", PHASES]
    # It leaves notes in the folder where it runs, which is the virtual environment.
    return subprocess.run(run, cwd=sys.prefix, env=os.environ | settings, timeout=PATIENCE).returncode


if __name__ == "__main__":
    sys.exit(main())
