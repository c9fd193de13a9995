/** Marks objects of embedded types that no plan has built: their fields have their own names, and not the keys of the response. */
export class NamedFields {
  private constructor(fields: object) {
    Object.assign(this, fields);
  }

  /** @returns the value with all its objects marked */
  static of(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => NamedFields.of(item));
    if (typeof value !== "object" || value === null) return value;
    return new NamedFields(
      Object.fromEntries(Object.entries(value).map(([name, field]) => [name, NamedFields.of(field)])),
    );
  }
}
