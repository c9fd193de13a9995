/** What the browser keeps beyond its session: tabs, history and settings, without what was typed under the name of a secret. */

/** A field or a variable's default, in a GraphQL or JSON text, whose value is a secret, and the value as far as it is typed. */
const SECRET =
  /("?\b(?:\w*password|\w*token|\w*secret|otp)"?\s*:\s*(?:String!?\s*=\s*)?)("""[\s\S]*?(?:"""|$)|"(?:[^"\\\n]|\\.)*"?)/gi;

const withoutSecrets = (text: string): string => text.replace(SECRET, '$1""');

/** The keys under which GraphiQL keeps JSON that holds texts. Under others it keeps texts. */
const OF_JSON = /:(tabState|queries|favorites)$/;

function cleaned(key: string, value: string): string {
  if (!OF_JSON.test(key)) return withoutSecrets(value);
  return JSON.stringify(
    JSON.parse(value, (name, each: unknown) => {
      // A header may be a token.
      if (name === "headers") return null;
      return typeof each === "string" ? withoutSecrets(each) : each;
    }),
  );
}

/** The browser's storage as GraphiQL uses it. */
export const storageWithoutSecrets = {
  get length() {
    return localStorage.length;
  },
  clear: () => localStorage.clear(),
  getItem: (key: string) => localStorage.getItem(key),
  setItem: (key: string, value: string) => localStorage.setItem(key, cleaned(key, value)),
  removeItem: (key: string) => localStorage.removeItem(key),
};
