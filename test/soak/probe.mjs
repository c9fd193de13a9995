/** Loaded into Postern's process before it: once a second it writes down how much memory it has and how long its event loop stood still. */
import { appendFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";

const EVERY_MS = 1000;
const RESOLUTION_MS = 10;
const MEBIBYTE = 1_048_576;

const stalls = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
stalls.enable();
setInterval(() => {
  const { rss, heapUsed } = process.memoryUsage();
  const line = { atMs: Date.now(), rssMiB: rss / MEBIBYTE, heapMiB: heapUsed / MEBIBYTE };
  // What is beyond the resolution is a stall.
  const stallMs = Math.max(0, stalls.max / 1e6 - RESOLUTION_MS);
  stalls.reset();
  appendFileSync(process.env.PROBE_FILE, `${JSON.stringify({ ...line, stallMs })}\n`);
}, EVERY_MS).unref();
