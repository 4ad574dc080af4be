import pytest

from plugin_bridge.leases import LEASES, Leases
from scene_schema.errors import Refused


def test_who_is_silent_for_the_lease_is_gone_once() -> None:
    leases = Leases(10.0)
    leases.grant("ann", 0.0)
    assert leases.next_s() == 10.0
    assert leases.gone(9.9) == []
    assert leases.gone(10.0) == ["ann"]
    assert leases.gone(99.0) == [] and leases.next_s() is None


def test_whatever_a_client_sends_renews_its_lease_and_gives_it_none() -> None:
    leases = Leases(10.0)
    leases.grant("ann", 0.0)
    leases.heard("ann", 7.0)
    leases.heard("bob", 7.0)
    assert leases.gone(16.9) == []
    assert leases.gone(17.0) == ["ann"]


def test_an_open_connection_is_a_sign_of_life() -> None:
    leases = Leases(10.0)
    leases.grant("ann", 0.0)
    leases.connected("ann")
    leases.connected("ann")
    assert leases.gone(1000.0) == [] and leases.next_s() is None
    leases.disconnected("ann", 1000.0)
    assert leases.gone(2000.0) == [], "the other one stands"
    leases.disconnected("ann", 2000.0)
    assert leases.next_s() == 2010.0
    leases.connected("ann")
    assert leases.gone(3000.0) == [], "back in time"
    leases.disconnected("ann", 3000.0)
    assert leases.gone(3010.0) == ["ann"]


def test_a_lease_is_given_back() -> None:
    leases = Leases(10.0)
    leases.grant("ann", 0.0)
    leases.end("ann")
    leases.end("bob")
    assert leases.gone(99.0) == []


def test_the_next_to_go_is_the_one_longest_silent() -> None:
    leases = Leases(10.0)
    for place, name in enumerate("abc"):
        leases.grant(name, float(place))
    leases.heard("a", 5.0)
    assert leases.next_s() == 11.0
    assert leases.gone(12.5) == ["b", "c"]


def test_names_are_bounded() -> None:
    leases = Leases(10.0)
    for place in range(LEASES):
        leases.grant(f"client{place}", 0.0)
    leases.grant("client1", 1.0)
    with pytest.raises(Refused) as refused:
        leases.grant("one more", 1.0)
    assert refused.value.code == "too_large"
