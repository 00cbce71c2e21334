"""A service of the mail system that does as the test says, in the place of the true one."""
import contextlib

from support.server import Server


class _Fake(Server):
    def __init__(self, path, act):
        self._act = act
        super().__init__(path, backlog=20)

    def _serve(self, client):
        with contextlib.suppress(OSError), client:
            self._act(client)


@contextlib.contextmanager
def fake(mta, name, act):
    """private/name does act(connection) with each client; a socket that was there is put aside, and back."""
    path = mta.queue / "private" / name
    kept = path.with_name(name + ".kept")
    if path.exists():
        path.rename(kept)
    try:
        with _Fake(path, act):
            yield
    finally:
        path.unlink(missing_ok=True)
        if kept.exists():
            kept.rename(path)
