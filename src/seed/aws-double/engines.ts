/** What the double knows of database engines: versions, ports, licences, families of parameter groups. */

interface Engine {
  readonly version: string;
  readonly port: number;
  readonly license: string;
  /** The family of parameter groups that fit it. */
  readonly family: string;
  readonly masterUsername: string;
  readonly storageType: string;
}

const of = (version: string, port: number, license: string, family: string, masterUsername: string): Engine => ({
  ...{ version, port, license, family, masterUsername },
  storageType: family.startsWith("aurora") ? "aurora" : "gp3",
});

const ENGINES: Readonly<Record<string, Engine>> = {
  postgres: of("16.9", 5432, "postgresql-license", "postgres16", "postgres"),
  mysql: of("8.0.42", 3306, "general-public-license", "mysql8.0", "admin"),
  mariadb: of("11.4.5", 3306, "general-public-license", "mariadb11.4", "admin"),
  "oracle-ee": of("19.0.0.0.ru-2025-07.rur-2025-07.r1", 1521, "bring-your-own-license", "oracle-ee-19", "admin"),
  "sqlserver-se": of("15.00.4435.7.v1", 1433, "license-included", "sqlserver-se-15.0", "admin"),
  "aurora-postgresql": of("16.8", 5432, "postgresql-license", "aurora-postgresql16", "postgres"),
  "aurora-mysql": of("8.0.mysql_aurora.3.08.2", 3306, "general-public-license", "aurora-mysql8.0", "admin"),
};

/** @returns the engine; of one that the double does not know, what can be said of any */
export const engineOf = (name: string): Engine =>
  ENGINES[name] ?? of("1.0", 5432, "license-included", `${name}-1`, "admin");

/** @returns the family of the default group of this name, which is there without being made */
export const familyOfDefaultGroup = (name: string): string | undefined =>
  Object.values(ENGINES).find(({ family }) => name === `default.${family}`)?.family;

export const isAurora = (engine: string): boolean => engine.startsWith("aurora");
