/** Users of Postern. */
import { writeResolvers } from "../../wire/write-resolver.js";
import { createUserService, type UsersDeps } from "./users.service.js";
import { userWrites } from "./users.types.js";

export const userResolvers = (deps: UsersDeps) => writeResolvers(userWrites, createUserService(deps));
