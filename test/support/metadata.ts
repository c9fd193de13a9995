/** What src/app.ts loads first, for tests that load something else first; and what many apps in one process had better forget. */
import "reflect-metadata";

/** Where type-graphql keeps the resolvers of all schemas, with the apps behind them. */
const OF_RESOLVERS = [
  "fieldExtensions",
  "fieldResolvers",
  "mutations",
  "params",
  "queries",
  "resolverClasses",
] as const;
type Metadata = Record<(typeof OF_RESOLVERS)[number], object[]>;

/**
 * Each schema takes longer to build than the one before, because type-graphql looks through the resolvers of all of them.
 * @returns what forgets the resolvers that came meanwhile; call it once their schema is built
 */
export function rememberMetadata(): () => void {
  const { TypeGraphQLMetadataStorage: storage } = globalThis as unknown as { TypeGraphQLMetadataStorage: Metadata };
  const lengths = OF_RESOLVERS.map((name) => storage[name].length);
  return () => {
    for (const [index, name] of OF_RESOLVERS.entries()) storage[name].length = lengths[index]!;
  };
}
