/** Bundles the explorer's page into dist, unless what is there was made of the same. The build runs it. */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** This file lies in src/explorer, and compiled in dist/explorer. */
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PAGE = `${ROOT}src/explorer/page`;
const BUNDLE = `${ROOT}dist/explorer/page`;
/** Is written last, so that it vouches for the files that it lists. */
const MANIFEST = `${BUNDLE}/manifest.json`;
/** The folder of the scripts and styles, as it stands in their addresses. */
const FILES = "explorer";

/** @returns a digest of everything that the bundle is made of */
function digestOfSources(): string {
  const digest = createHash("sha256").update(readFileSync(`${ROOT}src/explorer/bundle.ts`));
  for (const folder of [PAGE, `${ROOT}schema/examples`])
    for (const name of readdirSync(folder).sort()) digest.update(name).update(readFileSync(`${folder}/${name}`));
  // The packages, by their versions and contents.
  return digest.update(readFileSync(`${ROOT}package-lock.json`)).digest("hex");
}

function digestOfBundle(): string | undefined {
  try {
    return (JSON.parse(readFileSync(MANIFEST, "utf8")) as { digest?: string }).digest;
  } catch {
    return undefined;
  }
}

const digest = digestOfSources();
if (digest !== digestOfBundle()) {
  // Loading it takes longer than finding out that there is nothing to do.
  const { build } = await import("vite");
  await build({
    root: PAGE,
    configFile: false,
    logLevel: "error",
    // React as it is for use, whatever NODE_ENV says where this runs.
    define: { "process.env.NODE_ENV": JSON.stringify("production") },
    resolve: { conditions: ["module", "browser", "production"] },
    oxc: { jsx: { runtime: "automatic", development: false } },
    // Relative, so that a proxy may add a prefix.
    base: "./",
    worker: { format: "es" },
    build: {
      outDir: BUNDLE,
      emptyOutDir: true,
      assetsDir: FILES,
      // The font of icons stands in the style sheet: then all files are texts.
      assetsInlineLimit: 131_072,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
      chunkSizeWarningLimit: 8192,
    },
  });
  mkdirSync(BUNDLE, { recursive: true });
  writeFileSync(
    MANIFEST,
    JSON.stringify({ digest, files: readdirSync(`${BUNDLE}/${FILES}`).map((name) => `${FILES}/${name}`) }, null, 2),
  );
}
