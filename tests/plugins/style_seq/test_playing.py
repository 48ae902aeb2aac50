import numpy as np
import pytest
from segue.music.theory import QUALITY_NAMES
from segue.plugins.style_seq.artifacts import Role
from segue.plugins.style_seq.content import SILENT
from segue.plugins.style_seq.ensemble import by_name, is_bass
from segue.plugins.style_seq.playing import in_hand

from .conftest import ask, band, item, read

MAJOR, MINOR = QUALITY_NAMES.index("maj"), QUALITY_NAMES.index("min")


def role(track: str, program: int, low: int, high: int) -> Role:
    return Role(1, track, program, False, low, high, 4.0)


def played(part: Role, pitch: list[int], root: list[int], quality: list[int], key: int = 0) -> list[int]:
    found: list[int] = in_hand(part, np.array(pitch), np.array(root), np.array(quality), key).tolist()
    return found


def test_a_drone_stays_where_it_belongs_and_else_goes_to_the_nearest_tone_of_the_chord():
    drone = role("Bass-Synthbass", 38, 52, 52)
    # Over C, D, E flat, F, G, A and B flat: in C only F, whose third lies beside it, moves it.
    roots = [0, 2, 3, 5, 7, 9, 10]
    assert played(drone, [52] * 7, roots, [MAJOR] * 7) == [52, 52, 51, 53, 52, 52, 53]
    assert played(drone, [52] * 7, roots, [MAJOR] * 7, key=3) == [52, 50, 51, 53, 50, 52, 53]  # E flat has no E


def test_a_fixed_lead_is_moved_where_it_clashes():
    lead, notes = role("Bass-Lead", 80, 64, 79), [64, 69, 72, 76, 79]
    assert played(lead, notes, [0] * 5, [MAJOR] * 5) == notes
    assert played(lead, notes, [3] * 5, [MINOR] * 5, key=15) == [63, 70, 72, 75, 78]  # its sixth alone belongs there
    assert played(lead, notes, [3] * 5, [SILENT] * 5, key=15) == notes
    assert not is_bass(lead)


def test_a_bass_stays_above_its_lowest_string():
    below = [14, 25, 26, 40]
    assert played(role("Bass", 34, 14, 48), below, [0] * 4, [MAJOR] * 4) == [26, 37, 26, 40]
    assert played(role("Bass", 0, 14, 48), below, [0] * 4, [MAJOR] * 4) == below  # a piano goes deeper


@pytest.mark.parametrize("style", ["bossanova", "salsa", "disco", "hiphop", "rock"])
def test_basses_are_played_on_basses_within_their_reach(model, networks, style):
    """Bossa nova's and salsa's stood on a guitar, disco's went down to G0, hip-hop's was an E over F too."""
    (answer,) = ask(model, item(networks, band(drums=False), style=style))
    made = read(answer)
    basses = [n for n, info in enumerate(made.tracks) if info.name.startswith("Bass-Synthb") or info.name == "Bass"]
    low = made.select(np.isin(made.track, basses))
    assert {made.tracks[track].program // 8 for track in low.track.tolist()} == {4}
    assert low.pitch.min() >= 26
    if style == "hiphop":
        over_f = (low.start + 0.1).astype(int) // 4 % 4 == 1
        assert (low.pitch[over_f] == 53).mean() > 0.9


def test_the_network_is_asked_for_the_part_that_it_learnt(model):
    roles, players = by_name(model._made, "bossanova").roles, by_name(model._made, "bossanova").players
    assert [(own.track, own.program) for own in roles if is_bass(own)] == [("Bass", 32)]
    learnt = model._made.ensembles["bossanova"]
    assert [player.low for player in players] == [own.low for own in learnt]
