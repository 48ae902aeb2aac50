"""What listens in place of a trained network computes the same."""

import pytest
import torch
from segue.plugins.score.chord_fold import FoldedChordNet
from segue.plugins.score.chord_net import CHANNELS, ChordNet
from segue.plugins.score.recurrence import Recurrence
from torch import nn


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(("rows", "steps"), [(1, 1), (3, 50), (20, 7)])
def test_both_directions_at_once_are_those_of_a_gru(layers, rows, steps):
    torch.manual_seed(0)
    gru = nn.GRU(8, 6, layers, batch_first=True, bidirectional=True)
    notes = 3 * torch.randn(rows, steps, 8)
    with torch.inference_mode():
        found = Recurrence(gru)(notes)[0]
        torch.testing.assert_close(found, gru(notes)[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("cells", [1, 63, 64, 65, 200])
def test_chords_by_frequencies_are_those_of_the_network(cells):
    torch.manual_seed(cells)
    net = ChordNet().eval()
    features = torch.rand(1, CHANNELS, cells, 12)
    with torch.inference_mode():
        torch.testing.assert_close(FoldedChordNet(net)(features), net(features), rtol=0, atol=1e-4)
