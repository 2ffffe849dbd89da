"""Text files as editors on Windows, a Mac and Linux write them."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.common.text import open_text, read_text
from edge_runtime.errors import FileError

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
ENDS = ["\n", "\r\n", "\r"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("end", ENDS)
def test_a_configuration_is_read_in_any_encoding_with_any_line_ends(tmp_path, encoding, end):
    path = tmp_path / "watch.toml"
    lines = ['source = "rtsp://größe.local/日"', "seconds = 1.0", ""]
    path.write_bytes(end.join(lines).encode(encoding))
    assert read_text(path, 1000) == "\n".join(lines)
    assert tomllib.loads(read_text(path, 1000)) == {"source": "rtsp://größe.local/日", "seconds": 1.0}
    with open_text(path) as file:
        assert file.read().splitlines() == lines[:2]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff\r"), max_size=80))
def test_what_is_written_as_utf_8_is_read_as_it_is(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.txt"
    for encoding in ("utf-8", "utf-8-sig"):
        path.write_bytes(text.encode(encoding))
        assert read_text(path, 1000) == text


def test_what_cannot_be_read_is_one_line_without_the_text(tmp_path):
    path = tmp_path / "password"
    path.write_bytes("user\r\nsüß\r\n".encode("latin-1"))
    with pytest.raises(FileError, match="line 2: not valid UTF-8: save the file as UTF-8") as failure:
        read_text(path, 100)
    assert "fc" not in str(failure.value).replace(str(path), "")
    with pytest.raises(FileError, match="has over 5 bytes"):
        read_text(path, 5)
    with pytest.raises(FileError, match="cannot be read: No such file"):
        read_text(tmp_path / "none", 5)
    with pytest.raises(FileError, match="cannot be read: Is a directory"):
        open_text(tmp_path)
