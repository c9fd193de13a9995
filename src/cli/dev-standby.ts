/** What `npm run dev` loads into the next Postern before its turn: the packages whose loading takes half of a start. */
import "reflect-metadata";
import "@apollo/server";
import "drizzle-orm/postgres-js";
import "graphql-scalars";
import "jose";
import "type-graphql";
import "zod";

/** Whoever started this has ended, so that its turn never comes. */
const onDisconnect = () => process.exit();
process.once("disconnect", onDisconnect);
if (!process.connected) onDisconnect();
await new Promise((resolve) => process.once("message", resolve));
process.off("disconnect", onDisconnect);
