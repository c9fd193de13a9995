/** How long tests wait for what comes soon: on a busy machine much later than on a quiet one. For `vi.waitFor`. */
export const SOON = { timeout: 20_000, interval: 20 } as const;
