# One image for every process: `tds migrate`, `tds broker`, `tds ingest`, `tds web`.
FROM python:3.11-slim-bookworm AS build
WORKDIR /opt/tds
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
COPY deploy/requirements.lock pyproject.toml README.md LICENSE ./
RUN python -m venv .venv && .venv/bin/pip install --require-hashes --no-deps --requirement requirements.lock
COPY app.py arguments.py cli.py cli_alarms.py cli_certificates.py cli_costs.py cli_people.py cli_recovery.py logs.py settings.py writing.py ./
COPY sql sql
COPY broker broker
COPY certs certs
COPY post post
COPY ingest ingest
COPY simulator simulator
COPY recovery recovery
COPY tds_dash tds_dash
COPY assets assets
RUN .venv/bin/pip install --no-deps --no-build-isolation --editable .

# Debian's own Mosquitto 2.0.11, with Debian's security fixes, and no other: it keeps what is queued for an ingester that is away, which
# 2.0.12 to 2.0.22 may lose. Another version has the build fail here rather than lose messages there.
FROM python:3.11-slim-bookworm
RUN apt-get update \
    && apt-get install --yes --no-install-recommends "mosquitto=2.0.11-*" \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 tds \
    && useradd --uid 10001 --gid tds --no-create-home --home-dir /var/lib/tds --shell /usr/sbin/nologin tds \
    && install -d -o tds -g tds -m 700 /var/lib/tds /var/lib/tds/pki
COPY --from=build /opt/tds /opt/tds
WORKDIR /opt/tds
ENV PATH=/opt/tds/.venv/bin:/usr/sbin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 TDS_STATE_DIR=/var/lib/tds
USER tds
ENTRYPOINT ["tds"]
CMD ["--help"]
