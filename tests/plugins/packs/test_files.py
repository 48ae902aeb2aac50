from segue.plugins.packs.files import sources


def test_packs_that_are_at_hand_are_sources_in_the_order_asked_for(tmp_path):
    for pack in ("pop909", "jsb_chorales", "other"):
        (tmp_path / pack).mkdir()
    found = sources(tmp_path, "pop909", "openewld", "jsb_chorales")
    assert [(source.name, source.licence) for source in found] == [
        ("POP909", "MIT"),
        ("JSB chorales", "public domain"),
    ]
    assert [source.path for source in found] == [tmp_path / "pop909", tmp_path / "jsb_chorales"]
