/** The ten connections of a server over postgres.js, used as Postern uses its own: the driver's pool gets slower with every query. */
import postgres from "postgres";

const connections = Array.from({ length: 10 }, () => ({
  sql: postgres(process.env.DATABASE_URL, { max: 1, fetch_types: false }),
  load: 0,
}));

/** @param send given the client of the connection with the least to do @returns what that answers */
export async function onIdlest(send) {
  let found = connections[0];
  for (const connection of connections) if (connection.load < found.load) found = connection;
  found.load += 1;
  try {
    return await send(found.sql);
  } finally {
    found.load -= 1;
  }
}
