"""The settings of a host's worker, as the file that systemd reads them from: `/etc/mosaic/worker.env`.

Values stand in single quotes, which systemd and a shell read alike (systemd.exec, EnvironmentFile=). None holds one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack

from infra.named_data import pools_setting

if TYPE_CHECKING:
    from infra.configuration import Configuration
    from infra.named_data import NamedData
    from infra.settings.hosts import HostSettings
    from infra.settings.pools import PoolSettings

PRESETS = "/opt/mosaic/current/presets"


def worker_environment(configuration: Configuration, pool: PoolSettings, host: HostSettings, data: NamedData) -> str:
    """The text of the file."""
    told = data.common | {
        "MOSAIC_QUEUE_URLS": data.queue_urls(data.queues_of_worker(pool.name)),
        "MOSAIC_POOL": pool.name,
        "MOSAIC_POOLS": pools_setting([pool]),  # that of its own pool is all that it looks at
        "MOSAIC_ENGINE": f"polqa:{PRESETS}/{pool.name}.toml" if pool.preset else pool.engine,
        "MOSAIC_HOST": host.name,
        "MOSAIC_SEATS": str(host.seats),
        "MOSAIC_LOG_GROUP": log_group_of(configuration),
        "MOSAIC_METRICS_NAMESPACE": configuration.metrics_namespace,
        "AWS_DEFAULT_REGION": Stack.of(data.scope).region,
    }
    told |= {f"MOSAIC_{name}": value for name, value in host.settings.items()}
    return "".join(f"{name}='{value}'\n" for name, value in told.items())


def log_group_of(configuration: Configuration) -> str:
    """The log group of every worker."""
    return f"/mosaic/{configuration.stage}/worker"
