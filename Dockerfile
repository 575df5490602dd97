# A relay beside the scheduler's database: docker run -e DATABASE_URL=... ringback
FROM node:22-slim AS build
WORKDIR /app
COPY package.json package-lock.json tsconfig.json ./
RUN npm ci --ignore-scripts --omit=optional
COPY src src
RUN npm run build && npm prune --omit=dev --omit=optional

FROM node:22-slim
# A young generation of 8 MB: Node 24 would let it grow to 64 MB. Half of the threads look names up, and names may hang.
ENV NODE_ENV=production NODE_OPTIONS=--max-semi-space-size=8 UV_THREADPOOL_SIZE=64
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY sql sql
USER node
ENTRYPOINT ["node", "dist/cli.js"]
CMD ["run"]
