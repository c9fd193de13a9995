/** Parts start in order and stop in reverse, whatever fails on the way. */
import { expect, it } from "vitest";
import { startInOrder } from "../../src/start-in-order.js";

function parts(fails: Readonly<Record<string, string>> = {}) {
  const seen: string[] = [];
  const does = async (what: string) => {
    seen.push(what);
    if (fails[what]) throw new Error(fails[what]);
  };
  const part = (name: string) => ({ start: () => does(`start ${name}`), stop: () => does(`stop ${name}`) });
  return { seen, all: startInOrder([part("a"), {}, part("b"), part("c")], () => does("close")) };
}

it("starts in order, and stops in reverse", async () => {
  const { seen, all } = parts();
  await all.start();
  await all.stop();
  expect(seen).toEqual(["start a", "start b", "start c", "stop c", "stop b", "stop a", "close"]);
});

it("stops what has failed half-way, and what came before it", async () => {
  const { seen, all } = parts({ "start b": "broken" });
  await expect(all.start()).rejects.toThrow("broken");
  await all.stop();
  expect(seen).toEqual(["start a", "start b", "stop b", "stop a", "close"]);
});

it("stops everything although one stop fails, and then tells the first fault", async () => {
  const { seen, all } = parts({ "stop c": "first", "stop a": "second" });
  await all.start();
  await expect(all.stop()).rejects.toThrow("first");
  expect(seen.slice(3)).toEqual(["stop c", "stop b", "stop a", "close"]);
});

it("starts nothing after a stop that came meanwhile", async () => {
  const { seen, all } = parts();
  const starting = all.start();
  await all.stop();
  await expect(starting).rejects.toThrow("stopped before everything had started");
  expect(seen).toEqual(["start a", "stop a", "close"]);
});
