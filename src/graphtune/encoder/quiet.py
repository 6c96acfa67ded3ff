"""Silence for libraries that report on standard error what no user asked for."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep load reports, progress bars and advice of transformers and the hub off the terminal."""
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
    from transformers.utils import logging

    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    hub_silent = are_progress_bars_disabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    if not hub_silent:
        disable_progress_bars()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        # `disable_progress_bar` switched the hub's bars off too, and `enable_progress_bar` would switch
        # them on: both are put back as they were.
        if bar:
            logging.enable_progress_bar()
        (disable_progress_bars if hub_silent else enable_progress_bars)()


@contextmanager
def serial_tokenizer() -> Iterator[None]:
    """Keep tokenizers from threads of their own: one that used several warns at every later fork."""
    name = "TOKENIZERS_PARALLELISM"
    before = os.environ.get(name)
    os.environ[name] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
