# Two images of one build: `docker build --target functions .` and `docker build --target replicator .`
# `npm run check:images` does the same without Docker, as far as that goes (docs/operations.md).

FROM node:22.23.3-bookworm-slim AS build
WORKDIR /build
# The packages first: they change less often than the sources, and this layer is kept until they do.
COPY package.json package-lock.json .npmrc ./
RUN npm ci --include=dev --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build.mjs scripts/
COPY web/ web/
COPY shared/ shared/
COPY activities/ activities/
COPY orchestrators/ orchestrators/
COPY functions/ functions/
COPY replicator/ replicator/
RUN node scripts/build.mjs

# Only what runs: no compiler, no tests, and not what the command line alone needs.
FROM node:22.23.3-bookworm-slim AS packages
WORKDIR /packages
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts
RUN npm uninstall --no-save --omit=dev --omit=optional --ignore-scripts azurite commander

FROM mcr.microsoft.com/azure-functions/node:4-node22 AS functions
# pg_dump has to be at least as new as every source: the newest of PGDG, whatever Debian has.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl \
    && install -d /usr/share/postgresql-common/pgdg \
    && curl --fail --silent --show-error --output /usr/share/postgresql-common/pgdg/apt.postgresql.org.asc \
        https://www.postgresql.org/media/keys/ACCC4CF8.asc \
    && . /etc/os-release \
    && echo "deb [signed-by=/usr/share/postgresql-common/pgdg/apt.postgresql.org.asc] https://apt.postgresql.org/pub/repos/apt ${VERSION_CODENAME}-pgdg main" \
        > /etc/apt/sources.list.d/pgdg.list \
    && apt-get update \
    && apt-get install -y --no-install-recommends postgresql-client \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/*
ENV AzureWebJobsScriptRoot=/home/site/wwwroot \
    AzureFunctionsJobHost__Logging__Console__IsEnabled=true \
    NODE_ENV=production
WORKDIR /home/site/wwwroot
COPY --from=packages /packages/node_modules/ node_modules/
COPY package.json host.json ./
COPY --from=build /build/dist/ dist/
# The base image's host listens on port 80 and runs as its own user; the platform's probes ask /health.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD curl --fail --silent --output /dev/null http://127.0.0.1:80/health || exit 1

FROM node:22.23.3-bookworm-slim AS replicator
ENV NODE_ENV=production \
    PGMOVE_METRICS_PORT=8080 \
    PGMOVE_METRICS_ADDRESS=0.0.0.0
WORKDIR /app
COPY --from=packages /packages/node_modules/ node_modules/
COPY package.json ./
COPY --from=build /build/dist/shared/ dist/shared/
COPY --from=build /build/dist/replicator/ dist/replicator/
USER node
EXPOSE 8080
# The replicator gives its sessions back on SIGTERM; ten minutes are what Container Apps allow for it.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=4 \
    CMD ["node", "-e", "fetch('http://127.0.0.1:8080/health').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Node itself, not npm: npm would not pass the signal on.
CMD ["node", "--max-semi-space-size=32", "dist/replicator/main.js"]
