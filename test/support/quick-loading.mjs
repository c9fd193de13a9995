/**
 * Loaded into each Node that tests start. Node reads the package.json of drizzle-orm, which is long, again for each of its modules, and
 * looks for one in each folder of Postern: that is a third of a start. What it loads is the same.
 */
import { registerHooks } from "node:module";

const OF_MODULES = /\/(dist|node_modules\/drizzle-orm)\//;

registerHooks({
  resolve(specifier, context, next) {
    const { parentURL } = context;
    if (parentURL && OF_MODULES.test(parentURL) && /^\.{1,2}\/.*\.js$/.test(specifier))
      return { url: new URL(specifier, parentURL).href, format: "module", shortCircuit: true };
    return next(specifier, context);
  },
});
