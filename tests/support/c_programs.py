"""Programs in C that stand at the other end: compiled when they are first asked for."""
import shutil
import subprocess

from support import ROOT, Skip, check


def compiled(name, *arguments):
    """The program made of tests/support/NAME.c; what it is linked with comes behind."""
    compiler = next((c for c in ("clang-19", "clang", "cc") if shutil.which(c)), None)
    if not compiler:
        raise Skip("no C compiler")
    built, source = ROOT / "build/oracle" / name, ROOT / f"tests/support/{name}.c"
    if not built.exists() or built.stat().st_mtime < source.stat().st_mtime:
        built.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run([compiler, "-O1", source, *arguments, "-lpthread", "-o", built], capture_output=True, text=True)
        check(done.returncode == 0, lambda: f"{name} does not compile: {done.stderr}")
    return built
