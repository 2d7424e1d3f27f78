"""`python -m bench [NAME...]`: runs the programs of this folder one after the other, each on its own."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

PROGRAMS = ("startup", "proxy", "unified", "changes", "memory", "expressions", "jobs")


def main() -> int:
    unknown = [name for name in sys.argv[1:] if name not in PROGRAMS]
    if unknown:
        print(f"no such measurement: {', '.join(unknown)}; one of {', '.join(PROGRAMS)}", file=sys.stderr)
        return 2
    failed = []
    for name in sys.argv[1:] or PROGRAMS:
        if importlib.util.find_spec(f"bench.{name}") is None:
            continue
        print(f"\n=== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode:
            failed.append(name)
    print(f"\n{'FAIL: ' + ', '.join(failed) if failed else 'PASS'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
