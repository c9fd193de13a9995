/** Compresses bodies where the client accepts it and it is worth it. */
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import Negotiator from "negotiator";

/** A smaller body takes as many packets uncompressed. */
const MIN_BYTES = 1024;

type Encoding = "br" | "gzip";

const VARY = "accept-encoding";

const compressBr = promisify(brotliCompress);
const compressGzip = promisify(gzip);

const COMPRESS: Record<Encoding, (body: Buffer) => Promise<Buffer>> = {
  br: (body) =>
    compressBr(body, {
      // A higher quality takes much longer for little gain.
      params: { [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_SIZE_HINT]: body.length },
    }),
  gzip: (body) => compressGzip(body),
};

/** A body that is sent again and again, and so compressed once. */
export interface CompressibleBody {
  readonly text: string;
  /** The compressed bytes, or a promise of them that other requests wait for. */
  readonly encoded: Map<Encoding, Buffer | Promise<Buffer>>;
  /** Is called when bytes were added to `encoded`. */
  readonly grown: () => void;
}

/** The bytes to send for a body, and their headers. */
export interface CompressedBody {
  readonly bytes: string | Buffer;
  readonly length: number;
  readonly headers?: { readonly vary: string; readonly "content-encoding"?: Encoding };
}

/** The package has this option, but its types do not. */
type Preferring = { encodings(available: readonly string[], options: { preferred: readonly string[] }): string[] };

/** @returns the encoding of a body with this length; undefined for none @param accepted the header `accept-encoding` */
function encodingFor(accepted: string | undefined, bytes: number): Encoding | undefined {
  if (accepted === undefined) return undefined;
  const negotiator = new Negotiator({ headers: { "accept-encoding": accepted } }) as unknown as Preferring;
  const acceptable = negotiator.encodings(["br", "gzip", "identity"], { preferred: ["br", "gzip"] });
  if (bytes <= MIN_BYTES && acceptable.includes("identity")) return undefined;
  return acceptable[0] === "identity" ? undefined : (acceptable[0] as Encoding | undefined);
}

/** Returns no promise where nothing is compressed. @param accepted the header `accept-encoding` */
export function compressBody(
  body: string | CompressibleBody,
  accepted: string | undefined,
): CompressedBody | Promise<CompressedBody> {
  const text = typeof body === "string" ? body : body.text;
  const length = Buffer.byteLength(text);
  const encoding = encodingFor(accepted, length);
  // A small body hardly ever depends on `accept-encoding`, so it needs no `vary`.
  if (!encoding) return length > MIN_BYTES ? { bytes: text, length, headers: { vary: VARY } } : { bytes: text, length };
  return compress(body, text, encoding);
}

async function compress(body: string | CompressibleBody, text: string, encoding: Encoding): Promise<CompressedBody> {
  const bytes = await (typeof body === "string" ? COMPRESS[encoding](Buffer.from(text)) : compressOnce(body, encoding));
  return { bytes, length: bytes.length, headers: { "content-encoding": encoding, vary: VARY } };
}

function compressOnce(body: CompressibleBody, encoding: Encoding): Buffer | Promise<Buffer> {
  const { encoded } = body;
  const kept = encoded.get(encoding);
  if (kept) return kept;
  const compressing = COMPRESS[encoding](Buffer.from(body.text)).then(
    (bytes) => {
      encoded.set(encoding, bytes);
      body.grown();
      return bytes;
    },
    (error: unknown) => {
      encoded.delete(encoding);
      throw error;
    },
  );
  encoded.set(encoding, compressing);
  return compressing;
}
