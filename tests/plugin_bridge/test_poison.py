from plugin_bridge.poison import KEPT, Poison


def test_a_sound_that_was_set_aside_says_what_to_do() -> None:
    poison = Poison()
    assert poison.failure("7a4e") is None
    poison.add("7a4e", "was ended by SIGSEGV")
    failure = poison.failure("7a4e")
    assert failure is not None
    assert failure.code == "set_aside"
    assert "SIGSEGV" in failure.message
    assert "seed" in failure.remedy and "start the engine anew" in failure.remedy
    assert poison.failure("another") is None


def test_it_is_bounded_and_forgets_the_oldest() -> None:
    poison = Poison()
    for number in range(KEPT + 1):
        poison.add(str(number), "was ended by SIGKILL")
    assert poison.failure("0") is None
    assert poison.failure("1") is not None
