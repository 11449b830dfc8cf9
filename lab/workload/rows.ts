import { at, Random } from "./random";
import { linesPerOrder, type RowCounts, type TableName, tableNames } from "./schema";
import * as vocabulary from "./vocabulary";

/** Bytes handed to the server at once: large enough that the copying, not the hand-over, takes the time. */
const CHUNK = 256 * 1024;
const DAY = 86_400_000;
/** The five years of business that the rows tell of. Fixed, since rows must not depend on the day they are made on. */
const FIRST_DAY = Date.UTC(2020, 0, 1);
const DAYS = 5 * 365;

const days = Array.from({ length: DAYS + 400 }, (_, n) => new Date(FIRST_DAY + n * DAY).toISOString().slice(0, 10));
const sixty = Array.from({ length: 60 }, (_, n) => String(n).padStart(2, "0"));
const twoDigits = (random: Random): string => random.pick(sixty);
const dateOf = (day: number): string => at(days, day);

/** A moment of business hours on that day, to the microsecond, as a server would have stamped it. */
const moment = (random: Random, day: number): string =>
  `${dateOf(day)} ${at(sixty, random.between(6, 19))}:${twoDigits(random)}:${twoDigits(random)}.${random.digits(2)}+00`;

/** Later orders have later days; `total` of them fill the years evenly. */
const dayOf = (id: number, total: number): number => Math.min(DAYS - 1, Math.floor(((id - 1) / total) * DAYS));

const money = (random: Random, limit: number): string => `${random.below(limit)}.${twoDigits(random)}`;

function note(random: Random, most: number): string {
  let text = random.pick(vocabulary.noteWords);
  for (let n = random.between(2, most); n > 0; n--) text += ` ${random.pick(vocabulary.noteWords)}`;
  return text;
}

type Row = (random: Random, id: number, counts: RowCounts) => string;

/** One line of COPY's text format for each row, its fields in the order of the table's columns. */
const row: Readonly<Record<TableName, Row>> = {
  users: (random, id) => {
    const first = random.pick(vocabulary.firstNames);
    const last = random.pick(vocabulary.lastNames);
    // Not a hash of a password, only as long and as random as one: computing real ones takes days, by design.
    const hash = `$argon2id$v=19$m=65536,t=3,p=4$${random.base64(11)}$${random.base64(21)}`;
    const email = `${first}.${last}.${id}@${random.pick(vocabulary.cities)}.example`.toLowerCase();
    const day = random.below(DAYS);
    return `${id}\t${email}\t${hash}\t${random.pick(vocabulary.roles)}\t${first}\t${last}\t${moment(random, day)}\t${moment(random, day + random.below(300))}\n`;
  },

  refresh_tokens: (random, id, counts) => {
    const day = random.below(DAYS);
    return `${id}\t${random.between(1, counts.users)}\t${random.hex(16)}\t${moment(random, day)}\t${moment(random, day + 7)}\t${random.below(4) === 0 ? "t" : "f"}\n`;
  },

  customers: (random, id) => {
    const name = `${random.pick(vocabulary.lastNames)} ${random.pick(vocabulary.productNouns)} ${random.pick(vocabulary.legalForms)}`;
    const contact = `${random.pick(vocabulary.firstNames)} ${random.pick(vocabulary.lastNames)}`;
    const country = random.pick(vocabulary.countries);
    return `${id}\tC${random.digits(1)}${id}\t${name}\t${contact}\tpurchasing-${id}@${random.pick(vocabulary.cities).toLowerCase()}.example\t+${random.between(30, 90)} ${random.digits(3)}\t${random.pick(vocabulary.streets)} ${random.between(1, 240)}\t${random.digits(2).slice(1)}\t${random.pick(vocabulary.cities)}\t${country}\t${country}${random.digits(3)}\t${country}${random.digits(6)}\t${money(random, 500_000)}\t${moment(random, random.below(DAYS))}\n`;
  },

  products: (random, id) => {
    const name = `${random.pick(vocabulary.productAdjectives)} ${random.pick(vocabulary.productAdjectives)} ${random.pick(vocabulary.productNouns)} ${random.between(2, 800)} mm`;
    const attributes = `{"ean": "${random.digits(4)}", "weight": ${money(random, 90)}, "material": "${random.pick(vocabulary.productAdjectives)}", "bin": "${random.hex(1)}-${random.between(1, 99)}", "supplier": ${random.below(4000)}}`;
    return `${id}\tP-${random.hex(1)}-${id}\t${name}\t${note(random, 30)}\t${attributes}\t${money(random, 3000)}\t${random.below(9000)}\t${moment(random, random.below(DAYS))}\n`;
  },

  orders: (random, id, counts) => {
    const day = dayOf(id, counts.orders);
    const year = dateOf(day).slice(0, 4);
    return `${id}\tSO-${year}-${id}\t${random.between(1, counts.customers)}\t${random.between(1, counts.users)}\t${random.pick(vocabulary.orderStates)}\t${random.pick(vocabulary.currencies)}\t${money(random, 60_000)}\t${money(random, 11_000)}\t${moment(random, day)}\t${random.pick(vocabulary.lastNames)}/${random.hex(3)}\t${note(random, 16)}\n`;
  },

  order_lines: (random, line, counts) => {
    const order = Math.ceil(line / linesPerOrder);
    const position = ((line - 1) % linesPerOrder) + 1;
    const description = `${random.pick(vocabulary.productAdjectives)} ${random.pick(vocabulary.productNouns)} ${random.between(2, 800)}/${random.hex(1)}`;
    return `${order}\t${position}\t${random.between(1, counts.products)}\t${description}\t${random.between(1, 400)}.${random.digits(1)}\t${money(random, 3000)}\t${random.below(30)}.${twoDigits(random)}\t${dateOf(dayOf(order, counts.orders) + random.between(1, 60))}\n`;
  },

  invoices: (random, id, counts) => {
    const order = random.between(1, counts.orders);
    const day = dayOf(order, counts.orders) + random.between(1, 30);
    return `${id}\tRE-${dateOf(day).slice(0, 4)}-${id}\t${order}\t${moment(random, day)}\t${dateOf(day + 30)}\t${money(random, 70_000)}\t${random.pick(vocabulary.currencies)}\t${random.base64(32)}\tinvoices/${dateOf(day).replaceAll("-", "/")}/${random.hex(8)}.pdf\n`;
  },

  payments: (random, id, counts) => {
    const invoice = random.between(1, counts.invoices);
    return `${id}\t${invoice}\t${random.pick(vocabulary.paymentMethods)}\t${money(random, 70_000)}\t${moment(random, random.below(DAYS))}\tRE-${invoice}/${random.pick(vocabulary.lastNames).toUpperCase()} ${random.hex(6)}\n`;
  },
};

/**
 * The rows of one table in COPY's text format, in chunks that end with whole rows. The same seed and counts give the same
 * bytes.
 */
export function* rowChunks(table: TableName, counts: RowCounts, seed: number): Generator<string, void, undefined> {
  const random = new Random(seed, tableNames.indexOf(table) + 1);
  const makeRow = row[table];
  let chunk = "";
  for (let id = 1; id <= counts[table]; id++) {
    chunk += makeRow(random, id, counts);
    if (chunk.length >= CHUNK) {
      yield chunk;
      chunk = "";
    }
  }
  if (chunk !== "") yield chunk;
}
