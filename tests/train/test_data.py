"""Whatever the source, what comes out is MNIST or an error of one line."""

import gzip
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from train.data import mnist as data
from train.data.mnist import DataError, Mnist, load_mnist

Arrays = dict[str, np.ndarray]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder of the test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("EDGE_DIGITS_CACHE", str(folder))
    return folder


@pytest.fixture
def no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither Keras nor pip can fetch anything, and neither has anything kept."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "keras").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))


def arrays_of(mnist: Mnist) -> Arrays:
    return {
        "x_train": mnist.train_images,
        "y_train": mnist.train_labels,
        "x_test": mnist.test_images,
        "y_test": mnist.test_labels,
    }


def same(one: Mnist, other: Mnist) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(arrays_of(one).values(), arrays_of(other).values(), strict=True))


def write_idx(folder: Path, mnist: Mnist) -> list[Path]:
    """The four files under the names that are found in the wild: with a dash, with a dot, gzipped."""
    names = (
        "train-images-idx3-ubyte.gz",
        "train-labels.idx1-ubyte",
        "t10k-images.idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte",
    )
    paths = []
    for name, array in zip(names, arrays_of(mnist).values(), strict=True):
        content = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
        paths.append(folder / name)
        paths[-1].write_bytes(gzip.compress(content, 1) if name.endswith(".gz") else content)
    return paths


def test_mnist_is_whole(mnist: Mnist) -> None:
    assert mnist.train_images.shape == (60_000, 28, 28)
    assert mnist.test_images.shape == (10_000, 28, 28)
    assert {array.dtype for array in arrays_of(mnist).values()} == {np.dtype(np.uint8)}
    assert mnist.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist.test_labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


def test_one_hash_stands_for_all_four_arrays(mnist: Mnist) -> None:
    arrays = [array.copy() for array in arrays_of(mnist).values()]
    assert Mnist(*arrays).sha256 == mnist.sha256
    for array in arrays:
        array.flat[-1] ^= 1
        assert Mnist(*arrays).sha256 != mnist.sha256
        array.flat[-1] ^= 1


def test_fit_and_validation_parts_share_no_digit(mnist: Mnist) -> None:
    images, labels = (np.concatenate(parts) for parts in zip(mnist.fit_part(), mnist.validation_part(), strict=True))
    assert np.array_equal(images, mnist.train_images)
    assert np.array_equal(labels, mnist.train_labels)
    assert len(mnist.validation_part()[0]) == 10_000


def test_npz_file_is_read_and_cached(mnist: Mnist, tmp_path: Path, cache: Path, no_network: None) -> None:
    path = tmp_path / "copy.npz"
    np.savez(path, **arrays_of(mnist))
    assert same(load_mnist(path), mnist)
    path.unlink()
    assert same(load_mnist(), mnist)
    assert [file.name for file in cache.iterdir()] == ["mnist.npz"]


@pytest.mark.long("reads all of MNIST several times")
def test_idx_files_are_read_by_folder_or_by_one_of_them(mnist: Mnist, tmp_path: Path, cache: Path) -> None:
    paths = write_idx(tmp_path, mnist)
    assert same(load_mnist(tmp_path), mnist)
    assert same(load_mnist(paths[1]), mnist)


