from kinetoscope.training.progress import tracked


def test_writes_nothing_where_there_is_no_terminal(capfd):
    with tracked("counting", 3, shown=True) as advance:
        for number in range(3):
            advance(what=f"counting {number}", said="so far")
    assert capfd.readouterr() == ("", "")


def test_says_how_far_it_is_on_a_terminal(capfd, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    with tracked("counting", 3, shown=True, done=1) as advance:
        advance(what="still counting", said="loss 0.5")
    shown = capfd.readouterr().err
    assert "still counting" in shown
    assert "2/3" in shown
    assert "loss 0.5" in shown
