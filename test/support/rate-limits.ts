/** `RATE_LIMITS` for what asks far more often than anybody may: the limits are on, and nothing meets them. */

const high = { points: 1_000_000 };

export const RAISED_LIMITS = JSON.stringify({
  authentication: { account: high, address: high },
  registration: { address: high },
  bulk: { signedIn: high, anonymous: high },
  api: { signedIn: high, anonymous: high },
});
