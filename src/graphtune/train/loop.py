"""The one training loop: it walks through a strategy's phases.

Optimiser: AdamW (Loshchilov & Hutter, ICLR 2019, arXiv:1711.05101).
"""

from collections.abc import Generator
from pathlib import Path

import torch
from torch import nn

from graphtune.errors import TrainError
from graphtune.model import Problem
from graphtune.phase import Phase
from graphtune.strategy.strategy import Strategy
from graphtune.train.checkpoint import Checkpoints
from graphtune.train.halt import Halt
from graphtune.train.history import History, PhaseHistory
from graphtune.train.phase_loop import PhaseLoop, Surroundings, named
from graphtune.train.settings import Training
from graphtune.train.tensorboard import Board
from graphtune.train.weights import fingerprint, live, put


def train(
    strategy: Strategy,
    model: nn.Module,
    task: Problem,
    settings: Training,
    *,
    seed: int,
    into: Path | None = None,
    resume: bool = False,
    deadline: float | None = None,
) -> History:
    """Train ``model`` in place and leave it in evaluation mode.

    Where there are validation rows, a phase ends when their mean cross-entropy has not improved for
    ``settings.patience`` epochs (at equal cross-entropy, a higher accuracy counts as better), and the weights
    of the best epoch are kept. Without them it runs all its epochs and keeps the last weights.

    Equal arguments and an equal thread count give equal weights on a CPU, bit for bit, whether or not the
    training was stopped and resumed; not so where ``settings.paced`` meets a deadline. torch's default random
    generator is left as it was found.

    Args:
        strategy: what to train; a generator of phases.
        model: its parameters are changed in place; on resume it has the shape it had at the start.
        task: what there is to learn from, and the rows to train on and to validate on.
        settings: how the loop trains.
        seed: of dropout, of the order of the rows and of what the strategy draws.
        into: directory of checkpoints and ``log.jsonl``; None = nothing is written.
        resume: go on from what lies in ``into``, if there is something; else it is replaced.
        deadline: on the clock of ``time.monotonic``; training then ends after the running batch, with
            the best weights so far, and the strategy's further phases are passed over. Where
            ``settings.paced``, the running phase is whole then.

    Raises:
        TrainError: a loss or gradient is not finite (the model then holds the last good weights), there are
            no rows to train on, or what lies in ``into`` is damaged or belongs to another training.
        PlanError: a phase learns nothing, or something that is not part of the model, or the settings'
            sampler draws for fewer hops than the layers reach.
        OutputError: ``into`` cannot be written to.
        MissingExtraError: ``settings.tensorboard`` is set and TensorBoard is not installed.
        KeyboardInterrupt: the user stopped it; what lies in ``into`` can be resumed.
    """
    if not task.train.numel():
        raise TrainError("There is no labelled row to train on.", fix="label some training rows.")
    halt = Halt(deadline)
    store = Checkpoints(into, fingerprint(strategy, model, task, settings, seed)) if into else None
    board = Board(settings.tensorboard) if settings.tensorboard else None
    around = Surroundings(model, task, settings, seed, halt, store, board)
    devices = [task.device] if task.device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            if store is None:
                return _walk(strategy, around)
            with halt.listening():
                put(store.begin(live(model), resume=resume), model)
                return _walk(strategy, around)
    finally:
        model.eval()
        if board:
            board.close()


def _walk(strategy: Strategy, around: Surroundings) -> History:
    phases = strategy.phases(around.model, around.task)
    try:
        done = [_one(phase, number, around) for number, phase in enumerate(phases)]
    finally:
        # Cut short, a strategy puts right what it must before anybody looks at the model, and not when the
        # last reference to it goes.
        if isinstance(phases, Generator):
            phases.close()
    return History(tuple(done))


def _one(phase: Phase, number: int, around: Surroundings) -> PhaseHistory:
    ended = around.store.phase(number) if around.store else None
    if ended is None:
        history = PhaseLoop(phase, number, around).run()
    else:
        tensors, history = ended
        put(named(tensors, "weights."), around.model)
        torch.set_rng_state(tensors["rng"])
    # The strategy sees the model as it will be used, whether the phase was trained or read.
    around.model.eval()
    return history
