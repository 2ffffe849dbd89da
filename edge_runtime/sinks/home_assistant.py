"""MQTT discovery for Home Assistant.

Each entity is announced by a retained message on PREFIX/COMPONENT/DEVICE/ENTITY/config, in the format of Home
Assistant's MQTT integration.
"""

import hashlib
import re
from typing import Any, NamedTuple

from edge_runtime.common.versions import versions

ONLINE, OFFLINE = "online", "offline"  # payloads of the availability topic, Home Assistant's defaults

STATE_CLASSES = ("measurement", "total", "total_increasing")
# Documented classes of number sensors. Home Assistant rejects entities of other classes.
DEVICE_CLASSES = (
    "absolute_humidity",
    "apparent_power",
    "aqi",
    "area",
    "atmospheric_pressure",
    "battery",
    "blood_glucose_concentration",
    "carbon_dioxide",
    "carbon_monoxide",
    "conductivity",
    "current",
    "data_rate",
    "data_size",
    "distance",
    "duration",
    "energy",
    "energy_distance",
    "energy_storage",
    "frequency",
    "gas",
    "humidity",
    "illuminance",
    "irradiance",
    "moisture",
    "monetary",
    "nitrogen_dioxide",
    "nitrogen_monoxide",
    "nitrous_oxide",
    "ozone",
    "ph",
    "pm1",
    "pm10",
    "pm25",
    "power",
    "power_factor",
    "precipitation",
    "precipitation_intensity",
    "pressure",
    "reactive_energy",
    "reactive_power",
    "signal_strength",
    "sound_pressure",
    "speed",
    "sulphur_dioxide",
    "temperature",
    "temperature_delta",
    "volatile_organic_compounds",
    "volatile_organic_compounds_parts",
    "voltage",
    "volume",
    "volume_flow_rate",
    "volume_storage",
    "water",
    "weight",
    "wind_direction",
    "wind_speed",
)

Config = dict[str, Any]


class Number(NamedTuple):
    """What a reading measures. Home Assistant shows a number if any field is set, else the text."""

    unit: str = ""  # such as m³
    device_class: str = ""  # such as water
    state_class: str = ""  # one of STATE_CLASSES
    decimals: int | None = None  # number of digits after the decimal point

    def sensor(self) -> Config:
        """Return the part of the sensor's configuration that describes its value."""
        text = "value_json.text | replace('\\n', '{}')"
        if self == Number():
            return {"value_template": f"{{{{ {text.format(' ')} }}}}", "icon": "mdi:counter"}
        value = f"{text.format('')} | int"
        if self.decimals:
            value = f"({value} / {10**self.decimals}) | round({self.decimals})"
        config: Config = {"value_template": f"{{{{ {value} if value_json.text else none }}}}"}
        known = {
            "unit_of_measurement": self.unit,
            "device_class": self.device_class,
            "state_class": self.state_class,
            "suggested_display_precision": self.decimals,
        }
        return config | {name: each for name, each in known.items() if each not in ("", None)}


def discovery(prefix: str, topic: str, number: Number | None = None) -> dict[str, Config]:
    """Return the discovery messages of a watch by topic. topic: of its readings; other topics are below it."""
    device = _device_id(topic)
    version = versions("edge-digits")["edge-digits"]
    shared: Config = {
        "device": {"identifiers": [device], "name": topic, "manufacturer": "edge-digits", "sw_version": version},
        "origin": {"name": "edge-digits", "sw_version": version},
    }
    found = {}
    for (component, name), config in (_sensors(topic, number or Number()) | _controls(topic)).items():
        available = {} if name == "camera" else {"availability_topic": f"{topic}/availability"}
        identity = {"unique_id": f"{device}_{name}"}
        found[f"{prefix}/{component}/{device}/{name}/config"] = {**identity, **config, **available, **shared}
    return found


def _sensors(topic: str, number: Number) -> dict[tuple[str, str], Config]:
    """Return the sensors of a reading, by component and name."""
    diagnostic: Config = {"state_topic": topic, "entity_category": "diagnostic"}
    return {
        ("sensor", "reading"): {
            "name": "Reading",
            "state_topic": topic,
            "json_attributes_topic": topic,
            **number.sensor(),
        },
        ("sensor", "confidence"): {
            "name": "Confidence",
            "value_template": "{{ (value_json.confidence * 100) | round(1) }}",
            "unit_of_measurement": "%",
            "state_class": "measurement",
            **diagnostic,
        },
        ("sensor", "age"): {
            "name": "Age at decision",
            "value_template": "{{ value_json.age }}",
            "unit_of_measurement": "s",
            "device_class": "duration",
            **diagnostic,
        },
        ("sensor", "time"): {
            "name": "Last change",
            "value_template": "{{ value_json.time }}",
            "device_class": "timestamp",
            **diagnostic,
        },
    }


def _controls(topic: str) -> dict[tuple[str, str], Config]:
    """Return buttons, image, problem and camera state, by component and name."""
    buttons: dict[tuple[str, str], Config] = {
        ("button", name): {"name": name.capitalize(), "command_topic": f"{topic}/command", "payload_press": name}
        for name in ("pause", "resume", "snapshot", "accept")
    }
    return buttons | {
        ("image", "image"): {
            "name": "Image",
            "image_topic": f"{topic}/image",
            "content_type": "image/jpeg",
        },
        ("binary_sensor", "problem"): {
            "name": "Problem",
            "device_class": "problem",
            "entity_category": "diagnostic",
            "state_topic": f"{topic}/problem",
            "value_template": "{{ value_json.problem }}",
            "json_attributes_topic": f"{topic}/problem",
        },
        ("binary_sensor", "camera"): {  # always available, as it explains why others are not
            "name": "Camera",
            "device_class": "connectivity",
            "entity_category": "diagnostic",
            "state_topic": f"{topic}/availability",
            "payload_on": ONLINE,
            "payload_off": OFFLINE,
        },
    }


def _device_id(topic: str) -> str:
    """Return an id for a topic that is valid in a discovery topic."""
    return f"edge_digits_{re.sub(r'[^A-Za-z0-9]+', '_', topic)}_{hashlib.sha256(topic.encode()).hexdigest()[:6]}"
