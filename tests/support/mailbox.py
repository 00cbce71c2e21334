"""Reads delivered mail as the bytes that it is."""
import pathlib
import re


def read_maildir(folder):
    """The messages in new/ and cur/, as bytes, in the order of their text."""
    folder = pathlib.Path(folder)
    return sorted(p.read_bytes() for sub in ("new", "cur") if (folder / sub).is_dir()
                  for p in (folder / sub).iterdir())


def read_mbox(path):
    """The messages of an mbox, each with its From_ line."""
    path = pathlib.Path(path)
    if not path.exists():
        return []
    return [part for part in re.split(rb"(?m)^(?=From )", path.read_bytes()) if part]


def headers(message):
    """[(name, unfolded value)] of a message in bytes."""
    head = message.split(b"\n\n", 1)[0].replace(b"\r\n", b"\n")
    unfolded = re.sub(rb"\n[ \t]+", b" ", head).decode("latin-1")
    return [tuple(line.split(":", 1)) for line in unfolded.split("\n") if ":" in line]


def body(message):
    return message.split(b"\n\n", 1)[1] if b"\n\n" in message else b""
