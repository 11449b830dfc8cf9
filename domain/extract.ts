/**
 * Tables that are taken out of a scratch database. They go into a schema of their own there, so that they can't meet the tables of
 * the database that they are brought back to.
 */

/** A table as an operator names it. */
export interface TableName {
  readonly schema: string;
  readonly table: string;
}

// PostgreSQL's limit for names: https://www.postgresql.org/docs/17/limits.html
const plain = /^[A-Za-z_][A-Za-z0-9_$]{0,62}$/;

/** @throws RangeError when it is none */
export const parseTableName = (text: string): TableName => {
  const parts = text.split(".");
  const [schema = "", table = ""] = parts.length === 1 ? ["public", text] : parts;
  if (parts.length > 2 || !plain.test(schema) || !plain.test(table)) {
    throw new RangeError(`"${text}" is no table: it must be TABLE or SCHEMA.TABLE, without quotes`);
  }
  return { schema, table };
};

/** `restored_20261124_165255`, from the moment of the restore. */
export const restoredSchema = (now: Date): string =>
  `restored_${now.toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "_")}`;

const quoted = (name: string): string => `"${name}"`;

/**
 * Moves the tables into a schema of their own, in the scratch database. What ties them to other tables goes: rows that a foreign key
 * wants may not be there any more, and a trigger would act on other tables. It is printed, for whoever puts a table back altogether.
 */
export const moveTables = (tables: readonly TableName[], schema: string): string =>
  [
    "BEGIN;",
    `CREATE SCHEMA ${quoted(schema)};`,
    ...tables.map(
      ({ schema: from, table }) => `ALTER TABLE ${quoted(from)}.${quoted(table)} SET SCHEMA ${quoted(schema)};`,
    ),
    `SELECT format('%s: ALTER TABLE %I ADD CONSTRAINT %I %s;', relname, relname, conname, pg_get_constraintdef(c.oid))
       FROM pg_constraint c JOIN pg_class t ON t.oid = conrelid
      WHERE contype = 'f' AND conparentid = 0 AND connamespace = '${schema}'::regnamespace;`,
    `SELECT format('%s: %s;', relname, pg_get_triggerdef(g.oid))
       FROM pg_trigger g JOIN pg_class t ON t.oid = tgrelid
      WHERE NOT tgisinternal AND tgparentid = 0 AND relnamespace = '${schema}'::regnamespace;`,
    `DO $$
     DECLARE tie record;
     BEGIN
       FOR tie IN SELECT conrelid::regclass AS owner, conname FROM pg_constraint
                   WHERE contype = 'f' AND conparentid = 0 AND connamespace = '${schema}'::regnamespace LOOP
         EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', tie.owner, tie.conname);
       END LOOP;
       FOR tie IN SELECT tgrelid::regclass AS owner, tgname FROM pg_trigger g JOIN pg_class t ON t.oid = tgrelid
                   WHERE NOT tgisinternal AND tgparentid = 0 AND relnamespace = '${schema}'::regnamespace LOOP
         EXECUTE format('DROP TRIGGER %I ON %s', tie.tgname, tie.owner);
       END LOOP;
     END $$;`,
    "COMMIT;",
  ].join("\n");

/** What an operator does with tables that lie beside the living ones. */
export const bringBack = (tables: readonly TableName[], schema: string): string => {
  const [{ schema: home, table } = { schema: "public", table: "TABLE" }] = tables;
  return [
    `-- lost altogether: ALTER TABLE ${schema}.${table} SET SCHEMA ${home};`,
    `-- single rows: INSERT INTO ${home}.${table} SELECT * FROM ${schema}.${table} WHERE … ON CONFLICT DO NOTHING;`,
    `-- done with them: DROP SCHEMA ${schema} CASCADE;`,
  ].join("\n");
};
