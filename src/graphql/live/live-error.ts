/** An error as a client sees it, in the form in which the package graphql-ws sends errors. */
import { GraphQLError, type GraphQLFormattedError } from "graphql";

export class LiveError extends GraphQLError {
  constructor(private readonly formatted: GraphQLFormattedError) {
    super(formatted.message, { extensions: formatted.extensions });
  }

  override toJSON(): GraphQLFormattedError {
    return this.formatted;
  }
}
