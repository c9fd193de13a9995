/** What is kept because it may be asked for again: one bounded store, in which nobody who asks can push out what others ask for. */

interface Entry {
  readonly holder: Holder;
  readonly weight: number;
  readonly drop: () => void;
  /** Asked for since the hand last came by. */
  used: boolean;
}

/** In whose name things are kept. */
interface Holder {
  readonly name: string;
  readonly entries: Set<Entry>;
  /** Goes round, oldest first: what was used since it came by stays for another round (the algorithm SIEVE). */
  hand: Iterator<Entry>;
  weight: number;
}

/** Things of one kind by key. */
export interface Region<Value> {
  get(key: string): Value | undefined;
  /** Keeps a value in place of what has the key, unless it is too large to be worth it. @param weight in bytes, its key included */
  set(holder: string, key: string, value: Value, weight: number): void;
  delete(key: string): void;
}

export interface Cache {
  /** @param dropped told of each value that is kept no more */
  region<Value>(dropped?: (value: Value) => void): Region<Value>;
  /** Of all that is kept, in bytes. */
  readonly weight: number;
}

/** @returns the bytes of a text in memory */
export const textWeight = (text: string): number => (/[^\0-\xff]/.test(text) ? 2 : 1) * text.length;

/** What an entry takes by itself: in the maps, in its holder's set and as an object. */
const ENTRY_WEIGHT = 500;
/** Of the whole store; something larger would push out too much at once. */
const LARGEST_PART = 1 / 8;

/** @param maxBytes of all regions together */
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

  /** Who holds most gives way, so that whoever adds much pushes out what is its own. */
  function largest(): Holder | undefined {
    let most: Holder | undefined;
    for (const holder of holders.values()) {
      if (holder.entries.size > 0 && holder.weight > (most?.weight ?? 0)) most = holder;
    }
    return most;
  }

  function oldestUnused(holder: Holder): Entry {
    for (;;) {
      const { value, done } = holder.hand.next();
      if (done) holder.hand = holder.entries.values();
      else if (value.used) value.used = false;
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

    region<Value>(dropped?: (value: Value) => void): Region<Value> {
      const entries = new Map<string, Entry & { readonly value: Value }>();

      function forget(key: string): void {
        const entry = entries.get(key);
        if (entry) remove(entry);
      }

      return {
        get(key) {
          const entry = entries.get(key);
          if (!entry) return undefined;
          entry.used = true;
          return entry.value;
        },

        set(name, key, value, ownWeight) {
          forget(key);
          const weight = ownWeight + ENTRY_WEIGHT;
          if (weight > maxBytes * LARGEST_PART) return;
          const holder = holderOf(name);
          // Counted before room is made, so that whoever adds is weighed with what is added.
          holder.weight += weight;
          total += weight;
          for (let giver = largest(); giver && total > maxBytes; giver = largest()) remove(oldestUnused(giver));
          const drop = () => {
            entries.delete(key);
            dropped?.(value);
          };
          const entry = { holder, weight, drop, value, used: false };
          entries.set(key, entry);
          holder.entries.add(entry);
        },

        delete: forget,
      };
    },
  };
}
