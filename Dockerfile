# One image for every process: web, callworker, worker, beat, migrate. compose.yaml says who runs what.

ARG TELEPHONY=plain

FROM node:24.18.0-bookworm-slim AS frontend
WORKDIR /src/frontend
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc ./
RUN npm ci
COPY frontend/ ./
RUN npm run build

FROM python:3.11.15-slim-bookworm AS packages
# base: without the local voice, whose engine is GPL-3; piper: with it.
ARG REQUIREMENTS=piper
COPY requirements/ /requirements/
# The file names every package there has to be, each with its hashes, so there is nothing to resolve.
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --no-deps \
        --requirement "/requirements/${REQUIREMENTS}.txt"

# TELEPHONY=compiled: with a C compiler, for many calls at once (docs/operating.md); plain: as it is written.
FROM packages AS telephony-plain
COPY telephony/ /src/telephony/

FROM telephony-plain AS telephony-compiled
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/* \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --no-deps \
        --requirement /requirements/compile.txt
COPY platform/embedded/compiled.py /build/
RUN /venv/bin/python /build/compiled.py /src

FROM telephony-${TELEPHONY} AS telephony

FROM packages AS weights
COPY agents/__init__.py /src/agents/
COPY agents/providers/__init__.py /src/agents/providers/
COPY agents/providers/local/__init__.py agents/providers/local/weights.py agents/providers/local/weight_sources.py \
    /src/agents/providers/local/
WORKDIR /src
RUN WEIGHTS_DIR=/weights /venv/bin/python -c "from agents.providers.local import weights; weights.fetch(print)"

FROM python:3.11.15-slim-bookworm
RUN groupadd --system --gid 10001 parley \
    && useradd --system --uid 10001 --gid parley --home-dir /data --shell /usr/sbin/nologin parley \
    && install --directory --owner parley --group parley --mode 0750 /data
# Both source roots, before anything that is installed: platform/ is a shelf of packages, not a package.
ENV PYTHONPATH=/app:/app/platform \
    PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=config.settings \
    PARLEY_DATA_DIR=/data \
    WEIGHTS_DIR=/weights
WORKDIR /app
COPY --from=packages /venv /venv
COPY --from=weights /weights /weights
COPY manage.py ./
COPY platform/ platform/
COPY agents/ agents/
COPY --from=telephony /src/ ./
COPY knowledge/ knowledge/
COPY frontend/ frontend/
COPY --from=frontend /src/frontend/static/dist frontend/static/dist
# Collecting files reads the settings and touches no server.
RUN SECRET_KEY=build VAULT_KEY=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
    DATABASE_URL=postgresql://none@none/none VALKEY_URL=redis://none/0 \
    python manage.py collectstatic --noinput --verbosity 0 \
    && python -m compileall -q manage.py platform agents telephony knowledge frontend
USER 10001:10001
EXPOSE 8000
VOLUME ["/data"]
# Without the access log: addresses hold one-time secrets, and our own log leaves them out.
CMD ["daphne", "--verbosity", "0", "--no-server-name", "--bind", "0.0.0.0", "--port", "8000", "config.asgi:application"]
