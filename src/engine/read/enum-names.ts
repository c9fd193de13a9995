/** The names of the enums by which lists are ordered and grouped. Their values decide the SQL of a plan. */
export const ORDER_DIRECTION_ENUM = "OrderDirection";
export const NULLS_ORDER_ENUM = "NullsOrder";
export const TIME_BUCKET_ENUM = "TimeBucket";

/** @returns the name of the enum of the fields by which a type can be ordered */
export const orderFieldEnumName = (typeName: string) => `${typeName}OrderField`;

/** @returns the name of the enum of the fields by which a type can be grouped */
export const groupFieldEnumName = (typeName: string) => `${typeName}GroupField`;
