"""Gives an instance the table types that Debian has in packages of their own."""
import os
import time

from support import oracle

PLUGINS = {"lmdb": "lmdb postfix-lmdb.so dict_lmdb_open mkmap_lmdb_open",
           "cdb": "cdb postfix-cdb.so dict_cdb_open mkmap_cdb_open", "pcre": "pcre postfix-pcre.so dict_pcre_open"}
BUILT = ("hash", "btree", "lmdb", "cdb")


def offer(instance, settings):
    """Adds the types, and settings to main.cf in place of those of the same names."""
    plugins = instance.root / "plugins"
    plugins.mkdir()
    for name in PLUGINS:
        (plugins / f"postfix-{name}.so").symlink_to(oracle.tree() / f"usr/lib/postfix/postfix-{name}.so")
    (instance.conf / "dynamicmaps.cf").write_text("\n".join(PLUGINS.values()) + "\n")
    settings = {"shlib_directory": plugins, **settings}
    path = instance.conf / "main.cf"
    lines = [line for line in path.read_text().splitlines() if line.split(" ")[0] not in settings]
    path.write_text("\n".join(lines + [f"{name} = {value}" for name, value in settings.items()]) + "\n")
    past = time.time() - 1000
    os.utime(path, (past, past))
