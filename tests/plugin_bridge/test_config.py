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
        ({"quiet_s": -0.1}, "$.quiet_s"),
        ({"quiet_s": float("nan")}, "$.quiet_s"),
        ({"quiet_s": 4.0}, "$.quiet_longest_s"),
        ({"quiet_longest_s": 61.0}, "$.quiet_longest_s"),
        ({"quiet_from_s": -1.0}, "$.quiet_from_s"),
        ({"waiting_jobs": 31}, "$.waiting_jobs"),
        ({"lease_s": 0.5}, "$.lease_s"),
        ({"lease_s": float("inf")}, "$.lease_s"),
    ],
)
def test_refused_by_name(options: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        BridgeConfig(**options)
    assert [finding.field for finding in refused.value.findings] == [field]


def test_the_default_folder_is_not_created() -> None:
    before = default_data_dir().exists()
    BridgeConfig()
    assert default_data_dir().exists() == before
    assert isinstance(default_data_dir(), Path)
