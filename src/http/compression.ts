/** Bodies on their way out: compressed where that is asked for and worth it. */
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import Negotiator from "negotiator";

/** A smaller body takes as many packets either way. */
const MIN_BYTES = 1024;

type Encoding = "br" | "gzip";

const VARY = "accept-encoding";

const compressBr = promisify(brotliCompress);
const compressGzip = promisify(gzip);

const COMPRESS: Record<Encoding, (body: Buffer) => Promise<Buffer>> = {
  br: (body) =>
    compressBr(body, {
      // Above this it takes much longer for little less.
      params: { [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_SIZE_HINT]: body.length },
    }),
  gzip: (body) => compressGzip(body),
};

/** A body that is sent again and again, so that it is compressed once. */
export interface KeptBody {
  readonly text: string;
  /** A promise while it is being compressed, which whoever asks meanwhile waits for. */
  readonly encoded: Map<Encoding, Buffer | Promise<Buffer>>;
  /** Tells of bytes that have been added to `encoded`. */
  readonly grown: () => void;
}

/** What to send of a body, and the headers that say so. */
export interface EncodedBody {
  readonly bytes: string | Buffer;
  readonly length: number;
  readonly headers?: { readonly vary: string; readonly "content-encoding"?: Encoding };
}

/** In the types of the package this comes later. */
type Preferring = { encodings(available: readonly string[], options: { preferred: readonly string[] }): string[] };

/** @returns how the client wants a body of so many bytes @param accepted the header `accept-encoding` */
function encodingFor(accepted: string | undefined, bytes: number): Encoding | undefined {
  if (accepted === undefined) return undefined;
  const negotiator = new Negotiator({ headers: { "accept-encoding": accepted } }) as unknown as Preferring;
  const wanted = negotiator.encodings(["br", "gzip", "identity"], { preferred: ["br", "gzip"] });
  if (bytes <= MIN_BYTES && wanted.includes("identity")) return undefined;
  return wanted[0] === "identity" ? undefined : (wanted[0] as Encoding | undefined);
}

/** @returns at once where nothing is to be compressed @param accepted the header `accept-encoding` */
export function encodeBody(body: string | KeptBody, accepted: string | undefined): EncodedBody | Promise<EncodedBody> {
  const text = typeof body === "string" ? body : body.text;
  const length = Buffer.byteLength(text);
  const encoding = encodingFor(accepted, length);
  // What is small is the same whatever a client accepts, but for those that refuse it so.
  if (!encoding) return length > MIN_BYTES ? { bytes: text, length, headers: { vary: VARY } } : { bytes: text, length };
  return compressed(body, text, encoding);
}

async function compressed(body: string | KeptBody, text: string, encoding: Encoding): Promise<EncodedBody> {
  const bytes = await (typeof body === "string"
    ? COMPRESS[encoding](Buffer.from(text))
    : compressedOnce(body, encoding));
  return { bytes, length: bytes.length, headers: { "content-encoding": encoding, vary: VARY } };
}

function compressedOnce(body: KeptBody, encoding: Encoding): Buffer | Promise<Buffer> {
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
