/** One bounded cache for everything. A user who adds much to it pushes out only their own entries. */

interface Entry {
  readonly holder: Holder;
  readonly weight: number;
  readonly drop: () => void;
  /** Whether it was read since the hand last passed it. */
  isUsed: boolean;
}

/** The user or address in whose name entries are kept. */
interface Holder {
  readonly name: string;
  readonly entries: Set<Entry>;
  /** Goes round from the oldest entry, and spares those that were used since its last pass (the SIEVE algorithm). */
  hand: Iterator<Entry>;
  weight: number;
}

/** The entries of one kind, by key. */
export interface CacheRegion<Value> {
  get(key: string): Value | undefined;
  /** Keeps a value, unless it is too large. @param weight the bytes of the value and its key */
  set(holder: string, key: string, value: Value, weight: number): void;
  delete(key: string): void;
}

export interface Cache {
  /** @param onDrop is called with each value that is no longer kept */
  region<Value>(onDrop?: (value: Value) => void): CacheRegion<Value>;
  /** The bytes of all entries. */
  readonly weight: number;
}

/** @returns the bytes that a text takes in memory */
export const cacheWeightOfText = (text: string): number => (/[^\0-\xff]/.test(text) ? 2 : 1) * text.length;

/** The bytes that an entry takes beside its value: in the maps, in its holder's set and as an object. */
const ENTRY_WEIGHT = 500;
/** A value that takes a larger part of the cache is not kept, because it would push out too much at once. */
const LARGEST_PART = 1 / 8;

/** @param maxBytes the limit of all regions together */
export function createCache(maxBytes: number): Cache {
  const holders = new Map<string, Holder>();
  let total = 0;

  function holderOf(name: string): Holder {
    let holder = holders.get(name);
    if (!holder) {
      const entries = new Set<Entry>();
      holder = { name, entries, hand: entries.values(), weight: 0 };
      holders.set(name, holder);
    }
    return holder;
  }

  /** The largest holder must make room, so that a user who adds much pushes out their own entries. */
  function findLargest(): Holder | undefined {
    let largest: Holder | undefined;
    for (const holder of holders.values()) {
      if (holder.entries.size > 0 && holder.weight > (largest?.weight ?? 0)) largest = holder;
    }
    return largest;
  }

  function findOldestUnused(holder: Holder): Entry {
    for (;;) {
      const { value, done } = holder.hand.next();
      if (done) holder.hand = holder.entries.values();
      else if (value.isUsed) value.isUsed = false;
      else return value;
    }
  }

  function remove(entry: Entry): void {
    const { holder, weight } = entry;
    holder.entries.delete(entry);
    holder.weight -= weight;
    total -= weight;
    if (holder.weight === 0) holders.delete(holder.name);
    entry.drop();
  }

  return {
    get weight() {
      return total;
    },

    region<Value>(onDrop?: (value: Value) => void): CacheRegion<Value> {
      const entries = new Map<string, Entry & { readonly value: Value }>();

      function removeKey(key: string): void {
        const entry = entries.get(key);
        if (entry) remove(entry);
      }

      return {
        get(key) {
          const entry = entries.get(key);
          if (!entry) return undefined;
          entry.isUsed = true;
          return entry.value;
        },

        set(name, key, value, ownWeight) {
          removeKey(key);
          const weight = ownWeight + ENTRY_WEIGHT;
          if (weight > maxBytes * LARGEST_PART) return;
          const holder = holderOf(name);
          // The new entry counts before room is made, so that its holder may be the largest.
          holder.weight += weight;
          total += weight;
          for (let largest = findLargest(); largest && total > maxBytes; largest = findLargest())
            remove(findOldestUnused(largest));
          const drop = () => {
            entries.delete(key);
            onDrop?.(value);
          };
          const entry = { holder, weight, drop, value, isUsed: false };
          entries.set(key, entry);
          holder.entries.add(entry);
        },

        delete: removeKey,
      };
    },
  };
}
