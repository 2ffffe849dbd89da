"""What Home Assistant documents of the entities that MQTT discovery may announce, as data, and what checks it.

From the pages "MQTT sensor", "MQTT binary sensor", "MQTT button", "MQTT image" and "MQTT: discovery payload" of its
documentation (2024.8 to 2025.2): names, types and which of them exclude or require one another.
"""

import re

import jinja2

TEXT, LIST, MAP, WHOLE, BOOL, TOPIC, TEMPLATE = "text", "list", "map", "whole", "bool", "topic", "template"

COMMON = {
    "availability": LIST,
    "availability_mode": TEXT,
    "availability_template": TEMPLATE,
    "availability_topic": TOPIC,
    "device": MAP,
    "enabled_by_default": BOOL,
    "encoding": TEXT,
    "entity_category": TEXT,
    "entity_picture": TEXT,
    "icon": TEXT,
    "json_attributes_template": TEMPLATE,
    "json_attributes_topic": TOPIC,
    "name": TEXT,
    "object_id": TEXT,
    "origin": MAP,
    "payload_available": TEXT,
    "payload_not_available": TEXT,
    "qos": WHOLE,
    "unique_id": TEXT,
}
KEYS = {
    "sensor": COMMON
    | {
        "device_class": TEXT,
        "expire_after": WHOLE,
        "force_update": BOOL,
        "last_reset_value_template": TEMPLATE,
        "options": LIST,
        "state_class": TEXT,
        "state_topic": TOPIC,
        "suggested_display_precision": WHOLE,
        "unit_of_measurement": TEXT,
        "value_template": TEMPLATE,
    },
    "binary_sensor": COMMON
    | {
        "device_class": TEXT,
        "expire_after": WHOLE,
        "force_update": BOOL,
        "off_delay": WHOLE,
        "payload_off": TEXT,
        "payload_on": TEXT,
        "state_topic": TOPIC,
        "value_template": TEMPLATE,
    },
    "button": COMMON
    | {
        "command_template": TEMPLATE,
        "command_topic": TOPIC,
        "device_class": TEXT,
        "payload_press": TEXT,
        "retain": BOOL,
    },
    "image": COMMON
    | {
        "content_type": TEXT,
        "image_encoding": TEXT,
        "image_topic": TOPIC,
        "url_template": TEMPLATE,
        "url_topic": TOPIC,
    },
}
REQUIRED = {
    "sensor": {"state_topic"},
    "binary_sensor": {"state_topic"},
    "button": {"command_topic"},
    "image": {"image_topic"},
}
DEVICE = {
    "configuration_url": TEXT,
    "connections": LIST,
    "hw_version": TEXT,
    "identifiers": LIST,
    "manufacturer": TEXT,
    "model": TEXT,
    "model_id": TEXT,
    "name": TEXT,
    "serial_number": TEXT,
    "suggested_area": TEXT,
    "sw_version": TEXT,
    "via_device": TEXT,
}
ORIGIN = {"name": TEXT, "sw_version": TEXT, "support_url": TEXT}
STATE_CLASSES = {"measurement", "total", "total_increasing"}
BINARY_CLASSES = {"connectivity", "problem"}  # of some thirty, those that we use
NUMERIC = {
    "state_class",
    "unit_of_measurement",
    "suggested_display_precision",
}  # one of these, and a number is expected
CATEGORIES = {"sensor": {"diagnostic"}, "binary_sensor": {"diagnostic"}}


def check(topic, config):
    """Fail where a discovery message is not as documented."""
    _, component, device, name, last = topic.split("/")
    assert last == "config"
    assert re.fullmatch("[a-zA-Z0-9_-]+", device), "letters that a discovery topic may have"
    assert re.fullmatch("[a-zA-Z0-9_-]+", name)
    keys = KEYS[component]
    assert set(config) <= set(keys), set(config) - set(keys)
    assert set(config) >= REQUIRED[component]
    for key, value in config.items():
        _check_type(key, value, keys[key])
    assert not ({"availability", "availability_topic"} <= set(config)), "the one or the other"
    assert config.get("entity_category", "diagnostic") in CATEGORIES.get(component, {"config", "diagnostic"})
    assert config.get("state_class", "total") in STATE_CLASSES
    if component == "binary_sensor":
        assert config["device_class"] in BINARY_CLASSES
    if component == "sensor" and NUMERIC & set(config):
        assert config.get("device_class") not in ("date", "enum", "timestamp"), "these are no numbers"
    assert "unique_id" in config, "without it a device is not shown"
    assert set(config["device"]) <= set(DEVICE)
    assert config["device"]["identifiers"] or config["device"]["connections"]
    for part, known in (("device", DEVICE), ("origin", ORIGIN)):
        for key, value in config[part].items():
            _check_type(key, value, known[key])
    assert config["origin"]["name"], "required"


def _check_type(key, value, kind):
    wanted = {LIST: list, MAP: dict, WHOLE: int, BOOL: bool}.get(kind, str)
    assert type(value) is wanted, f"{key}: {value!r} is no {kind}"
    if kind == TOPIC:
        assert value and not re.search(r"[+#\0]", value), value
    if kind == TEMPLATE:
        jinja2.Environment().parse(value)


def render(template, value_json):
    """What a template makes of a payload, as Home Assistant renders it: `None` stands for an unknown state."""
    return jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(template).render(value_json=value_json)
