/** The enum of the types of operation. */
import { pgEnum } from "drizzle-orm/pg-core";
import { OPERATION_TYPES } from "../../../values/operations/declarations.js";

export const operationType = pgEnum("operation_type", OPERATION_TYPES);
