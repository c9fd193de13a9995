/** The classes of local instances: how much memory each server uses, and how many clients it takes. */
import type { ClusterSettings } from "../../postgres/cluster.js";

/** A class, for each server of an instance. */
export interface LocalClass {
  /** What the host must have for a server: its buffers, and what usual clients take beside them. */
  readonly memoryMiB: number;
  readonly maxConnections: number;
  /** What only a restart changes. */
  readonly startSettings: ClusterSettings;
  /** What people, and parameter groups, may set otherwise. */
  readonly defaults: ClusterSettings;
}

const CLASSES = {
  "local.micro": {
    memoryMiB: 128,
    maxConnections: 50,
    startSettings: { shared_buffers: "16MB" },
    defaults: { work_mem: "4MB", maintenance_work_mem: "32MB", effective_cache_size: "96MB" },
  },
  "local.small": {
    memoryMiB: 512,
    maxConnections: 100,
    startSettings: { shared_buffers: "128MB" },
    defaults: { work_mem: "4MB", maintenance_work_mem: "64MB", effective_cache_size: "384MB" },
  },
  "local.medium": {
    memoryMiB: 2048,
    maxConnections: 200,
    startSettings: { shared_buffers: "512MB" },
    defaults: { work_mem: "8MB", maintenance_work_mem: "128MB", effective_cache_size: "1536MB" },
  },
  "local.large": {
    memoryMiB: 8192,
    maxConnections: 400,
    startSettings: { shared_buffers: "2GB" },
    defaults: { work_mem: "16MB", maintenance_work_mem: "512MB", effective_cache_size: "6GB" },
  },
} as const satisfies Record<string, LocalClass>;

export type LocalClassName = keyof typeof CLASSES;

/** Their names, the smallest first. */
export const LOCAL_CLASSES = Object.keys(CLASSES) as [LocalClassName, ...LocalClassName[]];

/** The class of a new instance, and of one that was made before there were classes. */
export const DEFAULT_CLASS: LocalClassName = "local.micro";

export const localClass = (name: LocalClassName): LocalClass => CLASSES[name];
