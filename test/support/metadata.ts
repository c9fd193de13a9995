/** What src/app.ts loads first, for tests that load something else first. */
import "reflect-metadata";
