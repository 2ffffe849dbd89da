"""The systemd unit of a watch: it has its own user and access only to cameras, the network and one folder."""

from collections.abc import Iterable
from pathlib import Path

from edge_runtime.errors import TERMINATED, WRONG_USAGE

NAME = "edge-digits"
WATCHDOG_SECONDS = 10  # seconds without a notification until the process is killed
HOMES = (Path("/home"), Path("/root"), Path("/run/user"))

# SIGKILL also ends a stopped process. The configuration may contain a password: it is readable only by root and, as a
# credential, by the service. The service is not restarted after wrong usage, such as an invalid configuration.
TEMPLATE = """\
[Unit]
Description=Read digits in front of a camera (edge-digits watch)
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={python} -m edge_runtime watch --wait --config %d/watch.toml
LoadCredential=watch.toml:{config}
EnvironmentFile=-{environment}
Environment=PYTHONDONTWRITEBYTECODE=1
WorkingDirectory=%S/{name}
WatchdogSec={watchdog}
WatchdogSignal=SIGKILL
Restart=always
RestartSec=1
RestartPreventExitStatus={usage}
SuccessExitStatus={terminated}
TimeoutStartSec=600
TimeoutStopSec=10
OOMPolicy=stop
MemoryMax={memory}
TasksMax=64

DynamicUser=yes
User={name}
SupplementaryGroups=video
StateDirectory={name}
StateDirectoryMode=0750
UMask=0077

ProtectSystem=strict
ProtectHome=tmpfs
{binds}PrivateMounts=yes
PrivateTmp=yes
DevicePolicy=closed
DeviceAllow=char-video4linux rw
DeviceAllow=char-media rw
DeviceAllow=char-dma_heap rw
ProtectProc=invisible
ProcSubset=all
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
PrivateUsers=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
LockPersonality=yes
MemoryDenyWriteExecute=yes
NoNewPrivileges=yes
RemoveIPC=yes
KeyringMode=private
CapabilityBoundingSet=
AmbientCapabilities=
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""


def render_unit(python: Path, prefixes: Iterable[Path], config: Path, environment: Path, memory: str) -> str:
    """Return the text of the unit.

    python: interpreter with this package. prefixes: folders that it needs; home folders are hidden from the service, so
    prefixes in them are mounted read-only. config: TOML file. environment: optional file of NAME=value lines. memory:
    memory limit in systemd's format.
    """
    shown = sorted({path for path in prefixes if any(path.is_relative_to(home) for home in HOMES)})
    return TEMPLATE.format(
        python=_quote(python),
        config=_escape(config),
        environment=_escape(environment),
        name=NAME,
        watchdog=WATCHDOG_SECONDS,
        usage=WRONG_USAGE,
        terminated=TERMINATED,
        memory=memory,
        binds="".join(f"BindReadOnlyPaths={_quote(path)}\n" for path in shown),
    )


def _escape(path: Path) -> str:
    return str(path).replace("%", "%%")


def _quote(path: Path) -> str:
    """Quote a path as one word for systemd. `$` needs no quoting in a path."""
    text = _escape(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"' if any(each in text for each in " '\"\\;") else text
