"""What makes Home Assistant show a watch by itself: MQTT discovery.

Each entity is announced by a retained message on PREFIX/COMPONENT/DEVICE/ENTITY/config, in the form that Home
Assistant's MQTT integration documents.
"""

import hashlib
import re
from typing import Any

from edge_runtime.versions import versions

ONLINE, OFFLINE = "online", "offline"  # on the availability topic, as Home Assistant expects them by default

Config = dict[str, Any]


def discovery(prefix: str, topic: str) -> dict[str, Config]:
    """Return what announces a watch, by topic. topic: where its readings go; the other topics lie below it."""
    device = _device_id(topic)
    sensors: dict[str, Config] = {
        "reading": {
            "name": "Reading",
            "value_template": "{{ value_json.text | replace('\\n', ' ') }}",
            "json_attributes_topic": topic,
            "icon": "mdi:counter",
        },
        "confidence": {
            "name": "Confidence",
            "value_template": "{{ (value_json.confidence * 100) | round(1) }}",
            "unit_of_measurement": "%",
            "state_class": "measurement",
        },
        "age": {
            "name": "Age at decision",
            "value_template": "{{ value_json.age }}",
            "unit_of_measurement": "s",
            "device_class": "duration",
        },
        "time": {
            "name": "Last change",
            "value_template": "{{ value_json.time }}",
            "device_class": "timestamp",
        },
    }
    found = {f"sensor/{device}/{name}": {"state_topic": topic, **sensor} for name, sensor in sensors.items()}
    for name in ("confidence", "age", "time"):
        found[f"sensor/{device}/{name}"]["entity_category"] = "diagnostic"
    for name in ("pause", "resume", "snapshot"):
        button = {"name": name.capitalize(), "command_topic": f"{topic}/command", "payload_press": name}
        found[f"button/{device}/{name}"] = button
    found[f"image/{device}/picture"] = {
        "name": "Picture",
        "image_topic": f"{topic}/picture",
        "content_type": "image/jpeg",
    }
    version = versions("edge-digits")["edge-digits"]
    shared: Config = {
        "availability_topic": f"{topic}/availability",
        "device": {"identifiers": [device], "name": topic, "manufacturer": "edge-digits", "sw_version": version},
        "origin": {"name": "edge-digits", "sw_version": version},
    }
    return {
        f"{prefix}/{place}/config": {"unique_id": "_".join(place.split("/")[1:]), **config, **shared}
        for place, config in found.items()
    }


def _device_id(topic: str) -> str:
    """The same for the same topic, and of letters that may stand in a discovery topic."""
    return f"edge_digits_{re.sub(r'[^A-Za-z0-9]+', '_', topic)}_{hashlib.sha256(topic.encode()).hexdigest()[:6]}"
