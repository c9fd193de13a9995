/** Names a document in the log by a hash. */
import { hash } from "node:crypto";

/**
 * The comments and strings of a document. A quote in a comment begins no string. Each part also matches a string that does not end, so that
 * no text, however hostile, is looked through twice.
 */
const COMMENTS_AND_STRINGS = /#[^\n\r]*|"""(?:[^"\\]|\\.|"(?!""))*(?:""")?|"(?:[^"\\\n\r]|\\.)*"?/gs;

const sha256 = (text: string) => hash("sha256", text);

/**
 * Strings are emptied before (and comments left out, which may hold quotes), because whoever reads the log could try passwords until a document has this hash. For example,
 * `mutation { signIn(input: { email: "a@b.example", password: "..." }) { accessToken } }` is named by the hash of
 * `mutation { signIn(input: { email: "", password: "" }) { accessToken } }`.
 * @param ownHash the SHA-256 of the text, where it is known
 * @returns the SHA-256 of a document without comments whose strings are empty, which is its own where it has none
 */
export const documentHash = (text: string, ownHash?: string): string =>
  text.includes('"')
    ? sha256(text.replace(COMMENTS_AND_STRINGS, (part) => (part.startsWith("#") ? "" : '""')))
    : (ownHash ?? sha256(text));
