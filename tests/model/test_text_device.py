"""Steps of texts on another device than the one their task is kept on."""

from dataclasses import replace

import pytest
import torch

from text_tasks import small_text_task

META = torch.device("meta")  # a device that every machine has beside its processor


@pytest.mark.parametrize("frozen", [0, 2])
def test_a_step_goes_to_the_tasks_device_and_the_task_stays(frozen):
    task = small_text_task(frozen, teacher=True)
    task = replace(task, weights=torch.rand(len(task.labels)))
    rows = torch.tensor([3, 0, 5])
    here, there = task.batch(rows), replace(task, device=META).batch(rows)
    for name in ("given", "mask", "labels", "weights", "targets"):
        one, other = getattr(here, name), getattr(there, name)
        assert one.device.type == "cpu"
        assert other.device == META
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
    assert torch.equal(there.rows, rows)
    assert replace(task, device=META).held[0].device.type == "cpu"
    assert replace(task, device=META).digest() == task.digest()
