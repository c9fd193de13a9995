/** The input that plans an operation of any type. */
import { z } from "zod";
import { showAs } from "../../../values/inputs.js";
import { OPERATION_DECLARATIONS } from "../../../values/operations/declarations.js";
import { operationRequestInput } from "./operations.inputs.js";

export const PlanOperationInput = showAs(
  {
    name: "PlanOperationInput",
    description: "The request that is planned: exactly one, with the input of its mutation.",
    isOneOf: true,
  },
  z.object(
    Object.fromEntries(
      OPERATION_DECLARATIONS.map((declaration) => {
        const { name, what } = declaration.mutation;
        return [name, operationRequestInput(declaration).nullish().describe(what)];
      }),
    ),
  ),
);
