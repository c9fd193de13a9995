/** What may be a password. */
import { expect, test } from "vitest";
import { type PasswordOwner, requireGoodPassword } from "../../src/auth/password-policy.js";
import type { AppError } from "../../src/errors.js";

const faultOf = (password: string, owner?: PasswordOwner): Promise<AppError> =>
  requireGoodPassword(password, "newPassword", owner).then(
    () => {
      throw new Error(`accepted: ${password}`);
    },
    (error: AppError) => error,
  );

test.each([
  ["eleven", "x7!kQ2m9#Zp"],
  ["emoji count once", "🦊".repeat(6)],
  ["composed characters count once", "e\u0308".repeat(6)],
  ["129", "x7!kQ2m9#Zp4".repeat(11).slice(0, 129)],
])("a password of the wrong length is refused: %s", async (_, password) => {
  const { extensions, message } = await faultOf(password);
  expect(extensions).toEqual({ code: "BAD_USER_INPUT", field: "newPassword" });
  expect(message).toMatch(/at (least 12|most 128) characters/);
});

test.each([
  "password1234",
  "PassWord2026!",
  "ＰａｓｓＷｏｒｄ2026!",
  "!!!Welcome123",
  "sunshine 2026",
  "aaaaaaaaaaaa",
  "abcabcabcabc",
  "123456789012",
  "098765432109",
  "ABCDEFGHIJKL",
  "qwertyuiopas",
  "1qaz2wsx3edc",
  "1q2w3e4r5t6y",
  "administrator",
  "passwordpassword",
  "sunshinesunshine!",
  "websolutions",
  "LeaveMeAlone",
  "12leavemealone",
  "letmein-please",
  "Postern-2026-admin",
  "!p@ssw0rd!2026",
])("one of the commonest is refused: %s", async (password) => {
  const { extensions, message } = await faultOf(password);
  expect(extensions).toEqual({ code: "BAD_USER_INPUT", field: "newPassword" });
  expect(message).toContain("commonest");
});

const ADA = { email: "ada.lovelace@analytical.example", fullName: "Augusta Ada King-Noel" };
test.each([
  ["the address", "ada.lovelace@analytical.example"],
  ["the address in capitals, with a year", "Ada.Lovelace@Analytical.Example1815"],
  ["the local part with signs", "!!adalovelace!!"],
  ["the local part, twice", "ada.lovelace-ada.lovelace"],
  ["parts in another order", "Lovelace_Ada_1815"],
  ["the full name", "Augusta Ada King-Noel"],
  ["the name without spaces, in wide letters", "ＡｕｇｕｓｔａＫｉｎｇ１８１５"],
  ["name and address", "King Lovelace 12"],
  ["digits among the letters", "a1d2a3lovelace"],
])("%s is no password of its account", async (_, password) => {
  const { extensions, message } = await faultOf(password, ADA);
  expect(extensions).toEqual({ code: "BAD_USER_INPUT", field: "newPassword" });
  expect(message).toContain("e-mail address or name");
  await requireGoodPassword(password, "newPassword", { email: "bob@other.example", fullName: null });
});

test.each([
  "correct horse battery",
  "x7!kQ2m9#Zp4",
  "パスワードは十二文字以上で",
  "Tr0ub4dor&3-again",
  "9382-7492-0192",
  "83b-2947-1063-58",
  "ada keeps four bees",
  `a${"b7!".repeat(42)}c`,
])("a password that is none of them is accepted: %s", (password) => requireGoodPassword(password, "password", ADA));

test("an account without a letter in its name forbids nothing", () =>
  requireGoodPassword("9382-7492-0192", "password", { email: "1@2.3", fullName: "42" }));
