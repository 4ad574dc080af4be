import dataclasses
from pathlib import Path
from typing import Any

import pytest

from plugin_bridge.config import BridgeConfig, default_data_dir
from scene_schema.errors import Refused


def test_defaults_are_loopback_and_frozen() -> None:
    config = BridgeConfig()
    assert (config.host, config.request_port, config.control_port, config.event_port) == (
        "127.0.0.1",
        47710,
        47711,
        47712,
    )
    assert config.worker_threads >= 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.host = "0.0.0.0"  # type: ignore[misc]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost"])
def test_loopback_is_taken(host: str) -> None:
    assert BridgeConfig(host=host).host == host


@pytest.mark.parametrize(
    "options, field",
    [
        ({"host": "0.0.0.0"}, "$.host"),
        ({"host": "*"}, "$.host"),
        ({"host": "192.168.0.7"}, "$.host"),
        ({"host": "example.org"}, "$.host"),
        ({"request_port": -1}, "$.request_port"),
        ({"event_port": 65_536}, "$.event_port"),
        ({"worker_threads": 0}, "$.worker_threads"),
        ({"sounds_bytes": -1}, "$.sounds_bytes"),
        ({"quiet_s": -0.1}, "$.quiet_s"),
        ({"quiet_s": float("nan")}, "$.quiet_s"),
        ({"quiet_s": 4.0}, "$.quiet_longest_s"),
        ({"quiet_longest_s": 61.0}, "$.quiet_longest_s"),
        ({"quiet_from_s": -1.0}, "$.quiet_from_s"),
        ({"waiting_jobs": 31}, "$.waiting_jobs"),
        ({"lease_s": 0.5}, "$.lease_s"),
        ({"lease_s": float("inf")}, "$.lease_s"),
        ({"devices": ("gpu",)}, "$.devices"),
        ({"devices": ("cpu", "")}, "$.devices"),
        ({"devices": ()}, "$.devices"),
        ({"devices": ("cuda:0", "cuda:1"), "workers": 1}, "$.workers"),
        ({"workers": 0}, "$.workers"),
        ({"workers": 65}, "$.workers"),
        ({"keep_warm_s": 0.0}, "$.keep_warm_s"),
        ({"idle_unload_s": float("nan")}, "$.idle_unload_s"),
    ],
)
def test_refused_by_name(options: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        BridgeConfig(**options)
    assert [finding.field for finding in refused.value.findings] == [field]


@pytest.mark.parametrize(
    "options, seats",
    [
        ({}, [("auto", 5)]),
        ({"workers": 2}, [("auto", 3), ("auto", 2)]),
        ({"devices": ("cuda:0", "cuda:1")}, [("cuda:0", 3), ("cuda:1", 2)]),
        ({"devices": ("cuda:0", "cpu"), "workers": 3}, [("cuda:0", 2), ("cpu", 2), ("cuda:0", 1)]),
        ({"workers": 6}, [("auto", 1)] * 6),
    ],
)
def test_workers_take_the_devices_in_turn_and_share_the_threads(
    options: dict[str, Any], seats: list[tuple[str, int]]
) -> None:
    found = BridgeConfig(worker_threads=5, **options).seats
    assert [(one.device, one.threads) for one in found] == seats
    assert [one.number for one in found] == list(range(len(seats)))


def test_the_default_folder_is_not_created() -> None:
    before = default_data_dir().exists()
    BridgeConfig()
    assert default_data_dir().exists() == before
    assert isinstance(default_data_dir(), Path)
