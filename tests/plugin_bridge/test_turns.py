from math import ceil
from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from plugin_bridge.turns import INTERACTIVE_RUN, Turns
from scene_schema.priority import Priority

CLIENTS = ("ann", "bob", "cid")


def turns_of(*jobs: tuple[str, str, Priority], interactive_run: int = INTERACTIVE_RUN) -> Turns:
    turns = Turns(interactive_run)
    for job, client, priority in jobs:
        turns.join(job, client, priority)
    return turns


def test_one_client_is_served_in_the_order_of_asking() -> None:
    turns = turns_of(*((name, "ann", "interactive") for name in "abc"))
    assert turns.order() == ["a", "b", "c"]


def test_a_hundred_jobs_of_one_client_do_not_hold_up_anothers_one() -> None:
    turns = turns_of(*((f"ann{place}", "ann", "batch") for place in range(100)), ("bob", "bob", "batch"))
    assert turns.order()[:3] == ["ann0", "bob", "ann1"]


def test_who_had_a_turn_goes_to_the_end_and_so_does_who_comes_new() -> None:
    turns = turns_of(("a1", "ann", "batch"), ("a2", "ann", "batch"), ("b1", "bob", "batch"))
    turns.take("a1")
    turns.join("c1", "cid", "batch")
    assert turns.order() == ["b1", "a2", "c1"]


def test_interactive_goes_before_batch_but_not_for_ever() -> None:
    many: list[tuple[str, str, Priority]] = [(f"i{place}", "ann", "interactive") for place in range(5)]
    turns = turns_of(("b0", "bob", "batch"), ("b1", "bob", "batch"), *many, interactive_run=2)
    assert turns.order() == ["i0", "i1", "b0", "i2", "i3", "b1", "i4"]


def test_interactive_turns_count_only_while_batch_waits() -> None:
    turns = turns_of(*((f"i{place}", "ann", "interactive") for place in range(4)), interactive_run=2)
    turns.take("i0")
    turns.take("i1")
    turns.join("b", "bob", "batch")
    assert turns.order() == ["i2", "i3", "b"]


def test_a_newer_edit_takes_the_place_of_the_older_one_within_its_class() -> None:
    turns = turns_of(("a", "ann", "interactive"), ("b", "ann", "interactive"))
    turns.replace("a", "new", "ann", "interactive")
    assert turns.order() == ["new", "b"]
    turns.replace("new", "slow", "ann", "batch")
    assert turns.order() == ["b", "slow"]
    turns.replace("slow", "quick", "bob", "interactive")
    assert turns.order() == ["b", "quick"]


def test_what_had_its_turn_in_vain_is_before_all_others() -> None:
    turns = turns_of(("a", "ann", "batch"), ("b", "bob", "interactive"))
    place = turns.take("a")
    turns.put_back("a", place)
    assert turns.order() == ["a", "b"]
    assert turns.take("a") == ("ann", "batch")
    assert turns.order() == ["b"]


def test_counts_by_client_and_class() -> None:
    turns = turns_of(("a", "ann", "batch"), ("b", "bob", "batch"), ("c", "ann", "interactive"))
    assert (turns.count(), turns.count(client="ann"), turns.count(priority="batch")) == (3, 2, 2)
    assert turns.count(client="ann", priority="batch") == 1


_jobs = st.lists(st.tuples(st.sampled_from(CLIENTS), st.sampled_from(get_args(Priority))), max_size=30)


@given(_jobs, st.integers(1, 4))
@settings(max_examples=200, deadline=None)
def test_the_order_told_is_the_order_kept(asked: list[tuple[str, Priority]], interactive_run: int) -> None:
    """Where nothing else comes, every job has its turn at the place that was told when it began to wait."""
    named = [(f"job{place}", client, priority) for place, (client, priority) in enumerate(asked)]
    turns = turns_of(*named, interactive_run=interactive_run)
    told = list(turns.order())
    assert sorted(told) == sorted(name for name, *_ in named)
    for job in told:
        assert turns.order()[0] == job
        turns.take(job)
    assert turns.order() == []


class NobodyStarves(RuleBasedStateMachine):
    """Whoever comes, leaves or asks for more: a job has its turn within a number of turns known when it came.

    The k-th job of a client in its class waits for k rounds of all clients in that class, and batch
    for a run of interactive turns before each of those.
    """

    def __init__(self) -> None:
        super().__init__()
        self.turns = Turns(interactive_run=3)
        self.jobs = 0
        self.turns_left: dict[str, int] = {}

    @rule(client=st.sampled_from(CLIENTS), priority=st.sampled_from(get_args(Priority)), by=st.integers(1, 4))
    def join(self, client: str, priority: Priority, by: int) -> None:
        for _ in range(by):
            self.jobs += 1
            job = f"job{self.jobs}"
            self.turns.join(job, client, priority)
            own = self.turns.count(client=client, priority=priority) * len(CLIENTS)
            others = own * 3 + 3 if priority == "batch" else ceil(own / 3) + 1
            self.turns_left[job] = own + others

    @precondition(lambda self: self.turns_left)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(sorted(self.turns_left)))
        self.turns.leave(job)
        del self.turns_left[job]

    @precondition(lambda self: self.turns_left)
    @rule(data=st.data(), client=st.sampled_from(CLIENTS), priority=st.sampled_from(get_args(Priority)))
    def replace(self, data: st.DataObject, client: str, priority: Priority) -> None:
        old = data.draw(st.sampled_from(sorted(self.turns_left)))
        same = self.turns.place(old) == (client, priority)
        self.jobs += 1
        new, left = f"job{self.jobs}", self.turns_left.pop(old)
        self.turns.replace(old, new, client, priority)
        if same:
            self.turns_left[new] = left
        else:
            own = self.turns.count(client=client, priority=priority) * len(CLIENTS)
            self.turns_left[new] = own + (own * 3 + 3 if priority == "batch" else ceil(own / 3) + 1)

    @precondition(lambda self: self.turns_left)
    @rule(by=st.integers(1, 6))
    def take(self, by: int) -> None:
        for _ in range(min(by, len(self.turns_left))):
            job = self.turns.order()[0]
            self.turns.take(job)
            del self.turns_left[job]
            self.turns_left = {one: left - 1 for one, left in self.turns_left.items()}

    @invariant()
    def everybody_has_a_turn_in_time(self) -> None:
        assert all(left > 0 for left in self.turns_left.values()), self.turns_left

    @invariant()
    def all_that_wait_are_in_the_order(self) -> None:
        assert sorted(self.turns.order()) == sorted(self.turns_left)


TestNobodyStarves = NobodyStarves.TestCase
TestNobodyStarves.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
