/** Says whether tags loosen more than two administrators have agreed on. */

/** @returns why the tags may not be set; null where they may */
export function faultOfLoosening(loosens: readonly string[], agreed: readonly string[]): string | null {
  const more = loosens.filter((sentence) => !agreed.includes(sentence));
  if (more.length === 0) return null;
  return `These tags loosen what takes two administrators: ${more.join(" ")} An ADMIN proposes them with proposeInstanceTags, and another one confirms that.`;
}
