/**
 * Loaded into each Node that tests start. Node reads the package.json of drizzle-orm, which is long, again for each of its modules and
 * for each import of it, and looks for one in each folder of Postern: that is a third of a start. What is loaded is the same.
 */
import { registerHooks } from "node:module";

const OF_MODULES = /\/(dist|node_modules\/drizzle-orm)\//;
/** What Postern imports of packages, by name. */
const packages = new Map();

registerHooks({
  resolve(specifier, context, next) {
    const { parentURL } = context;
    if (!parentURL || !OF_MODULES.test(parentURL) || !context.conditions.includes("import"))
      return next(specifier, context);
    if (/^\.{1,2}\/.*\.js$/.test(specifier))
      return { url: new URL(specifier, parentURL).href, format: "module", shortCircuit: true };
    if (!packages.has(specifier)) packages.set(specifier, { ...next(specifier, context), shortCircuit: true });
    return packages.get(specifier);
  },
});
