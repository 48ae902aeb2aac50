"""The training loop that the networks share: one cycle of AdamW, checkpoints, TensorBoard, a progress bar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from rich.progress import Progress
from segue.plugin_api.training import Run
from segue.plugins.training import keep
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

Batch = tuple[Tensor, Tensor]


def fit(
    net: nn.Module,
    batch: Callable[[int], Batch],
    measure: Callable[[nn.Module], float],
    run: Run,
    name: str,
    *,
    steps: int,
    rate: float,
    smoothing: float = 0.0,
    every: int = 100,
) -> float:
    """Train a classifier, going on from its last checkpoint.

    Parameters
    ----------
    net
        Maps inputs to logits whose last axis is the classes.
    batch
        Step → inputs and targets; a target of -100 does not count. It must depend on the step alone, so that a run
        that was interrupted ends as one that was not.
    measure
        Accuracy on the validation part.
    run
        Where checkpoints and logs go.
    name
        Name of the network in them.
    steps, rate, smoothing, every
        Number of steps, highest learning rate, label smoothing, steps from one checkpoint to the next.

    Returns
    -------
    float
        The last accuracy on the validation part.
    """
    optimizer = torch.optim.AdamW(net.parameters(), rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    first = 0
    checkpoint = run.work / f"{name}.pt"
    if checkpoint.is_file():
        saved: dict[str, Any] = torch.load(checkpoint, weights_only=True)
        net.load_state_dict(saved["net"])
        optimizer.load_state_dict(saved["optimizer"])
        schedule.load_state_dict(saved["schedule"])
        first = int(saved["step"])
    loss_of = nn.CrossEntropyLoss(ignore_index=-100, label_smoothing=smoothing)
    accuracy = 0.0
    with SummaryWriter(str(run.work / "logs")) as log, Progress(console=run.console) as progress:
        bar = progress.add_task(name, total=steps, completed=first)
        for step in range(first, steps):
            torch.manual_seed(run.seed * 1_000_003 + step)
            net.train()
            inputs, targets = batch(step)
            loss = loss_of(net(inputs).flatten(0, -2), targets.flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            progress.advance(bar)
            done = step + 1
            if done % every == 0 or done == steps:
                state = {
                    "net": net.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "schedule": schedule.state_dict(),
                    "step": done,
                }
                keep(state, checkpoint)
                net.eval()
                accuracy = measure(net)
                log.add_scalar(f"{name}/loss", loss.item(), done)
                log.add_scalar(f"{name}/validation accuracy", accuracy, done)
                progress.update(bar, description=f"{name} {accuracy:.3f}")
    net.eval()
    return accuracy if first < steps else measure(net)
