/** PostGraphile 5 over the same tables: grafserv on node:http, the Amber preset, its own pool. */
import { createServer } from "node:http";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";

const { createServ } = postgraphile({
  extends: [PostGraphileAmberPreset],
  schema: {
    // Plain lists beside connections: they cost it less.
    defaultBehavior: "+list +resource:list",
    // As the tables' indexes are, or it would sort a whole list for each page.
    pgOrderByNullsLast: true,
  },
  pgServices: [
    makePgService({
      connectionString: process.env.DATABASE_URL,
      schemas: ["public"],
      pubsub: false,
      poolConfig: { max: 10 },
    }),
  ],
  grafserv: { watch: false, websockets: false, graphiql: false },
  grafast: { explain: false },
});
const server = createServer();
await createServ(grafserv).addTo(server);
server.listen(0, "127.0.0.1", () => console.log(`listens on http://127.0.0.1:${server.address().port}/graphql`));
// By itself, so that a profile of it is written.
process.once("SIGTERM", () => process.exit());
