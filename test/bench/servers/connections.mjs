/**
 * The ten connections of a server over postgres.js: the driver's own pool, as its users have it; or, where CONNECTIONS is `each`, a
 * client for each connection, as Postern has it, because the driver's pool gets slower with every query.
 */
import postgres from "postgres";

const open = (max) => postgres(process.env.DATABASE_URL, { max, fetch_types: false });
const connections = (process.env.CONNECTIONS === "each" ? Array(10).fill(1) : [10]).map((max) => ({
  sql: open(max),
  load: 0,
}));

/** @param send given the client with the least to do @returns what that answers */
export function onIdlest(send) {
  let found = connections[0];
  for (const connection of connections) if (connection.load < found.load) found = connection;
  found.load += 1;
  return send(found.sql).finally(() => {
    found.load -= 1;
  });
}
