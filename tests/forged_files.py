"""Files of networks taken apart and put together again, with other content, and their refusals."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Members = dict[str, bytes]
Header = dict[str, Any]


def array_file(array: Any, **options: Any) -> bytes:
    target = io.BytesIO()
    np.save(target, array, **options)
    return target.getvalue()


def read_members(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_members(path: Path, members: Members, **how: Any) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name)
            member.create_system = 3
            archive.writestr(member, content, **how)


def header_of(members: Members) -> Header:
    text = np.load(io.BytesIO(members["header.npy"]), allow_pickle=False).tobytes()
    header: Header = json.loads(text)
    return header


def sign(header: Header, members: Members) -> Members:
    """Put a header with a checksum that fits before the arrays."""
    header.pop("sha256", None)
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    arrays = {name: content for name, content in members.items() if name != "header.npy"}
    total = text + b"".join(name.encode() + content for name, content in arrays.items())
    header["sha256"] = hashlib.sha256(total).hexdigest()
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    return {"header.npy": array_file(np.frombuffer(text, np.uint8)), **arrays}


def refusal_of(load: Callable[[Path], Any], path: Path) -> str:
    """Load what must be refused by one sentence that begins with the file."""
    with pytest.raises(ValueError, match=r"^\S") as refused:
        load(path)
    sentence = str(refused.value)
    assert sentence.startswith(f"{path}: "), sentence
    assert "\n" not in sentence
    assert len(sentence) < 500
    return sentence.removeprefix(f"{path}: ")