@pytest.mark.long("reads all of MNIST several times")
def test_damaged_cache_is_noticed_and_rebuilt_from_the_real_sources(
    mnist: Mnist, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.mkdir()
    arrays = arrays_of(mnist)
    arrays["x_test"] = arrays["x_test"] ^ 1
    np.savez(cache / "mnist.npz", **arrays)
    assert same(load_mnist(), mnist)
    assert "test_images differ" in caplog.text
    caplog.clear()
    assert same(load_mnist(), mnist)
    assert not caplog.records


@pytest.mark.long("reads all of MNIST several times")
def test_wheel_holds_the_same_digits(mnist: Mnist) -> None:
    assert same(data._from_wheel(), mnist)


def test_without_network_the_error_says_what_to_do(cache: Path, no_network: None) -> None:
    with pytest.raises(DataError, match=r"cannot be fetched .*--data FILE") as caught:
        load_mnist()
    assert "\n" not in str(caught.value)


def test_cache_that_cannot_be_written_is_no_failure(
    mnist: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EDGE_DIGITS_CACHE", str(tmp_path / "file" / "cache"))
    np.savez(tmp_path / "copy.npz", **arrays_of(mnist))
    assert same(load_mnist(tmp_path / "copy.npz"), mnist)
    assert "EDGE_DIGITS_CACHE" in caplog.text


@pytest.mark.parametrize("name", ["x_train", "y_train", "x_test", "y_test"])
def test_one_changed_value_is_refused(mnist: Mnist, tmp_path: Path, cache: Path, name: str) -> None:
    arrays = arrays_of(mnist)
    arrays[name] = arrays[name].copy()
    arrays[name].flat[12_345 % arrays[name].size] ^= 1
    np.savez(tmp_path / "changed.npz", **arrays)
    with pytest.raises(DataError, match="differ from MNIST's"):
        load_mnist(tmp_path / "changed.npz")
    assert not cache.exists()


def no_file(path: Path) -> None:
    """Nothing is written."""


def text(path: Path) -> None:
    path.write_text("5,0,4,1,9")


def truncated(path: Path) -> None:
    np.savez(path, x_train=np.zeros((1000, 28, 28), np.uint8))
    path.write_bytes(path.read_bytes()[:5000])


def other_names(path: Path) -> None:
    np.savez(path, images=np.zeros(3, np.uint8))


def other_shape(path: Path) -> None:
    few = np.zeros((100, 28, 28), np.uint8)
    np.savez(path, x_train=few, y_train=few[:, 0, 0], x_test=few, y_test=few[:, 0, 0])


def fractions(path: Path) -> None:
    few = np.zeros((10, 28, 28), np.float32)
    np.savez(path, x_train=few, y_train=few, x_test=few, y_test=few)


def objects(path: Path) -> None:
    few = np.array([{"pickled": True}], object)
    np.savez(path, x_train=few, y_train=few, x_test=few, y_test=few)


def bomb(path: Path) -> None:
    np.savez_compressed(path, x_train=np.zeros(100_000_000, np.uint8))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (no_file, "No such file"),
        (text, "not a zip file"),
        (truncated, "not a zip file"),
        (other_names, "has no x_test, x_train"),
        (other_shape, "60000 x 28 x 28 integers, these are uint8 100 x 28 x 28"),
        (fractions, "these are float32"),
        (objects, "allow_pickle"),
        (bomb, "unpacks to more than"),
    ],
)
def test_wrong_npz_is_refused_in_one_line(tmp_path: Path, cache: Path, write, message: str) -> None:
    path = tmp_path / "wrong.npz"
    write(path)
    with pytest.raises(DataError, match=message) as caught:
        load_mnist(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not cache.exists()


def test_wrong_idx_files_are_refused(mnist: Mnist, tmp_path: Path, cache: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        load_mnist(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no train-images-idx3-ubyte"):
        load_mnist(tmp_path)
    paths = write_idx(tmp_path, mnist)
    labels = paths[3].read_bytes()
    for wrong in (labels[:-1], labels + b"\0", labels.replace(b"\x08\x01", b"\x09\x01", 1)):
        paths[3].write_bytes(wrong)
        with pytest.raises(DataError, match="wrong header or length"):
            load_mnist(tmp_path)
    paths[3].write_bytes(labels)
    paths[0].write_bytes(b"not gzip")
    with pytest.raises(DataError, match="cannot be read"):
        load_mnist(tmp_path)


def test_a_changed_wheel_is_refused_before_it_is_opened() -> None:
    with pytest.raises(DataError, match="not the expected one"):
        data._read_wheel(b"PK\x03\x04 and so on")


def test_a_pickle_that_calls_anything_else_is_refused(tmp_path: Path) -> None:
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "owned"),)

    with (tmp_path / "attack.pkl").open("wb+") as file:
        pickle.dump(Attack(), file, 2)
        file.seek(0)
        with pytest.raises(DataError, match="refused"):
            data.ArrayUnpickler(file, encoding="bytes").load()
    assert not (tmp_path / "owned").exists()
