/**
 * The tables of the plan (`users`, `refresh_tokens`) and an ERP's around them. Indexes and foreign keys are separate: rows
 * go in first.
 */
export interface Table {
  readonly name: string;
  /** Columns as `CREATE TABLE` takes them. */
  readonly columns: string;
  readonly indexes: readonly string[];
  readonly foreignKeys: readonly string[];
  /** Rows at scale 1, where the whole database takes about 1 GB. */
  readonly rows: number;
}

const primaryKey = (table: string, columns = "id") => `ALTER TABLE ${table} ADD PRIMARY KEY (${columns})`;
const index = (table: string, columns: string) => `CREATE INDEX ON ${table} (${columns})`;
const unique = (table: string, columns: string) => `CREATE UNIQUE INDEX ON ${table} (${columns})`;
const reference = (table: string, column: string, target: string) =>
  `ALTER TABLE ${table} ADD FOREIGN KEY (${column}) REFERENCES ${target} (id)`;

export const tables = {
  users: {
    name: "users",
    columns: `id bigint NOT NULL, email text NOT NULL, password_hash text NOT NULL, role text NOT NULL,
      first_name text NOT NULL, last_name text NOT NULL, created_at timestamptz NOT NULL, last_login_at timestamptz`,
    indexes: [primaryKey("users"), unique("users", "email")],
    foreignKeys: [],
    rows: 40_000,
  },
  refresh_tokens: {
    name: "refresh_tokens",
    columns: `id bigint NOT NULL, user_id bigint NOT NULL, token_hash text NOT NULL, issued_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL, revoked boolean NOT NULL`,
    indexes: [primaryKey("refresh_tokens"), unique("refresh_tokens", "token_hash"), index("refresh_tokens", "user_id")],
    foreignKeys: [reference("refresh_tokens", "user_id", "users")],
    rows: 120_000,
  },
  customers: {
    name: "customers",
    columns: `id bigint NOT NULL, number text NOT NULL, name text NOT NULL, contact text NOT NULL, email text NOT NULL,
      phone text NOT NULL, street text NOT NULL, postcode text NOT NULL, city text NOT NULL, country char(2) NOT NULL,
      tax_id text NOT NULL, iban text NOT NULL, credit_limit numeric(12,2) NOT NULL, created_at timestamptz NOT NULL`,
    indexes: [primaryKey("customers"), unique("customers", "number"), index("customers", "name")],
    foreignKeys: [],
    rows: 120_000,
  },
  products: {
    name: "products",
    columns: `id bigint NOT NULL, sku text NOT NULL, name text NOT NULL, description text NOT NULL, attributes jsonb NOT NULL,
      price numeric(12,2) NOT NULL, stock integer NOT NULL, updated_at timestamptz NOT NULL`,
    indexes: [primaryKey("products"), unique("products", "sku")],
    foreignKeys: [],
    rows: 60_000,
  },
  orders: {
    name: "orders",
    columns: `id bigint NOT NULL, number text NOT NULL, customer_id bigint NOT NULL, clerk_id bigint NOT NULL,
      state text NOT NULL, currency char(3) NOT NULL, net numeric(14,2) NOT NULL, tax numeric(14,2) NOT NULL,
      ordered_at timestamptz NOT NULL, customer_reference text NOT NULL, note text NOT NULL`,
    indexes: [
      primaryKey("orders"),
      unique("orders", "number"),
      index("orders", "customer_id"),
      index("orders", "ordered_at"),
    ],
    foreignKeys: [reference("orders", "customer_id", "customers"), reference("orders", "clerk_id", "users")],
    rows: 800_000,
  },
  order_lines: {
    name: "order_lines",
    columns: `order_id bigint NOT NULL, position smallint NOT NULL, product_id bigint NOT NULL, description text NOT NULL,
      quantity numeric(10,3) NOT NULL, unit_price numeric(12,2) NOT NULL, discount numeric(4,2) NOT NULL,
      deliver_on date NOT NULL`,
    indexes: [primaryKey("order_lines", "order_id, position"), index("order_lines", "product_id")],
    foreignKeys: [reference("order_lines", "order_id", "orders"), reference("order_lines", "product_id", "products")],
    rows: 3_200_000,
  },
  invoices: {
    name: "invoices",
    columns: `id bigint NOT NULL, number text NOT NULL, order_id bigint NOT NULL, issued_at timestamptz NOT NULL,
      due_on date NOT NULL, gross numeric(14,2) NOT NULL, currency char(3) NOT NULL, signature text NOT NULL,
      document text NOT NULL`,
    indexes: [primaryKey("invoices"), unique("invoices", "number"), index("invoices", "order_id")],
    foreignKeys: [reference("invoices", "order_id", "orders")],
    rows: 500_000,
  },
  payments: {
    name: "payments",
    columns: `id bigint NOT NULL, invoice_id bigint NOT NULL, method text NOT NULL, amount numeric(14,2) NOT NULL,
      received_at timestamptz NOT NULL, bank_reference text NOT NULL`,
    indexes: [primaryKey("payments"), index("payments", "invoice_id")],
    foreignKeys: [reference("payments", "invoice_id", "invoices")],
    rows: 450_000,
  },
} as const satisfies Record<string, Table>;

export type TableName = keyof typeof tables;
export const tableNames = Object.keys(tables) as TableName[];

/** Order lines of each order, so that every line has an order. */
export const linesPerOrder = tables.order_lines.rows / tables.orders.rows;

/** Smallest and largest scale: below, a table would have no rows worth reading; above, 10Gi do not hold database and WAL. */
export const scaleLimits = { least: 0.001, most: 5 } as const;

export type RowCounts = Readonly<Record<TableName, number>>;

/** @throws RangeError when the scale is outside of `scaleLimits` or not a number */
export function rowCounts(scale: number): RowCounts {
  if (!(scale >= scaleLimits.least && scale <= scaleLimits.most)) {
    throw new RangeError(
      `scale ${scale} is out of range: 1 makes about 1 GB; give a number from ${scaleLimits.least} to ${scaleLimits.most}, ` +
        `more does not fit on the lab's 10Gi volume together with its WAL`,
    );
  }
  const counts = Object.fromEntries(tableNames.map((name) => [name, Math.ceil(tables[name].rows * scale)]));
  const scaled = counts as Record<TableName, number>;
  scaled.order_lines = scaled.orders * linesPerOrder;
  return scaled;
}

/**
 * The table of the recording writer. `run` tells apart the runs of writers, so that several can share a database; `id` counts
 * within one. `payload` makes a row about as wide as an order.
 */
export const acknowledgedWrites = `CREATE TABLE IF NOT EXISTS acknowledged_writes (
  run uuid NOT NULL, id bigint NOT NULL, session smallint NOT NULL, payload text NOT NULL,
  written_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (run, id))`;
